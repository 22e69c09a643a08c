package graphql

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A run is one operation at work.
type run struct {
	*executable
	operation *graphql.OperationContext

	mu   sync.Mutex
	errs gqlerror.List
	// loaded is what batches returned, by call and id; nil for an id that
	// names nothing.
	loaded map[string]map[string]proto.Message
}

// An item is an object whose fields are wanted in a slot.
type item struct {
	message protoreflect.Message
	slot    *slot
}

// collect returns the fields that a selection wants of an object of a type,
// each once.
func (r *run) collect(of *ast.Definition, selection ast.SelectionSet) []graphql.CollectedField {
	return graphql.CollectFields(r.operation, selection, []string{of.Name})
}

// objects fills all items, which are of one type, with what a selection wants
// of them. It goes through the fields and not through the items, so that a
// field that needs a call makes one for all.
func (r *run) objects(ctx context.Context, of *ast.Definition, items []item, selection ast.SelectionSet) {
	if len(items) == 0 {
		return
	}
	fields := r.collect(of, selection)
	failed := r.load(ctx, of, items, fields)
	for i := range fields {
		slots := make([]*slot, len(items))
		for j := range items {
			slots[j] = items[j].slot.field(fields[i].Alias, fields[i].Definition.Type.NonNull)
		}
		if relation, ok := r.relations[of.Name][fields[i].Name]; ok {
			r.related(ctx, relation, items, slots, &fields[i], failed)
		} else {
			r.field(ctx, of, items, slots, &fields[i])
		}
	}
}

// field fills a field of all items with what the messages hold.
func (r *run) field(ctx context.Context, of *ast.Definition, items []item, slots []*slot, f *graphql.CollectedField) {
	var children []item
	for i, s := range slots {
		if f.Name == "__typename" {
			s.leaf = quoted(of.Name)
			continue
		}
		message := items[i].message
		fd := message.Descriptor().Fields().ByJSONName(f.Name)
		switch {
		case fd == nil: // only in the schema, so that a type without fields has one
			s.leaf = []byte("true")
		case fd.IsList():
			children = append(children, r.list(s, f, fd, message.Get(fd).List())...)
		case fd.HasPresence() && !message.Has(fd):
			r.absent(s, f)
		case leaf(fd):
			r.leaf(s, f, fd, message.Get(fd))
		default:
			children = append(children, item{message.Get(fd).Message(), s})
		}
	}
	r.objects(ctx, r.typeOf(f), children, f.Selections)
}

// list makes a slot a list, and returns the elements that are objects.
func (r *run) list(s *slot, f *graphql.CollectedField, fd protoreflect.FieldDescriptor, values protoreflect.List) []item {
	var children []item
	for i, element := range s.list(values.Len(), f.Definition.Type.Elem.NonNull) {
		if leaf(fd) {
			r.leaf(element, f, fd, values.Get(i))
		} else {
			children = append(children, item{values.Get(i).Message(), element})
		}
	}
	return children
}

func (r *run) leaf(s *slot, f *graphql.CollectedField, fd protoreflect.FieldDescriptor, v protoreflect.Value) {
	text, err := encodeLeaf(fd, v)
	if err != nil {
		r.fail(s, f, err)
		return
	}
	s.leaf = text
}

// absent makes a slot null for a value that is not there.
func (r *run) absent(s *slot, f *graphql.CollectedField) {
	if s.nonNull {
		r.fail(s, f, errAbsent)
		return
	}
	s.null = true
}

// typeOf returns the type of a field, or of its elements.
func (r *run) typeOf(f *graphql.CollectedField) *ast.Definition {
	return r.schema.Types[f.Definition.Type.Name()]
}

func quoted(name string) []byte {
	text, _ := json.Marshal(name) // a name always encodes
	return text
}
