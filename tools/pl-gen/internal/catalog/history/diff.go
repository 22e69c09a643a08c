package history

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// A Change is one difference between two versions of a schema.
type Change struct {
	// Kind is "added", "removed" or "changed".
	Kind string
	// Path is the field, or "" for the record itself.
	Path string
	// What is said: an attribute, or the type of an added field.
	What string
	// Old and New are the attribute's values, "" where it was or is absent.
	Old, New string
}

// diff lists the differences by field, removed ones last.
func diff(old, new *outline) []Change {
	var list []Change
	for _, path := range new.paths {
		switch {
		case old.says[path] == nil && path != "":
			list = append(list, Change{Kind: "added", Path: path, What: new.brief(path)})
		default:
			list = append(list, attributes(path, old.says[path], new.says[path])...)
		}
	}
	for _, path := range old.paths {
		switch {
		case path == "" && new.says[path] == nil:
			list = append(list, attributes(path, old.says[path], nil)...)
		case new.says[path] == nil:
			list = append(list, Change{Kind: "removed", Path: path, What: old.brief(path)})
		}
	}
	return list
}

func attributes(path string, old, new map[string]string) []Change {
	names := map[string]bool{}
	for name := range old {
		names[name] = true
	}
	for name := range new {
		names[name] = true
	}
	var list []Change
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if old[name] != new[name] {
			list = append(list, Change{"changed", path, name, old[name], new[name]})
		}
	}
	return list
}

// brief is a field's type and default in one line.
func (o *outline) brief(path string) string {
	says := o.says[path]
	if says["symbol"] != "" {
		return "symbol"
	}
	text := cmp.Or(says["type"], "field")
	if d, ok := says["default"]; ok {
		text += " = " + d
	}
	return text
}

// An Entry is one commit in a schema's history.
type Entry struct {
	// Date is the day of the commit in UTC, as 2006-01-02. It and Commit are ""
	// for what is not committed.
	Date, Commit, Subject string
	// First is set for the first version, which has no changes; Fields is how
	// many fields of its own it has.
	First   bool
	Fields  int
	Changes []Change
}

// Entries returns what the commits changed in a file, newest first. The file is
// named by its path of today; one without history has none.
func (h *History) Entries(file string) []Entry {
	if h == nil {
		return nil
	}
	return entries(h.today[file], h.revisions[file])
}

// entries turns revisions, newest first, into what each changed. today is the
// text on disk, which may not be committed.
func entries(today []byte, revisions []revision) []Entry {
	if len(revisions) == 0 {
		return nil
	}
	var list []Entry
	outlines := make([]*outline, len(revisions))
	for i, r := range revisions {
		outlines[i] = outlineOf(r.text)
	}
	if changes := diff(outlines[0], outlineOf(today)); len(changes) > 0 {
		list = append(list, Entry{Subject: "Not committed", Changes: changes})
	}
	for i, r := range revisions {
		e := Entry{Date: r.date.UTC().Format("2006-01-02"), Commit: r.commit, Subject: r.subject}
		if i == len(revisions)-1 {
			e.First, e.Fields = true, outlines[i].topFields()
		} else {
			e.Changes = diff(outlines[i+1], outlines[i])
		}
		list = append(list, e)
	}
	return list
}

// topFields counts the record's own fields.
func (o *outline) topFields() int {
	n := 0
	for _, path := range o.paths {
		if path != "" && !strings.ContainsAny(path, ". ") {
			n++
		}
	}
	return n
}
