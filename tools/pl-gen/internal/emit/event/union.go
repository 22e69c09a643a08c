package event

import (
	"fmt"
	"strings"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/gofile"
)

// declaration prints a union: a struct that holds one branch, made by one
// constructor a branch and read by one accessor a branch.
func (u *union) declaration(f *gofile.File) {
	f.Comment(u.comment())
	f.P("type ", u.goName, " struct {")
	f.P("branch uint32 // the index in the contract plus one; 0 for none")
	for _, b := range u.branches {
		f.P(b.field(), " ", b.goType(f))
	}
	f.P("}")
	f.P()
	for _, b := range u.branches {
		u.accessors(f, b)
	}
	if u.hasNull {
		f.P("// IsNull reports whether the value is null.")
		f.P("func (u ", u.goName, ") IsNull() bool { return u.branch == 0 }")
		f.P()
	}
	u.views(f)
}

func (u *union) comment() string {
	var names []string
	for _, b := range u.branches {
		names = append(names, "[NAME.As"+b.name+"]")
	}
	zero := "Its zero value holds none of them and cannot be published."
	if u.hasNull {
		zero = "Its zero value is null."
	}
	text := fmt.Sprintf("NAME is the union %s. It holds one of %s. %s", u.place, strings.Join(names, ", "), zero)
	return strings.ReplaceAll(text, "NAME", u.goName)
}

func (b *branch) field() string { return "as" + b.name }

// goType is a branch's type: records are behind a pointer, so that the union
// stays small and may contain itself.
func (b *branch) goType(f *gofile.File) string {
	if b.typ.form == formRecord {
		return "*" + goType(f, b.typ)
	}
	return goType(f, b.typ)
}

func (u *union) accessors(f *gofile.File, b *branch) {
	constructor, typ := u.goName+"Of"+b.name, b.goType(f)
	f.Comment(fmt.Sprintf("%s returns %s that holds v.", constructor, indefinite(u.goName)))
	f.P("func ", constructor, "(v ", typ, ") ", u.goName, " { return ", u.goName, "{branch: ", b.index+1, ", ", b.field(), ": v} }")
	f.P()
	f.Comment(fmt.Sprintf("As%s returns the value and true if the union holds %s.", b.name, indefinite(b.name)))
	f.P("func (u ", u.goName, ") As", b.name, "() (v ", typ, ", ok bool) { return u.", b.field(), ", u.branch == ", b.index+1, " }")
	f.P()
}

// size is how many branches the contract lists, null among them.
func (u *union) size() int {
	if u.hasNull {
		return len(u.branches) + 1
	}
	return len(u.branches)
}

// null is the index of null: the one that no branch has.
func (u *union) null() int {
	for i, b := range u.branches {
		if b.index != i {
			return i
		}
	}
	return len(u.branches)
}

func indefinite(name string) string {
	if strings.ContainsRune("AEIOU", rune(name[0])) {
		return "an " + name
	}
	return "a " + name
}

// views prints how fmt, log/slog and encoding/json see a union: as the value
// that it holds.
func (u *union) views(f *gofile.File) {
	f.P("func (u ", u.goName, ") value() any {")
	f.P("switch u.branch {")
	for _, b := range u.branches {
		f.P("case ", b.index+1, ":")
		f.P("return u.", b.field())
	}
	f.P("}")
	f.P("return nil")
	f.P("}")
	f.P()
	f.P("// String returns the value as fmt prints it.")
	f.P("func (u ", u.goName, ") String() string { return ", f.Ident("fmt", "Sprint"), "(u.value()) }")
	f.P()
	f.P("// GoString returns the value as fmt prints it.")
	f.P("func (u ", u.goName, ") GoString() string { return u.String() }")
	f.P()
	f.P("// LogValue returns the value for a log.")
	f.P("func (u ", u.goName, ") LogValue() ", f.Ident("log/slog", "Value"), " { return ", f.Ident("log/slog", "AnyValue"), "(u.value()) }")
	f.P()
	f.P("// MarshalJSON returns the value in JSON, without the name of its branch.")
	f.P("func (u ", u.goName, ") MarshalJSON() ([]byte, error) { return ", f.Ident("encoding/json", "Marshal"), "(u.value()) }")
	f.P()
}
