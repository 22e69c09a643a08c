// Package migrate plans the migrations of each context's database. It compares
// the tables that a context's entities need with a snapshot of those that its
// migrations lead to, and writes the statements that close the gap, for SQLite
// and PostgreSQL. No database is needed.
package migrate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/entity"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// A Snapshot is what a context's tables look like, free of any dialect.
type Snapshot struct {
	Tables []Table `json:"tables"`
}

// A Table is one entity's table. Columns are in contract order.
type Table struct {
	Name    string   `json:"name"`
	Columns []Column `json:"columns"`
	Indexes []Index  `json:"indexes,omitempty"`
}

// A Column is one column. The first column that is a key is the table's
// primary key.
type Column struct {
	Name string `json:"name"`
	Type Type   `json:"type"`
	Key  bool   `json:"key,omitempty"`
	Null bool   `json:"null,omitempty"`
	// Default is the SQL expression of the default, "" for none.
	Default string `json:"default,omitempty"`
}

// An Index is an index over columns, in order.
type Index struct {
	Name    string   `json:"name"`
	Unique  bool     `json:"unique,omitempty"`
	Columns []string `json:"columns"`
}

// A Type is the type of a column in both dialects.
type Type string

// The types of columns.
const (
	Text   Type = "text"
	Bool   Type = "bool"
	Int    Type = "int"
	Long   Type = "long"
	Float  Type = "float"
	Double Type = "double"
	Time   Type = "time"
	Bytes  Type = "bytes"
	JSON   Type = "json"
)

// Of returns the tables that a context's entities need.
func Of(c *model.Context) Snapshot {
	var s Snapshot
	for _, e := range c.Entities {
		s.Tables = append(s.Tables, tableOf(e))
	}
	return s
}

// Decode reads a snapshot; no data is a snapshot without tables.
func Decode(data []byte) (Snapshot, error) {
	var s Snapshot
	if len(data) == 0 {
		return s, nil
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, fmt.Errorf("read snapshot of tables: %w", err)
	}
	return s, nil
}

// Encode returns the snapshot as text that diffs well.
func (s Snapshot) Encode() ([]byte, error) {
	data, err := json.MarshalIndent(s, "", "  ")
	return append(data, '\n'), err
}

// Equal reports whether two snapshots describe the same tables. The order of
// columns is part of it: a column that moves is a change of its contract, and
// costs nothing, so it is left out here.
func (s Snapshot) Equal(other Snapshot) bool {
	return slices.EqualFunc(s.sorted(), other.sorted(), func(a, b Table) bool {
		return a.Name == b.Name && slices.Equal(a.Columns, b.Columns) &&
			slices.EqualFunc(a.Indexes, b.Indexes, func(a, b Index) bool {
				return a.Name == b.Name && a.Unique == b.Unique && slices.Equal(a.Columns, b.Columns)
			})
	})
}

func tableOf(e *model.Entity) Table {
	t := Table{Name: e.Table}
	zero := entity.ZeroDefaults(e)
	for _, c := range e.Fields {
		t.Columns = append(t.Columns, columnOf(c, zero[c]))
		if c.Unique {
			t.addIndex(true, c.Name)
		}
		if c.Index {
			t.addIndex(false, c.Name)
		}
	}
	for _, set := range e.Unique {
		t.addIndex(true, names(set)...)
	}
	for _, set := range e.Index {
		t.addIndex(false, names(set)...)
	}
	return t
}

func names(set []*model.Column) []string {
	list := make([]string, len(set))
	for i, c := range set {
		list[i] = c.Name
	}
	return list
}

func (t *Table) addIndex(unique bool, columns ...string) {
	t.Indexes = append(t.Indexes, Index{Name: indexName(t.Name, unique, columns), Unique: unique, Columns: columns})
}

func columnOf(c *model.Column, zeroDefault bool) Column {
	t := typeOf(c.Desc)
	col := Column{Name: c.Name, Type: t, Key: c.PrimaryKey, Null: c.Optional || t == JSON || t == Bytes}
	if zeroDefault {
		col.Default = zeroText(c.Desc, t)
	}
	return col
}

func zeroText(d protoreflect.FieldDescriptor, t Type) string {
	switch {
	case d.Enum() != nil:
		return "'" + entity.EnumValues(d.Enum())[0].Stored + "'"
	case t == Text:
		return "''"
	case t == Bool:
		return "false"
	}
	return "0"
}

var kinds = map[protoreflect.Kind]Type{
	protoreflect.BoolKind: Bool, protoreflect.EnumKind: Text, protoreflect.StringKind: Text,
	protoreflect.Int32Kind: Int, protoreflect.Sint32Kind: Int, protoreflect.Sfixed32Kind: Int,
	protoreflect.Uint32Kind: Long, protoreflect.Fixed32Kind: Long,
	protoreflect.Int64Kind: Long, protoreflect.Sint64Kind: Long, protoreflect.Sfixed64Kind: Long,
	protoreflect.FloatKind: Float, protoreflect.DoubleKind: Double,
	protoreflect.BytesKind: Bytes, protoreflect.MessageKind: Time,
}

func typeOf(d protoreflect.FieldDescriptor) Type {
	if d.IsList() || d.IsMap() {
		return JSON
	}
	return kinds[d.Kind()]
}
