// Package admin is the admin API of a process as both of its sides see it: the
// words, and a client. Package adminserver answers.
//
// The API is JSON over HTTP for the people on call and for their tools. It
// shows and steers what no handler does: deliveries that wait, the positions
// of consumers, the outbox, the sagas. Every change is guarded against what
// happened since it was decided on, and is audited with who asked for it and
// why. docs/runbooks/admin-api.md shows every request with curl.
//
// The package stands on the standard library, so that pl-gen may use it.
package admin

// DefaultURL is where a process serves its admin API unless PL_ADMIN_ADDR says
// otherwise.
const DefaultURL = "http://127.0.0.1:8082"

// Headers of requests.
const (
	// HeaderActor names the person who asks, for the audit. It is a claim: the
	// token alone is checked.
	HeaderActor = "PL-Actor"
	// HeaderToken carries "Bearer " and the token.
	HeaderToken = "Authorization"
)
