package model

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// An Allow is one way to be let into a call: all that it says must hold.
type Allow struct {
	Public               bool
	Role, Scope, Service string
	// Own is the name of the request's field that holds the caller's id, and
	// OwnField that field; nil when the request has no such field.
	Own      string
	OwnField protoreflect.FieldDescriptor
	// The places of what is said; the zero Pos for what is not.
	Pos, RolePos, OwnPos, ServicePos, PublicPos Pos
}

// Empty reports whether the entry says nothing.
func (a *Allow) Empty() bool {
	return !a.Public && a.Role == "" && a.Own == "" && a.Scope == "" && a.Service == ""
}

// Getter is the Go method that returns the field of [Allow.Own].
func (a *Allow) Getter() string { return "Get" + goCamel(string(a.OwnField.Name())) }

// Roles returns the roles that people have. They are those of package identity
// of the platform.
func Roles() []string { return []string{"student", "teacher", "admin"} }

// access reads who may make a call.
func (b *builder) access(m *Method) {
	o, ok := optionOf(m.Desc, "access")
	if !ok {
		return
	}
	for _, a := range o.messages("allow") {
		m.Access = append(m.Access, newAllow(m, a))
	}
}

func newAllow(m *Method, o option) *Allow {
	a := &Allow{
		Public: o.truth("public"), Role: o.text("role"), Own: o.text("own"), Scope: o.text("scope"), Service: o.text("service"),
		Pos: o.pos(), RolePos: o.posOf("role"), OwnPos: o.posOf("own"), ServicePos: o.posOf("service"), PublicPos: o.posOf("public"),
	}
	if a.Own != "" {
		a.OwnField = m.Input.Desc.Fields().ByName(protoreflect.Name(a.Own))
	}
	return a
}

// Public reports whether everybody may make the call.
func (m *Method) Public() bool {
	return slices.ContainsFunc(m.Access, func(a *Allow) bool { return a.Public })
}

// ServicesOnly reports whether the call is for other contexts alone: it lets
// somebody in, and no person. It is no part of what people are offered.
func (m *Method) ServicesOnly() bool {
	return len(m.Access) > 0 && !slices.ContainsFunc(m.Access, func(a *Allow) bool { return a.Service == "" })
}

// LetsIn says who may make the call, for people: "a student whose own id is
// student_id, or a teacher".
func (m *Method) LetsIn() string {
	who := make([]string, len(m.Access))
	for i, a := range m.Access {
		who[i] = a.who()
	}
	if len(who) == 0 {
		return "nobody"
	}
	return strings.Join(who, ", or ")
}

func (a *Allow) who() string {
	switch {
	case a.Public:
		return "everybody"
	case a.Service != "":
		return "the context " + a.Service
	}
	text := "a person"
	if a.Role != "" {
		text = "a " + a.Role
		if strings.ContainsAny(a.Role[:1], "aeiou") {
			text = "an " + a.Role
		}
	}
	if a.Scope != "" {
		text += " with the scope " + a.Scope
	}
	if a.Own != "" {
		text += " whose own id is " + a.Own
	}
	return text
}
