//go:build unix

package e2e

import (
	"context"
	"net/http"
	"testing"

	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/identity/identitytest"
)

// issuer signs the tokens of all tests of this run. The processes take them.
var issuer *identitytest.Issuer

// serviceSecret is what the processes of a stand know each other by.
const serviceSecret = "no secret at all, and long enough for one"

// Who calls. A student's own calls are made with [asStudent].
var (
	registrar = identity.Caller{Subject: "registrar", Roles: []string{identity.Admin}}
	teacher   = identity.Caller{Subject: "teacher-1", Roles: []string{identity.Teacher}}
)

// asStudent returns a context whose calls are made by the student.
func asStudent(ctx context.Context, id string) context.Context {
	return identity.With(ctx, identity.Caller{Subject: id, Roles: []string{identity.Student}})
}

// authorize adds the caller's token to a request, as curl users do.
func authorize(t *testing.T, r *http.Request, c identity.Caller) {
	t.Helper()
	token, err := issuer.Token(c)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
}
