package saga

import (
	"fmt"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/service"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/gofile"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// A Method is one method of a saga's interface. Its parameters are a context,
// a Tx if Tx is set, the state, In if it is set, and a cause if Cause is set;
// its results are a pointer to Out if it is set, and an error.
type Method struct {
	Name, Doc string
	// Tx tells whether it runs in the transaction that moves the instance.
	Tx bool
	// In is what it is given besides the state, under the name InName.
	In     gofile.Ident
	InName string
	// Cause tells whether it is told why a step failed, and Outcome whether it
	// is told how the saga ended.
	Cause, Outcome bool
	// Out is what it returns besides an error.
	Out gofile.Ident
	// Begins tells whether it is the one that begins an instance.
	Begins bool
}

// HasIn and HasOut tell whether In and Out are set.
func (m Method) HasIn() bool { return m.In.Name != "" }

// HasOut tells whether Out is set.
func (m Method) HasOut() bool { return m.Out.Name != "" }

// Methods returns the methods that a squad writes for a saga, in the order of
// the contract.
func Methods(module string, s *model.Saga) []Method {
	list := []Method{{
		Name: "Begin", Tx: true, In: service.EventIdent(module, s.Start), InName: "e", Begins: true,
		Doc: fmt.Sprintf("Begin takes what the steps need from %s into the state, which is empty.", s.Start.Topic),
	}}
	for _, step := range s.Steps {
		list = append(list, stepMethods(module, step)...)
	}
	if s.Compensate != nil {
		list = append(list, Method{
			Name: "Compensate", Cause: true, Out: service.MessageIdent(s.Compensate.Method.Input),
			Doc: fmt.Sprintf("Compensate returns the request of %s, which undoes what began the saga; cause is why.", callName(s.Compensate)),
		})
	}
	return append(list, Method{
		Name: "Ended", Tx: true, Outcome: true, Cause: true,
		Doc: "Ended is told how the saga ended; cause is nil when it was completed.",
	})
}

func stepMethods(module string, s *model.Step) []Method {
	var list []Method
	name := s.GoName()
	switch {
	case s.Call != nil:
		list = append(list,
			Method{
				Name: name, Out: service.MessageIdent(s.Call.Method.Input),
				Doc: fmt.Sprintf("%s returns the request of the step %s, which calls %s. It is asked once; every attempt sends the same.", name, s.Name, callName(s.Call)),
			},
			Method{
				Name: name + "Done", Tx: true, In: service.MessageIdent(s.Call.Method.Output), InName: "res",
				Doc: fmt.Sprintf("%sDone takes what later steps need from the answer of %s.", name, callName(s.Call)),
			})
	case s.Publish != nil:
		list = append(list, Method{
			Name: name, Tx: true, Out: service.EventIdent(module, s.Publish),
			Doc: fmt.Sprintf("%s returns the event of the step %s, %s, which is published with what it changes.", name, s.Name, s.Publish.Topic),
		})
	default:
		list = append(list, Method{
			Name: name, Tx: true, In: service.EventIdent(module, s.Await), InName: "e",
			Doc: fmt.Sprintf("%s takes what later steps need from %s, which the step %s waits for.", name, s.Await.Topic, s.Name),
		})
	}
	if s.Compensate != nil {
		list = append(list, Method{
			Name: name + "Undo", Cause: true, Out: service.MessageIdent(s.Compensate.Method.Input),
			Doc: fmt.Sprintf("%sUndo returns the request of %s, which undoes the step %s whether it has happened or not; cause is why.", name, callName(s.Compensate), s.Name),
		})
	}
	if s.Continue {
		list = append(list, Method{
			Name: name + "Failed", Tx: true, Cause: true,
			Doc: fmt.Sprintf("%sFailed is told that the step %s has failed for good and waits for a person, while the saga goes on.", name, s.Name),
		})
	}
	return list
}
