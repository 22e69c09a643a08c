package scaffold

import (
	"bytes"
	"cmp"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/service"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/gofile"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// crashTest plans a test that kills the context at every step of what it
// consumes and of the commands among the handlers, unless it has nothing of
// the kind, or has such a test.
func (w *writer) crashTest(handlers []handler) error {
	events, commands := w.arriving(), w.callable(handlers)
	tested, err := w.crashTested()
	if err != nil || tested || len(events)+len(commands) == 0 {
		return err
	}
	s := w.file(w.context.Name + "_test")
	pt := s.platform("platformtest")
	s.p("// Wherever the process dies, and if every event comes twice, there are as many")
	s.p("// rows in every table and as many events on every topic as without. When the")
	s.p("// handlers grow, let the scenario use what they do, and look at the outcome in")
	s.p("// a function in place of nil.")
	s.p("func TestCrashes(t *%s.T) {", s.lib("testing"))
	w.register(s)
	s.p("%s.CrashEverywhere(t, register, func(h *%s.Harness) {", pt, pt)
	w.givenEvents(s, events)
	w.calledCommands(s, commands)
	s.p("}, nil)")
	s.p("}")
	return w.add(w.free("crash_test.go"), s)
}

// crashTested reports whether a test of the package kills the context already.
func (w *writer) crashTested() (bool, error) {
	dir := serviceDir(w.context.Name)
	entries, err := fs.ReadDir(w.root, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		text, err := fs.ReadFile(w.root, path.Join(dir, e.Name()))
		if err != nil {
			return false, err
		}
		if bytes.Contains(text, []byte(".CrashEverywhere(")) || bytes.Contains(text, []byte("func TestCrashes(")) {
			return true, nil
		}
	}
	return false, err
}

// arriving are the events that begin something in the context: those that it
// consumes, and those that its sagas begin with.
func (w *writer) arriving() []*model.Event {
	var list []*model.Event
	for _, k := range w.context.Consumes {
		list = append(list, k.Event)
	}
	for _, s := range w.context.Sagas {
		list = append(list, s.Start)
	}
	slices.SortStableFunc(list, func(a, b *model.Event) int { return cmp.Compare(a.Topic, b.Topic) })
	return slices.Compact(list)
}

// callable are the commands that an empty request satisfies.
func (w *writer) callable(handlers []handler) []handler {
	var list []handler
	for _, h := range w.handlers() {
		fresh := slices.ContainsFunc(handlers, func(f handler) bool { return f.name == h.name })
		if h.call == nil || h.call.Query || len(h.call.Input.Rules) > 0 {
			continue
		}
		if fresh || w.shapeOf(h).kind == creator {
			list = append(list, h)
		}
	}
	return list
}

// givenEvents publishes two events of each type.
func (w *writer) givenEvents(s *goFile, events []*model.Event) {
	var calls []string
	for _, e := range events {
		name := eventVariable(e, events)
		ident := service.EventIdent(w.module, e)
		s.p("%s := func() *%s.%s {", name, s.use(ident.Package), ident.Name)
		s.p("return %s", w.sampleEvent(s, e))
		s.p("}")
		calls = append(calls, name+"()", name+"()")
	}
	if len(calls) > 0 {
		s.p("h.Given(%s)", strings.Join(calls, ", "))
	}
}

// eventVariable is the name of what makes an event: userRegistered, or
// userRegisteredV2 where two versions of it arrive.
func eventVariable(e *model.Event, all []*model.Event) string {
	name := strings.ToLower(e.GoName[:1]) + e.GoName[1:]
	for _, other := range all {
		if other != e && other.GoName == e.GoName {
			return e.Context + gofile.Exported(e.GoName) + "V" + string(rune('0'+e.Version))
		}
	}
	return name
}

// calledCommands calls each command once. A stub may answer as stubs do.
func (w *writer) calledCommands(s *goFile, commands []handler) {
	if len(commands) == 0 {
		return
	}
	w.client(s, commands[0])
	for _, h := range commands {
		in := messageOf(h.call.Input)
		call := "client." + h.name + "(h.T.Context(), new(" + s.use(in.Package) + "." + in.Name + "))"
		if w.shapeOf(h).kind == creator {
			s.p("if _, err := %s; err != nil {", call)
		} else {
			connect := s.lib("connectrpc.com/connect/v2")
			s.p("// Unimplemented is the answer of a stub.")
			s.p("if _, err := %s; err != nil && %s.CodeOf(err) != %s.CodeUnimplemented {", call, connect, connect)
		}
		s.p("h.T.Fatal(err)")
		s.p("}")
	}
}
