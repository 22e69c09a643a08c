package scaffold

import (
	"cmp"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/saga"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/service"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/gofile"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// sagaType is the type in services/<context> that has the steps of a saga.
func sagaType(s *model.Saga) string { return strings.ToLower(s.Name[:1]) + s.Name[1:] }

// sagas plans what the package lacks of its sagas: a file for each new one,
// and one for the methods that one which is there lacks. A saga whose methods
// are on a type of another name is left to the compiler.
func (w *writer) sagas(code *serviceCode, print func(f *goFile, s *model.Saga, m saga.Method)) error {
	for _, s := range w.context.Sagas {
		_, there := code.methods[s.Name]
		have := code.others[sagaType(s)]
		missing := slices.DeleteFunc(saga.Methods(w.module, s), func(m saga.Method) bool {
			_, ok := have[m.Name]
			return ok
		})
		if there && (!code.types[sagaType(s)] || len(missing) == 0) {
			continue
		}
		f := w.file(w.context.Name)
		if !code.types[sagaType(s)] {
			f.p("// %s is what the steps of the saga %s do.", sagaType(s), s.Name)
			f.p("type %s struct{}\n", sagaType(s))
		}
		if !there {
			w.sagaAccessor(f, s)
		}
		for _, m := range missing {
			print(f, s, m)
		}
		if err := w.add(w.free(fileName(s.Name)), f); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) sagaAccessor(f *goFile, s *model.Saga) {
	f.p("// %s returns what the steps of the saga do.", s.Name)
	f.p("func (*Service) %s() %s.%s { return %s{} }\n", s.Name, f.use(w.servicePackage()), s.Name, sagaType(s))
}

// sagaSignature opens a method.
func (w *writer) sagaSignature(f *goFile, s *model.Saga, m saga.Method) {
	state := messageOf(s.State)
	params := []string{"ctx " + f.lib("context") + ".Context"}
	if m.Tx {
		params = append(params, "tx *"+f.use(w.servicePackage())+".Tx")
	}
	params = append(params, "state *"+f.use(state.Package)+"."+state.Name)
	if m.HasIn() {
		params = append(params, m.InName+" *"+f.use(m.In.Package)+"."+m.In.Name)
	}
	if m.Outcome {
		params = append(params, "outcome "+f.platform("saga")+".Outcome")
	}
	if m.Cause {
		params = append(params, "cause *"+f.platform("saga")+".Failure")
	}
	result := "error"
	if m.HasOut() {
		result = "(*" + f.use(m.Out.Package) + "." + m.Out.Name + ", error)"
	}
	f.p("func (%s) %s(%s) %s {", sagaType(s), m.Name, strings.Join(params, ", "), result)
}

// sagaStub prints a method that fails loudly: no instance begins before Begin
// is written, and no step succeeds before it is.
func (w *writer) sagaStub(f *goFile, s *model.Saga, m saga.Method) {
	what := w.context.Name + "." + s.Name + "." + m.Name + " is not written yet"
	switch {
	case m.Begins:
		f.p("// %s is a stub: it parks every event.", m.Name)
		w.sagaSignature(f, s, m)
		f.p("return %s.Park(%s.New(%q))", f.platform("bus"), f.lib("errors"), what)
	case m.HasOut():
		f.p("// %s is a stub: it fails.", m.Name)
		w.sagaSignature(f, s, m)
		f.p("return nil, %s.New(%q)", f.lib("errors"), what)
	default:
		f.p("// %s is a stub: it fails.", m.Name)
		w.sagaSignature(f, s, m)
		f.p("return %s.New(%q)", f.lib("errors"), what)
	}
	f.p("}\n")
}

// announces returns the event that a saga as it is scaffolded publishes in its
// one step, or nil for a saga that does anything else.
func announces(s *model.Saga) *model.Event {
	if len(s.Steps) != 1 || s.Compensate != nil || s.Key != s.Start.Key || stateField(s) == "" {
		return nil
	}
	e := s.Steps[0].Publish
	if e == nil || e.Key == nil || e.Key.Type.Kind != avro.String || len(e.Schema.Fields) != 2 || e.Schema.Fields[1].Name != occurredAt {
		return nil
	}
	return e
}

// stateField is the one field of a scaffolded state, a string, or "".
func stateField(s *model.Saga) string {
	fields := s.State.Desc.Fields()
	if fields.Len() != 1 || fields.Get(0).Kind() != protoreflect.StringKind || fields.Get(0).IsList() {
		return ""
	}
	return string(fields.Get(0).Name())
}

// sagaMethod prints working code for a saga as it is scaffolded, and a stub for
// everything else.
func (w *writer) sagaMethod(f *goFile, s *model.Saga, m saga.Method) {
	e := announces(s)
	if e == nil {
		w.sagaStub(f, s, m)
		return
	}
	field := service.GoCamel(stateField(s))
	switch {
	case m.Begins:
		f.p("// Begin keeps what the instance is about.")
		w.sagaSignature(f, s, m)
		f.p("state.%s = e.EventKey()", field)
		f.p("return nil")
	case m.HasOut():
		f.p("// %s announces that the saga is done.", m.Name)
		w.sagaSignature(f, s, m)
		f.p("return &%s.%s{%s: state.Get%s(), OccurredAt: tx.Now()}, nil", f.use(m.Out.Package), m.Out.Name, gofile.Exported(e.Key.Name), field)
	default:
		f.p("// Ended has nothing to do.")
		w.sagaSignature(f, s, m)
		f.p("return nil")
	}
	f.p("}\n")
}

// sagaTests plans a test for each new saga.
func (w *writer) sagaTests(fresh []*model.Saga) error {
	for _, s := range fresh {
		f := w.file(w.context.Name + "_test")
		f.p("func Test%s(t *%s.T) {", s.Name, f.lib("testing"))
		w.sagaTest(f, s)
		f.p("}")
		if err := w.add(w.free(strings.TrimSuffix(fileName(s.Name), ".go")+"_test.go"), f); err != nil {
			return err
		}
	}
	return nil
}

// sagaTest prints a test of the whole process for a saga as it is scaffolded,
// and of its stub otherwise.
func (w *writer) sagaTest(f *goFile, s *model.Saga) {
	done, start := announces(s), service.EventIdent(w.module, s.Start)
	if done == nil {
		state := messageOf(s.State)
		f.p("err := %s.New().%s().Begin(t.Context(), nil, new(%s.%s), new(%s.%s))",
			f.use(w.ownPackage()), s.Name, f.use(state.Package), state.Name, f.use(start.Package), start.Name)
		bus := f.platform("bus")
		f.p("// Begin is a stub. Write what it does, and replace this by a test of that.")
		f.p("if outcome, _ := %s.OutcomeOf(err); err == nil || outcome != %s.Parked {", bus, bus)
		f.p("t.Errorf(\"outcome of %%v is %%s, want parked\", err, outcome)")
		f.p("}")
		return
	}
	out := service.EventIdent(w.module, done)
	w.open(f)
	f.p("given := %s", w.sampleEvent(f, s.Start))
	f.p("h.Given(given)")
	f.p("if e := %s.One[*%s.%s](h); e.%s != given.EventKey() {", f.platform("platformtest"), f.use(out.Package), out.Name, gofile.Exported(done.Key.Name))
	f.p("h.T.Errorf(\"announced %%v for %%v\", e, given)")
	f.p("}")
	f.p("})")
}

// sagaOrphans returns a finding for every method of a saga's type that no step
// calls any more.
func (code *serviceCode) sagaOrphans(module string, c *model.Context) []diag.Diagnostic {
	var found []diag.Diagnostic
	for _, s := range c.Sagas {
		wanted := saga.Methods(module, s)
		for name, m := range code.others[sagaType(s)] {
			if m.handler && !slices.ContainsFunc(wanted, func(w saga.Method) bool { return w.Name == name }) {
				found = append(found, diag.New(diag.HandlerOrphan, m.pos, "nothing in the saga "+s.Name+" of "+c.Name+" calls "+name).Because(
					"the step that it belongs to was removed or renamed, so it never runs",
					"remove the method, give it the new name, or put the step back"))
			}
		}
	}
	slices.SortFunc(found, func(a, b diag.Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line))
	})
	return found
}
