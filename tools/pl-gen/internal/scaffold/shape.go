package scaffold

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/entity"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/gofile"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// A shapeKind is what a call evidently does.
type shapeKind int

const (
	unknown shapeKind = iota
	getter
	lister
	creator
)

// A shape is what a call's name and messages say about it.
type shape struct {
	kind   shapeKind
	entity *model.Entity
	// field is the response's field that holds the entity or entities.
	field string
	// idField is the request's field that names the entity of a getter.
	idField string
	// event is what a creator announces, or nil.
	event *model.Event
}

// shapeOf recognises the calls that scaffolding declares, as long as nobody
// has given them another meaning.
func (w *writer) shapeOf(h handler) shape {
	if h.call == nil {
		return shape{}
	}
	for _, e := range w.context.Entities {
		switch {
		case h.name == "Get"+e.Name && h.call.Query:
			return getterOf(h.call, e)
		case h.name == "List"+model.Plural(e.Name) && h.call.Query:
			return listerOf(h.call, e)
		case h.name == "Create"+e.Name && !h.call.Query:
			return creatorOf(w.context, h.call, e)
		}
	}
	return shape{}
}

func getterOf(m *model.Method, e *model.Entity) shape {
	id := snake(e.Name) + "_id"
	field := fieldOf(m.Output, e, false)
	if field == "" || !onlyFields(m.Input, protoreflect.Name(id)) {
		return shape{}
	}
	return shape{kind: getter, entity: e, field: field, idField: id}
}

func listerOf(m *model.Method, e *model.Entity) shape {
	field := fieldOf(m.Output, e, true)
	if field == "" || !onlyFields(m.Input, "page_size", "page_token") || m.Output.Desc.Fields().ByName("next_page_token") == nil {
		return shape{}
	}
	return shape{kind: lister, entity: e, field: field}
}

// creatorOf recognises a call that stores an entity of nothing but its key and
// times, which is what scaffolding declares.
func creatorOf(c *model.Context, m *model.Method, e *model.Entity) shape {
	field := fieldOf(m.Output, e, false)
	if field == "" || !onlyFields(m.Input) {
		return shape{}
	}
	for _, col := range e.Fields {
		if !col.PrimaryKey && !entity.IsTimestamp(col.Desc) {
			return shape{}
		}
	}
	return shape{kind: creator, entity: e, field: field, event: announcement(c, e)}
}

// announcement is the context's event about a new entity, recognised by its
// fields, or nil.
func announcement(c *model.Context, e *model.Entity) *model.Event {
	for _, ev := range c.Publishes {
		if ev.Key == nil || ev.Key.Name != idName(e.Name) || len(ev.Schema.Fields) != 2 {
			continue
		}
		if f := ev.Schema.Fields[1]; f.Name == occurredAt && f.Type.Kind == avro.Long && gofile.Exported(f.Name) == "OccurredAt" {
			return ev
		}
	}
	return nil
}

// fieldOf returns the field of a message that holds the entity, or a list of
// it.
func fieldOf(m *model.Message, e *model.Entity, list bool) string {
	fields := m.Desc.Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if f.Message() != nil && f.Message().FullName() == e.Message.Desc.FullName() && f.IsList() == list {
			return string(f.Name())
		}
	}
	return ""
}

// onlyFields reports whether a message has exactly the named fields.
func onlyFields(m *model.Message, names ...protoreflect.Name) bool {
	if m.Desc.Fields().Len() != len(names) {
		return false
	}
	for _, name := range names {
		if m.Desc.Fields().ByName(name) == nil {
			return false
		}
	}
	return true
}

func messageOf(m *model.Message) gofile.Ident {
	elements := strings.Split(m.ImportPath, "/")
	n := len(elements)
	return gofile.Package{Path: m.ImportPath, Name: elements[n-2] + elements[n-1]}.Ident(m.GoName)
}

// occurredAt is the field of scaffolded events that says when.
const occurredAt = "occurredAt"

// idName is the field of events that names an entity: "loanId".
func idName(entityName string) string { return strings.ToLower(entityName[:1]) + entityName[1:] + "Id" }
