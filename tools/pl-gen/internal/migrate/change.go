package migrate

import (
	"cmp"
	"fmt"
	"slices"
)

func (s Snapshot) sorted() []Table {
	tables := make([]Table, len(s.Tables))
	for i, t := range s.Tables {
		tables[i] = Table{
			Name:    t.Name,
			Columns: slices.SortedFunc(slices.Values(t.Columns), func(a, b Column) int { return cmp.Compare(a.Name, b.Name) }),
			Indexes: slices.SortedFunc(slices.Values(t.Indexes), func(a, b Index) int { return cmp.Compare(a.Name, b.Name) }),
		}
	}
	slices.SortFunc(tables, func(a, b Table) int { return cmp.Compare(a.Name, b.Name) })
	return tables
}

// A change is one difference between two snapshots, as a person would say it.
type change struct {
	text string
	// loss says that rows lose data.
	loss bool
	// refusal says why the change cannot be applied to rows that exist, and
	// what to do; "" when it can.
	refusal string
}

// changes compares two snapshots, in the order of their tables.
func changes(from, to Snapshot) []change {
	var list []change
	old := map[string]Table{}
	for _, t := range from.Tables {
		old[t.Name] = t
	}
	for _, t := range to.Tables {
		before, ok := old[t.Name]
		delete(old, t.Name)
		if !ok {
			list = append(list, change{text: "create table " + t.Name})
			continue
		}
		list = append(list, columnChanges(before, t)...)
		list = append(list, indexChanges(before, t)...)
	}
	for _, t := range from.Tables {
		if _, gone := old[t.Name]; gone {
			list = append(list, change{text: "drop table " + t.Name, loss: true})
		}
	}
	return list
}

func columnChanges(from, to Table) []change {
	var list []change
	for _, c := range to.Columns {
		place := to.Name + "." + c.Name
		before, ok := find(from.Columns, func(o Column) bool { return o.Name == c.Name })
		switch {
		case !ok:
			list = append(list, addition(place, c))
		case before != c:
			list = append(list, alteration(place, before, c))
		}
	}
	for _, c := range from.Columns {
		if _, ok := find(to.Columns, func(o Column) bool { return o.Name == c.Name }); !ok {
			list = append(list, change{text: "drop column " + to.Name + "." + c.Name, loss: true})
		}
	}
	return list
}

func addition(place string, c Column) change {
	ch := change{text: "add column " + place}
	if !c.Null && c.Default == "" {
		ch.refusal = "rows that exist would have no value for it; make the field optional, fill it, and make it required in a later migration"
	}
	return ch
}

func alteration(place string, before, after Column) change {
	switch {
	case before.Type != after.Type:
		return change{
			text: fmt.Sprintf("change column %s from %s to %s", place, before.Type, after.Type), loss: true,
			refusal: "its values may not convert; add a field with a new name and number instead, and copy",
		}
	case before.Null && !after.Null:
		return change{text: "make column " + place + " required", loss: true}
	}
	return change{text: "change column " + place}
}

func indexChanges(from, to Table) []change {
	var list []change
	for _, i := range to.Indexes {
		if !slices.ContainsFunc(from.Indexes, func(o Index) bool { return o.Name == i.Name }) {
			list = append(list, change{text: "add index " + i.Name})
		}
	}
	for _, i := range from.Indexes {
		if !slices.ContainsFunc(to.Indexes, func(o Index) bool { return o.Name == i.Name }) {
			list = append(list, change{text: "drop index " + i.Name})
		}
	}
	return list
}

func find[T any](list []T, f func(T) bool) (T, bool) {
	if i := slices.IndexFunc(list, f); i >= 0 {
		return list[i], true
	}
	var zero T
	return zero, false
}
