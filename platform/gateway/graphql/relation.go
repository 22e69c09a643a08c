package graphql

import (
	"context"
	"errors"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/pulselearn/campus-hub/platform/gateway"
)

// load makes one call for each batch that the fields of the items need, with
// the ids of all of them that no earlier call returned. It returns the errors
// of those that failed, by call.
func (r *run) load(ctx context.Context, of *ast.Definition, items []item, fields []graphql.CollectedField) map[string]error {
	wanted := map[string][]string{}
	of2 := map[string]*gateway.Relation{}
	var order []string
	for i := range fields {
		relation, ok := r.relations[of.Name][fields[i].Name]
		if !ok {
			continue
		}
		if of2[relation.Batch] == nil {
			of2[relation.Batch] = relation
			order = append(order, relation.Batch)
		}
		for _, it := range items {
			wanted[relation.Batch] = append(wanted[relation.Batch], idsOf(it.message, relation.From)...)
		}
	}
	failed := map[string]error{}
	for _, batch := range order {
		if err := r.loadBatch(ctx, of2[batch], r.missing(batch, wanted[batch])); err != nil {
			failed[batch] = err
		}
	}
	return failed
}

// missing returns the ids that are not loaded yet, each once.
func (r *run) missing(batch string, ids []string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.Sort(ids)
	return slices.DeleteFunc(slices.Compact(ids), func(id string) bool {
		_, known := r.loaded[batch][id]
		return known || id == ""
	})
}

func (r *run) loadBatch(ctx context.Context, relation *gateway.Relation, ids []string) error {
	for chunk := range slices.Chunk(ids, relation.Max) {
		answer, err := r.invoker.Invoke(ctx, relation.Batch, r.batchRequest(relation, chunk))
		if err != nil {
			return err
		}
		r.keep(relation, chunk, answer.ProtoReflect())
	}
	return nil
}

func (r *run) batchRequest(relation *gateway.Relation, ids []string) proto.Message {
	method, _ := r.invoker.Method(relation.Batch) // New has looked
	request := method.Request()
	m := request.ProtoReflect()
	list := m.Mutable(m.Descriptor().Fields().ByJSONName(relation.IDs)).List()
	for _, id := range ids {
		list.Append(protoreflect.ValueOfString(id))
	}
	return request
}

// keep stores what a batch returned. An id that it left out names nothing.
func (r *run) keep(relation *gateway.Relation, ids []string, answer protoreflect.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.loaded[relation.Batch]
	if known == nil {
		known = map[string]proto.Message{}
		r.loaded[relation.Batch] = known
	}
	for _, id := range ids {
		known[id] = nil
	}
	found := answer.Get(answer.Descriptor().Fields().ByJSONName(relation.Items)).List()
	for i := range found.Len() {
		m := found.Get(i).Message()
		known[m.Get(m.Descriptor().Fields().ByJSONName(relation.Key)).String()] = m.Interface()
	}
}

func (r *run) loadedOf(batch, id string) proto.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.loaded[batch][id]
}

// errAbsent is for a value that the schema promises and the answer lacks.
var errAbsent = errors.New("the value is missing")

// related fills a relation of all items with what was loaded.
func (r *run) related(ctx context.Context, relation *gateway.Relation, items []item, slots []*slot, f *graphql.CollectedField, failed map[string]error) {
	var children []item
	for i, s := range slots {
		ids := idsOf(items[i].message, relation.From)
		if err := failed[relation.Batch]; err != nil && !r.all(relation.Batch, ids) {
			r.fail(s, f, err)
			continue
		}
		found := make([]proto.Message, 0, len(ids))
		for _, id := range ids {
			if m := r.loadedOf(relation.Batch, id); m != nil {
				found = append(found, m)
			}
		}
		switch {
		case f.Definition.Type.Elem != nil:
			for j, element := range s.list(len(found), true) {
				children = append(children, item{found[j].ProtoReflect(), element})
			}
		case len(found) > 0:
			children = append(children, item{found[0].ProtoReflect(), s})
		default:
			s.null = true
		}
	}
	r.objects(ctx, r.typeOf(f), children, f.Selections)
}

// all tells whether every id was loaded, by an earlier call perhaps.
func (r *run) all(batch string, ids []string) bool {
	return len(r.missing(batch, slices.Clone(ids))) == 0
}

// idsOf returns the ids that a field holds, without empty ones.
func idsOf(m protoreflect.Message, name string) []string {
	f := m.Descriptor().Fields().ByJSONName(name)
	if !f.IsList() {
		if id := m.Get(f).String(); id != "" {
			return []string{id}
		}
		return nil
	}
	var ids []string
	for i := range m.Get(f).List().Len() {
		if id := m.Get(f).List().Get(i).String(); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}
