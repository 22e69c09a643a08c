package model

import (
	"cmp"
	"fmt"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
)

func (b *builder) entities(c *Context, messages protoreflect.MessageDescriptors) {
	for i := range messages.Len() {
		d := messages.Get(i)
		if o, ok := optionOf(d, "entity"); ok {
			b.entity(c, d, o)
		}
	}
}

func (b *builder) entity(c *Context, d protoreflect.MessageDescriptor, o option) {
	e := &Entity{
		Name: string(d.Name()), Doc: doc(d), Message: message(d), Pos: posOf(d),
		Table: cmp.Or(o.text("table"), Plural(snake(string(d.Name())))),
	}
	for i := range d.Fields().Len() {
		b.column(e, d.Fields().Get(i))
	}
	b.primaryKey(e)
	e.Unique, e.Index = b.indexes(e, o, "unique"), b.indexes(e, o, "index")
	b.table(c, e, o)
	c.Entities = append(c.Entities, e)
}

func (b *builder) column(e *Entity, f protoreflect.FieldDescriptor) {
	o, _ := optionOf(f, "field")
	if why := unstorable(f); why != "" {
		b.report(diag.New(diag.EntityColumn, posOf(f), fmt.Sprintf("%s.%s cannot be stored: %s", e.Name, f.Name(), why)).Because(
			"a column is a scalar, an enum, a Timestamp, or a list or map of these that is stored as JSON",
			"use one of these types, or make an entity of its own with the id of this one"))
		return
	}
	e.Fields = append(e.Fields, &Column{
		Name: string(f.Name()), Doc: doc(f), Desc: f, Pos: posOf(f), PII: o.text("pii"),
		PrimaryKey: o.truth("primary_key"), Index: o.truth("index"), Unique: o.truth("unique"),
		Immutable: o.truth("immutable"), Optional: f.HasOptionalKeyword(),
	})
}

const timestamp = protoreflect.FullName("google.protobuf.Timestamp")

// unstorable says why a field cannot be a column, or "".
func unstorable(f protoreflect.FieldDescriptor) string {
	switch {
	case f.ContainingOneof() != nil && !f.ContainingOneof().IsSynthetic():
		return "it is part of a oneof"
	case f.IsMap():
		return unstorableElement(f.MapValue())
	case f.IsList():
		return unstorableElement(f)
	case f.Message() != nil && f.Message().FullName() != timestamp:
		return "it is a message"
	}
	return ""
}

func unstorableElement(f protoreflect.FieldDescriptor) string {
	if f.Message() != nil {
		return "its elements are messages"
	}
	return ""
}

func (b *builder) primaryKey(e *Entity) {
	var keys []*Column
	for _, c := range e.Fields {
		if c.PrimaryKey {
			keys = append(keys, c)
		}
	}
	why := "every table has exactly one primary key, a string that holds a UUID made by tx.NewID"
	switch {
	case len(keys) == 0:
		b.report(diag.New(diag.EntityKey, e.Pos, fmt.Sprintf("entity %s has no primary key", e.Name)).Because(
			why, "add string id = 1 [(pl.options.v1.field).primary_key = true];"))
	case len(keys) > 1:
		b.report(diag.New(diag.EntityKey, keys[1].Pos, fmt.Sprintf("entity %s has %d primary keys", e.Name, len(keys))).Because(
			why, "keep one; write unique: {fields: […]} for fields that are unique together"))
	case keys[0].Desc.Kind() != protoreflect.StringKind || keys[0].Desc.IsList() || keys[0].Optional:
		b.report(diag.New(diag.EntityKey, keys[0].Pos, fmt.Sprintf("the primary key %s.%s is not a required string", e.Name, keys[0].Name)).Because(
			why, "make it a string"))
	}
}

func (b *builder) indexes(e *Entity, o option, name protoreflect.Name) [][]*Column {
	var sets [][]*Column
	for _, index := range o.messages(name) {
		if set := b.index(e, index, name); len(set) > 0 {
			sets = append(sets, set)
		}
	}
	return sets
}

func (b *builder) index(e *Entity, o option, name protoreflect.Name) []*Column {
	texts := o.texts("fields")
	if len(texts) == 0 {
		b.badIndex(o.pos(), fmt.Sprintf("%s of %s names no fields", name, e.Name), `write fields: ["…"]`)
	}
	var set []*Column
	for _, t := range texts {
		i := slices.IndexFunc(e.Fields, func(c *Column) bool { return c.Name == t.text })
		switch {
		case i < 0:
			b.badIndex(t.pos, fmt.Sprintf("%s of %s names %q, which is no column", name, e.Name, t.text),
				diag.Suggest(t.text, fieldNames(e.Message.Desc)))
		case slices.Contains(set, e.Fields[i]):
			b.badIndex(t.pos, fmt.Sprintf("%s of %s names %s twice", name, e.Name, t.text), "remove one of them")
		case e.Fields[i].Desc.IsList() || e.Fields[i].Desc.IsMap():
			b.badIndex(t.pos, fmt.Sprintf("%s of %s names %s, which is stored as JSON", name, e.Name, t.text), "index a scalar column")
		default:
			set = append(set, e.Fields[i])
		}
	}
	return set
}

func (b *builder) badIndex(pos Pos, message, fix string) {
	b.report(diag.New(diag.EntityIndex, pos, message).Because("an index is made of scalar columns of its own table", fix))
}

func (b *builder) table(c *Context, e *Entity, o option) {
	if !snakePattern.MatchString(e.Table) || len(e.Table) > 60 {
		b.report(diag.New(diag.EntityTable, o.posOf("table"), fmt.Sprintf("%q cannot name a table", e.Table)).Because(
			"a table's name is lower snake case of up to 60 characters", "rename it, or leave it out"))
	}
	for _, other := range c.Entities {
		if other.Table == e.Table {
			b.report(diag.New(diag.EntityTable, o.posOf("table"), fmt.Sprintf("%s and %s are both stored in table %s", other.Name, e.Name, e.Table)).Because(
				"a table belongs to one entity", `name another one: {table: "…"}`))
		}
	}
}
