// Package identity says who makes a call: a person, another context, or
// nobody that is known. The gateway or a context's own front verifies a token
// and puts the caller into the context; everything behind it asks here.
package identity

import (
	"context"
	"slices"
	"time"
)

// Roles that people have. The contracts name them as they are here.
const (
	Student = "student"
	Teacher = "teacher"
	Admin   = "admin"
)

// A Caller is who makes a call. The zero Caller is anonymous. It must not be
// changed once it is in a context.
type Caller struct {
	// Subject is the id of the person, "" for a service and for nobody.
	Subject string
	// Service is the name of the calling context, "" for a person.
	Service string
	// Roles are what the person may act as, in no order.
	Roles []string
	// Scopes are what the token was issued for, in no order.
	Scopes []string
	// Session is the id of the session that the token belongs to, or "".
	Session string
	// Expires is when the token ends; zero for a caller without one.
	Expires time.Time
	// Token is the compact form of what the caller was verified by, for calls
	// that are made in the same name; "" when there is none. It is never
	// logged.
	Token string
}

// Anonymous tells whether nothing is known about the caller.
func (c Caller) Anonymous() bool { return c.Subject == "" && c.Service == "" }

// Name returns what the caller is called where callers are told apart:
// "user:<id>", "service:<context>" or "anonymous".
func (c Caller) Name() string {
	switch {
	case c.Service != "":
		return "service:" + c.Service
	case c.Subject != "":
		return "user:" + c.Subject
	}
	return "anonymous"
}

// Has tells whether the caller is a person with the role.
func (c Caller) Has(role string) bool { return c.Subject != "" && slices.Contains(c.Roles, role) }

// ActsFor tells whether the caller is the person with the id, or a person with
// one of the roles. Handlers ask it about rows, whose owners a contract's
// access option cannot name.
func (c Caller) ActsFor(id string, roles ...string) bool {
	return c.Subject != "" && c.Subject == id || slices.ContainsFunc(roles, c.Has)
}

// holds tells whether the caller's token was issued for the scope.
func (c Caller) holds(scope string) bool { return slices.Contains(c.Scopes, scope) }

type callerKey struct{}

// With returns a context whose calls are made by c.
func With(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// From returns who makes the call, or the anonymous caller.
func From(ctx context.Context) Caller {
	c, _ := Known(ctx)
	return c
}

// Known returns who makes the call, and false when nobody has said it yet: the
// call has not been authenticated.
func Known(ctx context.Context) (Caller, bool) {
	c, ok := ctx.Value(callerKey{}).(Caller)
	return c, ok
}
