package ddl

import (
	"maps"
	"slices"
)

// Tables are the tables of a database, by name.
type Tables map[string]*Table

// A Table is one table as the statements so far have made it.
type Table struct {
	Columns []Column
	// Indexes has the names of indexes.
	Indexes map[string]Index
	// CopyOf is the table whose rows were copied into this one, when it is new.
	CopyOf string
}

// Column returns the column of that name.
func (t *Table) Column(name string) (Column, bool) {
	if i := t.index(name); i >= 0 {
		return t.Columns[i], true
	}
	return Column{}, false
}

func (t *Table) index(name string) int {
	return slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name })
}

// Clone returns a copy.
func (t *Table) Clone() *Table {
	return &Table{Columns: slices.Clone(t.Columns), Indexes: maps.Clone(t.Indexes), CopyOf: t.CopyOf}
}

// Apply changes the tables as the action does. It reports false for an action
// that fits no table: then the tables are no longer what a database has.
func (ts Tables) Apply(a *Action) bool {
	switch a.Verb {
	case Opaque:
		return false
	case CreateTable:
		if ts[a.Table] == nil {
			ts[a.Table] = &Table{Columns: slices.Clone(a.Columns), Indexes: map[string]Index{}}
		}
		return true
	case DropIndex:
		for _, t := range ts {
			delete(t.Indexes, a.Index.Name)
		}
		return true
	case DropTable:
		delete(ts, a.Table)
		return true
	case AddColumn, DropColumn, RenameColumn, RenameTable, CreateIndex, SetType, SetNotNull, DropNotNull, SetDefault, DropDefault:
		t := ts[a.Table]
		return t != nil && ts.alter(t, a)
	case Insert:
		if t := ts[a.Table]; t != nil && a.Source != "" {
			t.CopyOf = a.Source
		}
	}
	return true
}

func (ts Tables) alter(t *Table, a *Action) bool {
	switch a.Verb {
	case AddColumn:
		if t.index(a.Column.Name) < 0 {
			t.Columns = append(t.Columns, a.Column)
		}
		return true
	case RenameTable:
		delete(ts, a.Table)
		ts[a.To] = t
		return true
	case CreateIndex:
		t.Indexes[a.Index.Name] = a.Index
		return true
	}
	i := t.index(a.Column.Name)
	if i < 0 {
		return false
	}
	t.change(i, a)
	return true
}

func (t *Table) change(i int, a *Action) {
	c := &t.Columns[i]
	switch a.Verb {
	case DropColumn:
		t.Columns = slices.Delete(t.Columns, i, i+1)
	case RenameColumn:
		c.Name = a.To
	case SetType:
		c.Type = a.Column.Type
	case SetNotNull, DropNotNull:
		c.NotNull = a.Verb == SetNotNull
	case SetDefault, DropDefault:
		c.Default = a.Verb == SetDefault
	}
}
