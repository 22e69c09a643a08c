package generate

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"path"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/asyncapi"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/command"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/entity"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/gateway"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/graphql"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/messages"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/openapi"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/proto"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/saga"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/service"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/tssdk"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/stamp"
)

// units lists what there is to emit, without buf's part. A unit's fingerprint
// covers everything that its emitter reads.
func units(set *source.Set, m *model.Model) []unit {
	p := newPrints(set)
	var list []unit
	served := []string{m.Module}
	named := []string{m.Module}
	var wired []string
	for _, c := range m.Contexts {
		served = append(served, servedBy(c))
		wired = append(wired, p.service(c))
		list = append(list,
			unit{"command " + c.Name, sumOf(m.Module, servedBy(c)), func() ([]plan.File, error) { return command.Emit(m.Module, c) }},
			unit{"entity " + c.Name, sumOf(m.Module, p.entities(c)), func() ([]plan.File, error) { return entity.Emit(m.Module, c) }},
			unit{"service " + c.Name, sumOf(m.Module, p.service(c)), func() ([]plan.File, error) { return service.Emit(m.Module, c) }},
			unit{"saga " + c.Name, sumOf(m.Module, p.service(c)), func() ([]plan.File, error) { return saga.Emit(m.Module, c) }},
			unit{"gateway " + c.Name, sumOf(m.Module, p.service(c)), func() ([]plan.File, error) { return gateway.Emit(m.Module, c) }},
			unit{"openapi " + c.Name, sumOf(p.context(c.Name)), func() ([]plan.File, error) { return openapi.Emit(c) }},
			unit{"typescript " + c.Name, sumOf(p.context(c.Name)), func() ([]plan.File, error) { return tssdk.EmitContext(set, c.Name) }},
			unit{"asyncapi " + c.Name, sumOf(p.service(c)), func() ([]plan.File, error) { return asyncapi.Emit(c) }},
		)
	}
	for _, e := range m.Events {
		wired = append(wired, eventPrint(e))
		named = append(named, e.Topic, e.GoName)
	}
	return append(list,
		unit{"command hub", sumOf(append(served, strconv.FormatBool(set.Site))...), func() ([]plan.File, error) { return command.EmitHub(m, set.Site) }},
		unit{"gateway hub", sumOf(served...), func() ([]plan.File, error) { return gateway.EmitHub(m) }},
		unit{"gateway realtime", sumOf(wired...), func() ([]plan.File, error) { return gateway.EmitRealtime(m) }},
		unit{"openapi hub", sumOf(wired...), func() ([]plan.File, error) { return openapi.EmitHub(m) }},
		unit{"graphql", sumOf(wired...), func() ([]plan.File, error) { return graphql.Emit(m) }},
		unit{"messages", sumOf(named...), func() ([]plan.File, error) { return messages.Emit(m) }},
		unit{"typescript package", sumOf(append(wired, described(m)...)...), func() ([]plan.File, error) { return tssdk.EmitPackage(m) }},
		unit{"asyncapi hub", sumOf(wired...), func() ([]plan.File, error) { return asyncapi.EmitHub(m) }},
	)
}

// servedBy covers what a main package says about a context.
func servedBy(c *model.Context) string {
	if c.Service == nil {
		return c.Name
	}
	return c.Name + "|" + c.Service.Name + "|" + c.Service.File
}

// described covers what the index of clients says about the contexts.
func described(m *model.Model) []string {
	var list []string
	for _, c := range m.Contexts {
		list = append(list, servedBy(c))
		if c.Service != nil {
			list = append(list, c.Service.Doc)
		}
	}
	return list
}

// prints are the fingerprints of contracts.
type prints struct {
	protos map[string]*source.Proto
	// closures are the fingerprints of files with all that they import.
	closures map[string]string
}

func newPrints(set *source.Set) *prints {
	p := &prints{protos: map[string]*source.Proto{}, closures: map[string]string{}}
	for _, f := range set.Proto {
		p.protos[f.ImportPath()] = f
	}
	return p
}

// sumOf combines texts that may hold anything.
func sumOf(parts ...string) stamp.Sum {
	h := sha256.New()
	for _, s := range parts {
		field(h, s)
	}
	return stamp.Sum(h.Sum(nil))
}

func field(h hash.Hash, s string) { fmt.Fprintf(h, "%d:%s", len(s), s) }

// closure is the fingerprint of a proto and of what it imports.
func (p *prints) closure(name string) string {
	if sum, ok := p.closures[name]; ok {
		return sum
	}
	f, ok := p.protos[name]
	if !ok || f.File == nil {
		return name
	}
	parts := []string{name, string(f.Text)}
	for i := range f.File.Imports().Len() {
		parts = append(parts, p.closure(f.File.Imports().Get(i).Path()))
	}
	sum := sumOf(parts...)
	p.closures[name] = string(sum[:])
	return p.closures[name]
}

// context is the fingerprint of all protos of a context.
func (p *prints) context(name string) string {
	parts := []string{name}
	for _, f := range sortedUnder(p.protos, "pl/"+name+"/") {
		parts = append(parts, p.closure(f))
	}
	sum := sumOf(parts...)
	return string(sum[:])
}

// eventPrint covers an event with who publishes and consumes it.
func eventPrint(e *model.Event) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s|%s|%s|", e.Topic, e.File, e.Text)
	if e.Publisher != nil {
		b.WriteString(e.Publisher.Name)
	}
	for _, c := range e.Consumers {
		b.WriteString("|" + c.Context.Name + "." + c.Handler)
	}
	for _, s := range e.Sagas {
		b.WriteString("|" + s.Context.Name + "." + s.Name)
	}
	return b.String()
}

// service covers the context's own protos, those of the contexts that it
// calls, and its events.
func (p *prints) service(c *model.Context) string {
	parts := []string{p.context(c.Name)}
	for _, called := range c.Calls {
		parts = append(parts, p.context(called.Name))
	}
	for _, e := range c.Publishes {
		parts = append(parts, eventPrint(e))
	}
	for _, s := range c.Sagas {
		for _, e := range s.Consumes() {
			parts = append(parts, eventPrint(e))
		}
	}
	for _, consumer := range c.Consumes {
		parts = append(parts, eventPrint(consumer.Event), consumer.Handler, consumer.Timeout.String(), fmt.Sprint(consumer.Latest))
	}
	sum := sumOf(parts...)
	return string(sum[:])
}

// entities covers the messages that are stored and the enums in them, so that
// a changed call does not run Ent.
func (p *prints) entities(c *model.Context) string {
	h := sha256.New()
	for _, e := range c.Entities {
		field(h, e.Name+"|"+e.Table+"|"+e.Doc+"|"+e.Message.GoName+"|"+e.Message.ImportPath)
		for _, col := range e.Fields {
			column := *col
			column.Desc, column.Pos = nil, model.Pos{}
			field(h, fmt.Sprintf("%+v|%s", column, kind(col.Desc)))
		}
		field(h, columnSets(e.Unique)+"|"+columnSets(e.Index))
	}
	return string(h.Sum(nil))
}

func kind(f protoreflect.FieldDescriptor) string {
	text := fmt.Sprintf("%d %s %s %v", f.Number(), f.Kind(), f.Cardinality(), f.IsMap())
	if f.IsMap() {
		return text + " " + kind(f.MapKey()) + " " + kind(f.MapValue())
	}
	if m := f.Message(); m != nil {
		text += " " + string(m.FullName())
	}
	if e := f.Enum(); e != nil {
		text += " " + string(e.FullName())
		for i := range e.Values().Len() {
			v := e.Values().Get(i)
			text += fmt.Sprintf(" %s=%d", v.Name(), v.Number())
		}
	}
	return text
}

func columnSets(sets [][]*model.Column) string {
	var b strings.Builder
	for _, set := range sets {
		for _, c := range set {
			b.WriteString(c.Name + " ")
		}
		b.WriteString("; ")
	}
	return b.String()
}

// protoInputs are the fingerprints of the proto packages, by directory, with
// what pins buf and its plugins.
func (g *Generator) protoInputs(set *source.Set) (map[string]stamp.Sum, error) {
	pins, err := proto.Pins(g.root)
	if err != nil {
		return nil, fmt.Errorf("fingerprint the protos: %w", err)
	}
	p := newPrints(set)
	parts := map[string][]string{}
	for _, f := range set.Proto {
		dir := path.Dir(f.ImportPath())
		parts[dir] = append(parts[dir], p.closure(f.ImportPath()))
	}
	inputs := make(map[string]stamp.Sum, len(parts))
	for dir, list := range parts {
		inputs[dir] = sumOf(append(list, pins...)...)
	}
	return inputs, nil
}

func sortedUnder(protos map[string]*source.Proto, prefix string) []string {
	var names []string
	for name := range protos {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
