//go:build unix

package chaos

import (
	"sync"
	"time"

	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/identity/identitytest"
)

// issuer signs the tokens of the load, which every service takes.
var issuer = sync.OnceValue(func() *identitytest.Issuer {
	i, err := identitytest.Start("127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	i.Slack = 48 * time.Hour // clocks jump
	return i
})

// serviceSecret is what the services know each other by.
const serviceSecret = "no secret at all, and long enough for one"

// Who calls; students submit their own quizzes.
var (
	registrar = identity.Caller{Subject: "registrar", Roles: []string{identity.Admin}}
	teacher   = identity.Caller{Subject: "teacher-1", Roles: []string{identity.Teacher}}
)
