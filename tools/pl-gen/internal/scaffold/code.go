package scaffold

import (
	"strings"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/entity"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/service"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/gofile"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// stub prints a handler that fails loudly: a call with Unimplemented, an event
// by being parked, a fallback with the cause of the call that it is for.
func (w *writer) stub(s *goFile, h handler) {
	what := w.context.Name + "." + h.name + " is not written yet"
	switch {
	case h.fallback != nil:
		s.p("// %s is a stub: it leaves the call failed.", h.name)
		w.signature(s, h)
		s.p("return nil, %s.Errorf(%q, cause)", s.lib("fmt"), what+": %w")
		s.p("}")
		return
	case h.consumer != nil:
		s.p("// %s is a stub: it parks every event.", h.name)
		w.signature(s, h)
		s.p("return %s.Park(%s.New(%q))", s.platform("bus"), s.lib("errors"), what)
		s.p("}")
		return
	}
	s.p("// %s is a stub: it refuses every call.", h.name)
	w.signature(s, h)
	connect := s.lib("connectrpc.com/connect/v2")
	s.p("return nil, %s.NewError(%s.CodeUnimplemented, %q)", connect, connect, what)
	s.p("}")
}

func (w *writer) signature(s *goFile, h handler) {
	ctx := s.lib("context")
	if h.fallback != nil {
		in, out := messageOf(h.fallback.Method.Input), messageOf(h.fallback.Method.Output)
		s.p("func (s *Service) %s(ctx %s.Context, req *%s.%s, cause error) (*%s.%s, error) {", h.name, ctx,
			s.use(in.Package), in.Name, s.use(out.Package), out.Name)
		return
	}
	own := s.use(w.servicePackage())
	if h.consumer != nil {
		e, unit := service.EventIdent(w.module, h.consumer.Event), "tx *%s.Tx"
		if h.consumer.External {
			unit = "call *%s.Call"
		}
		s.p("func (s *Service) %s(ctx %s.Context, "+unit+", e *%s.%s) error {", h.name, ctx, own, s.use(e.Package), e.Name)
		return
	}
	unit := "tx *" + own + ".Tx"
	if h.call.Query {
		unit = "r *" + own + ".Reader"
	}
	in, out := messageOf(h.call.Input), messageOf(h.call.Output)
	s.p("func (s *Service) %s(ctx %s.Context, %s, req *%s.%s) (*%s.%s, error) {", h.name, ctx, unit,
		s.use(in.Package), in.Name, s.use(out.Package), out.Name)
}

// handler prints working code for a call whose name and messages say what it
// does, and a stub for everything else.
func (w *writer) handler(s *goFile, h handler) {
	switch sh := w.shapeOf(h); sh.kind {
	case getter:
		w.getter(s, h, sh)
	case lister:
		w.lister(s, h, sh)
	case creator:
		w.creator(s, h, sh)
	default:
		w.stub(s, h)
	}
}

func (w *writer) getter(s *goFile, h handler, sh shape) {
	e := sh.entity.Name
	out := messageOf(h.call.Output)
	s.p("// %s returns one %s.", h.name, words(e))
	w.signature(s, h)
	s.p("%s, err := r.%s.Get(ctx, req.Get%s())", variable(e), e, service.GoCamel(sh.idField))
	s.p("if err != nil {")
	s.p("return nil, %s.Errorf(%q, err)", s.lib("fmt"), "find "+words(e)+": %w")
	s.p("}")
	s.p("return &%s.%s{%s: %s.%sProto(%s)}, nil", s.use(out.Package), out.Name, service.GoCamel(sh.field), s.use(w.servicePackage()), e, variable(e))
	s.p("}")
}

func (w *writer) lister(s *goFile, h handler, sh shape) {
	e, out := sh.entity.Name, messageOf(h.call.Output)
	rpc, ent, predicates := s.platform("rpc"), s.use(service.EntPackage(w.module, w.context.Name)), s.use(w.predicates(e))
	list := variable(model.Plural(e))
	s.p("// %s returns %s in the order of their ids, which is that of their", h.name, words(model.Plural(e)))
	s.p("// creation.")
	w.signature(s, h)
	s.p("after, err := %s.ParsePageToken(req.GetPageToken(), 1)", rpc)
	s.p("if err != nil {")
	s.p("return nil, err")
	s.p("}")
	s.p("size := %s.PageSize(req.GetPageSize())", rpc)
	s.p("query := r.%s.Query().Order(%s.ByID()).Limit(size + 1)", e, predicates)
	s.p("if len(after) > 0 {")
	s.p("query.Where(%s.IDGT(after[0]))", predicates)
	s.p("}")
	s.p("%s, err := query.All(ctx)", list)
	s.p("if err != nil {")
	s.p("return nil, %s.Errorf(%q, err)", s.lib("fmt"), "list "+words(model.Plural(e))+": %w")
	s.p("}")
	s.p("%s, next := %s.Page(%s, size, func(e *%s.%s) []string { return []string{e.ID} })", list, rpc, list, ent, e)
	s.p("return &%s.%s{%s: %s.%sProtos(%s), NextPageToken: next}, nil", s.use(out.Package), out.Name, service.GoCamel(sh.field), s.use(w.servicePackage()), e, list)
	s.p("}")
}

func (w *writer) creator(s *goFile, h handler, sh shape) {
	e, out := sh.entity.Name, messageOf(h.call.Output)
	s.p("// %s stores a new %s%s.", h.name, words(e), map[bool]string{true: " and announces it"}[sh.event != nil])
	w.signature(s, h)
	s.p("%s, err := tx.%s.Create().", variable(e), e)
	for _, c := range sh.entity.Fields {
		s.p("Set%s(%s).", entity.FieldName(c.Name), created(c.PrimaryKey))
	}
	s.p("Save(ctx)")
	s.p("if err != nil {")
	s.p("return nil, %s.Errorf(%q, err)", s.lib("fmt"), "store "+words(e)+": %w")
	s.p("}")
	if sh.event != nil {
		ev := service.EventIdent(w.module, sh.event)
		s.p("err = tx.Publish(ctx, &%s.%s{", s.use(ev.Package), ev.Name)
		s.p("%s: %s.ID,", gofile.Exported(sh.event.Key.Name), variable(e))
		s.p("OccurredAt: tx.Now(),")
		s.p("})")
		s.p("if err != nil {")
		s.p("return nil, err")
		s.p("}")
	}
	s.p("return &%s.%s{%s: %s.%sProto(%s)}, nil", s.use(out.Package), out.Name, service.GoCamel(sh.field), s.use(w.servicePackage()), e, variable(e))
	s.p("}")
}

func created(key bool) string {
	if key {
		return "tx.NewID()"
	}
	return "tx.Now()"
}

func (w *writer) predicates(entityName string) gofile.Package {
	name := entity.PackageName(entityName)
	return gofile.Package{Path: service.EntPackage(w.module, w.context.Name).Path + "/" + name, Name: name}
}

// variable is the name of a local variable that holds an entity; it never
// hides a name that handlers use.
func variable(e string) string {
	name := strings.ToLower(e[:1]) + e[1:]
	switch name {
	case "req", "ctx", "err", "after", "size", "query", "next", "rpc", "fmt", "ent":
		return "one" + e
	}
	return name
}

// words is a name as people say it: "library card" for LibraryCard.
func words(name string) string { return strings.ReplaceAll(snake(name), "_", " ") }
