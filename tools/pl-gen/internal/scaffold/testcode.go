package scaffold

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/entity"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/service"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/gofile"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// tests plans a test for each of the handlers, or one that starts the context
// when there are none.
func (w *writer) tests(handlers []handler) error {
	for _, h := range handlers {
		s := w.file(w.context.Name + "_test")
		w.test(s, h)
		name := strings.TrimSuffix(fileName(h.name), ".go") + "_test.go"
		if err := w.add(w.free(name), s); err != nil {
			return err
		}
	}
	if len(handlers) > 0 {
		return nil
	}
	s := w.file(w.context.Name + "_test")
	s.p("func TestStart(t *%s.T) {", s.lib("testing"))
	w.open(s)
	s.p("h.Quiet()")
	s.p("})")
	s.p("}")
	return w.add(w.free("service_test.go"), s)
}

func (w *writer) test(s *goFile, h handler) {
	s.p("func Test%s(t *%s.T) {", h.name, s.lib("testing"))
	switch sh := w.shapeOf(h); sh.kind {
	case getter:
		w.testGetter(s, h, sh)
	case lister:
		w.testLister(s, h, sh)
	case creator:
		w.testCreator(s, h, sh)
	default:
		w.testStub(s, h)
	}
	s.p("}")
}

// testStub prints a test that fails as soon as the stub is replaced, so that
// the handler does not stay without one.
func (w *writer) testStub(s *goFile, h handler) {
	own := s.use(w.ownPackage())
	s.p("// The handler is a stub. Write what it does, and replace this by a test of that.")
	if h.consumer != nil {
		e, bus := service.EventIdent(w.module, h.consumer.Event), s.platform("bus")
		s.p("err := %s.New().%s(t.Context(), nil, new(%s.%s))", own, h.name, s.use(e.Package), e.Name)
		s.p("if outcome, _ := %s.OutcomeOf(err); err == nil || outcome != %s.Parked {", bus, bus)
		s.p("t.Errorf(\"outcome of %%v is %%s, want parked\", err, outcome)")
		s.p("}")
		return
	}
	if h.fallback != nil {
		in, errors := messageOf(h.fallback.Method.Input), s.lib("errors")
		s.p("cause := %s.New(\"down\")", errors)
		s.p("if _, err := %s.New().%s(t.Context(), new(%s.%s), cause); !%s.Is(err, cause) {", own, h.name, s.use(in.Package), in.Name, errors)
		s.p("t.Errorf(\"%%v, want the cause\", err)")
		s.p("}")
		return
	}
	in, connect := messageOf(h.call.Input), s.lib("connectrpc.com/connect/v2")
	s.p("_, err := %s.New().%s(t.Context(), nil, new(%s.%s))", own, h.name, s.use(in.Package), in.Name)
	s.p("if %s.CodeOf(err) != %s.CodeUnimplemented {", connect, connect)
	s.p("t.Errorf(\"%%v, want Unimplemented\", err)")
	s.p("}")
}

// open begins the function that runs against the whole stack.
func (w *writer) open(s *goFile) {
	pt := s.platform("platformtest")
	w.register(s)
	s.p("%s.Run(t, register, func(h *%s.Harness) {", pt, pt)
}

// register declares the function that adds the context to an app, with the
// contexts that it calls, and those that they call.
func (w *writer) register(s *goFile) {
	s.p("register := func(app *%s.App) {", s.platform("service"))
	for _, c := range reachable(w.context, nil) {
		dir := path.Join(w.module, serviceDir(c.Name))
		migrations := gofile.Package{Path: dir + "/migrations", Name: "migrations"}
		if c != w.context {
			migrations.Name = c.Name + "migrations"
		}
		s.p("%s.Register(app, %s.New(), %s.Files)", s.use(service.Package(w.module, c.Name)),
			s.use(gofile.Package{Path: dir, Name: c.Name}), s.use(migrations))
	}
	s.p("}")
}

// reachable returns found with a context and all that its calls lead to.
func reachable(c *model.Context, found []*model.Context) []*model.Context {
	if slices.Contains(found, c) {
		return found
	}
	found = append(found, c)
	for _, called := range c.Calls {
		found = reachable(called, found)
	}
	return found
}

// client declares a client of the context under test.
func (w *writer) client(s *goFile, h handler) {
	messages := messageOf(h.call.Input).Package
	connect := gofile.Package{Path: messages.Path + "/" + messages.Name + "connect", Name: messages.Name + "connect"}
	s.p("client := %s.New%sClient(h.Client(%q, %s))", s.use(connect), w.context.Service.Name, w.context.Name, w.caller(s, h.call))
}

// caller returns a caller that the contract lets into a call: by a rule that
// does not depend on the request, if there is one.
func (w *writer) caller(s *goFile, m *model.Method) string {
	by := new(model.Allow)
	for i, a := range m.Access {
		if i == 0 || by.Own != "" && a.Own == "" {
			by = a
		}
	}
	switch {
	case by.Service != "":
		return fmt.Sprintf("%s.Context(%q)", s.platform("platformtest"), by.Service)
	case by.Role != "":
		return fmt.Sprintf("%s.%s(\"somebody\")", s.platform("platformtest"), gofile.Exported(by.Role))
	}
	return s.platform("identity") + `.Caller{Subject: "somebody"}`
}

// inTx prints a transaction of the context around body.
func (w *writer) inTx(s *goFile, body func()) {
	s.p("h.InTx(%q, func(ctx %s.Context, core *%s.Tx) (err error) {", w.context.Name, s.lib("context"), s.platform("tx"))
	s.p("tx := %s.NewTx(core)", s.use(w.servicePackage()))
	body()
	s.p("})")
}

// save prints the statement that stores a row.
func (w *writer) save(s *goFile, target string, e *model.Entity) {
	s.p("%s tx.%s.Create().", target, e.Name)
	for _, c := range e.Fields {
		if value := sample(c.PrimaryKey, entity.IsTimestamp(c.Desc) && !c.Optional); value != "" {
			s.p("Set%s(%s).", entity.FieldName(c.Name), value)
		}
	}
	s.p("Save(ctx)")
}

// oneRow stores a row under the name want.
func (w *writer) oneRow(s *goFile, sh shape) {
	s.p("var want *%s.%s", s.use(service.EntPackage(w.module, w.context.Name)), sh.entity.Name)
	w.inTx(s, func() {
		w.save(s, "want, err =", sh.entity)
		s.p("return err")
	})
}

// threeRows stores rows and keeps their ids under the name want.
func (w *writer) threeRows(s *goFile, sh shape) {
	s.p("var want []string")
	w.inTx(s, func() {
		s.p("for range 3 {")
		w.save(s, "row, err :=", sh.entity)
		s.p("if err != nil {")
		s.p("return err")
		s.p("}")
		s.p("want = append(want, row.ID)")
		s.p("}")
		s.p("return nil")
	})
}

func sample(key, required bool) string {
	switch {
	case key:
		return "tx.NewID()"
	case required:
		return "tx.Now()"
	}
	return ""
}

func (w *writer) testGetter(s *goFile, h handler, sh shape) {
	in, connect := messageOf(h.call.Input), s.lib("connectrpc.com/connect/v2")
	request := "&" + s.use(in.Package) + "." + in.Name + "{" + service.GoCamel(sh.idField) + ": "
	w.open(s)
	w.oneRow(s, sh)
	w.client(s, h)
	s.p("res, err := client.%s(h.T.Context(), %swant.ID})", h.name, request)
	s.p("if err != nil {")
	s.p("h.T.Fatal(err)")
	s.p("}")
	s.p("if !%s.Equal(res.Get%s(), %s.%sProto(want)) {", s.lib("google.golang.org/protobuf/proto"), service.GoCamel(sh.field), s.use(w.servicePackage()), sh.entity.Name)
	s.p("h.T.Errorf(\"got %%v, want %%v\", res.Get%s(), want)", service.GoCamel(sh.field))
	s.p("}")
	s.p("_, err = client.%s(h.T.Context(), %s\"nothing\"})", h.name, request)
	s.p("if %s.CodeOf(err) != %s.CodeNotFound {", connect, connect)
	s.p("h.T.Errorf(\"an unknown id: %%v, want NotFound\", err)")
	s.p("}")
	s.p("})")
}

func (w *writer) testLister(s *goFile, h handler, sh shape) {
	in := messageOf(h.call.Input)
	field := service.GoCamel(sh.field)
	w.open(s)
	w.threeRows(s, sh)
	w.client(s, h)
	s.p("req := &%s.%s{PageSize: 2}", s.use(in.Package), in.Name)
	s.p("var ids []string")
	s.p("for first := true; first || req.PageToken != \"\"; first = false {")
	s.p("res, err := client.%s(h.T.Context(), req)", h.name)
	s.p("if err != nil {")
	s.p("h.T.Fatal(err)")
	s.p("}")
	s.p("for _, row := range res.Get%s() {", field)
	s.p("ids = append(ids, row.GetId())")
	s.p("}")
	s.p("req.PageToken = res.GetNextPageToken()")
	s.p("}")
	s.p("if !%s.Equal(ids, want) {", s.lib("slices"))
	s.p("h.T.Errorf(\"listed %%v, want %%v\", ids, want)")
	s.p("}")
	s.p("})")
}

func (w *writer) testCreator(s *goFile, h handler, sh shape) {
	in := messageOf(h.call.Input)
	w.open(s)
	w.client(s, h)
	s.p("res, err := client.%s(h.T.Context(), new(%s.%s))", h.name, s.use(in.Package), in.Name)
	s.p("if err != nil {")
	s.p("h.T.Fatal(err)")
	s.p("}")
	id := "res.Get" + service.GoCamel(sh.field) + "().GetId()"
	if sh.event == nil {
		s.p("if %s == \"\" {", id)
		s.p("h.T.Errorf(\"no id in %%v\", res)")
		s.p("}")
	} else {
		ev := service.EventIdent(w.module, sh.event)
		s.p("h.Quiet()")
		s.p("e := %s.One[*%s.%s](h)", s.platform("platformtest"), s.use(ev.Package), ev.Name)
		s.p("if %s == \"\" || e.%s != %s {", id, gofile.Exported(sh.event.Key.Name), id)
		s.p("h.T.Errorf(\"announced %%v for %%v\", e, res)")
		s.p("}")
	}
	s.p("})")
}

// ownPackage is services/<context>.
func (w *writer) ownPackage() gofile.Package {
	return gofile.Package{Path: path.Join(w.module, serviceDir(w.context.Name)), Name: w.context.Name}
}
