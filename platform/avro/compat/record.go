package compat

import (
	"fmt"
	"strconv"

	"github.com/pulselearn/campus-hub/platform/avro"
)

// record checks that each field of the reader can be filled.
func (w *walker) record(r, wr *avro.Schema, at *place) *result {
	var found []*result
	for i, f := range r.Fields {
		found = also(found, w.field(r, wr, i, at.down("fields/"+strconv.Itoa(i), f.Name)))
	}
	return join(found)
}

func (w *walker) field(r, wr *avro.Schema, i int, at *place) *result {
	f := r.Fields[i]
	switch from := w.writerFields(wr, f); {
	case len(from) == 1:
		return w.check(f.Type, from[0].Type, at.field(&f.TypePos, &from[0].TypePos))
	case len(from) > 1:
		w.fatal = append(w.fatal, &finding{typ: AmbiguousAlias, at: at, reader: f.NamePos, writer: from[1].NamePos, message: ambiguous(f, i, wr)})
		return nil
	case f.HasDefault:
		return nil
	case f.Type.Kind == avro.Enum && f.Type.Default != "":
		return w.check(f.Type, wr, at.field(&f.TypePos, &wr.NamePos)) // as Java does: an enum never reads a record
	}
	return at.one(MissingDefaultValue, f.NamePos, wr.NamePos, f.Name)
}

// ambiguous is the text of the exception that Java throws.
func ambiguous(f *avro.Field, i int, wr *avro.Schema) string {
	return fmt.Sprintf("Reader record field %s type:%s pos:%d matches multiple fields in writer record schema %s",
		f.Name, javaKind(f.Type), i, avro.Text(wr))
}

// writerFields returns the fields of the writer that have a reader's name or
// one of its aliases. Java counts an alias that repeats the name twice.
func (w *walker) writerFields(wr *avro.Schema, f *avro.Field) []*avro.Field {
	w.steps += len(f.Aliases)
	byName := w.fieldsOf(wr)
	var found []*avro.Field
	if direct := byName[f.Name]; direct != nil {
		found = append(found, direct)
	}
	for _, alias := range f.Aliases {
		if aliased := byName[alias]; aliased != nil {
			found = append(found, aliased)
		}
	}
	return found
}

func (w *walker) fieldsOf(s *avro.Schema) map[string]*avro.Field {
	byName := w.fields[s]
	if byName == nil {
		byName = make(map[string]*avro.Field, len(s.Fields))
		for _, f := range s.Fields {
			byName[f.Name] = f
		}
		w.fields[s] = byName
	}
	return byName
}
