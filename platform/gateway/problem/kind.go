package problem

import (
	"net/http"
	"slices"
	"strings"
)

// A Kind is a kind of problem.
type Kind struct {
	// Code is its name for programs, "not_found".
	Code string
	// Status is its HTTP status.
	Status int
	// Title and Doc are for people.
	Title, Doc string
}

// Type returns what identifies the kind in problem details.
func (k Kind) Type() string { return Path + strings.ReplaceAll(k.Code, "_", "-") }

// statusCanceled is what servers log for a caller that went away.
const statusCanceled = 499

// kinds are the codes of calls, and what HTTP adds.
var kinds = []Kind{
	{"invalid_argument", http.StatusBadRequest, "Invalid request", "The request is wrong, whatever state the system is in. errors names the fields. Correct it; sending it again changes nothing."},
	{"failed_precondition", http.StatusBadRequest, "Not possible now", "The request is right, but the system is not in the state that it needs. detail says what has to happen before."},
	{"out_of_range", http.StatusBadRequest, "Out of range", "The request asks for something beyond the end."},
	{"unauthenticated", http.StatusUnauthorized, "Not authenticated", "The request needs an access token, or the one that it has is not valid any more. Send Authorization: Bearer with a new one."},
	{"permission_denied", http.StatusForbidden, "Not allowed", "The caller is known and may not do this. detail says who may."},
	{"not_found", http.StatusNotFound, "Not found", "There is no such thing, or no such path."},
	{"method_not_allowed", http.StatusMethodNotAllowed, "Method not allowed", "The path does not have this method. The header Allow lists those that it has."},
	{"not_acceptable", http.StatusNotAcceptable, "Not acceptable", "The answer is JSON, and the header Accept excludes it."},
	{"already_exists", http.StatusConflict, "Already exists", "What the request would create is there already."},
	{"aborted", http.StatusConflict, "Conflict", "Something else changed the same at the same time. Read again, and try again."},
	{"content_too_large", http.StatusRequestEntityTooLarge, "Too large", "The request is larger than the server takes."},
	{"unsupported_media_type", http.StatusUnsupportedMediaType, "Not JSON", "The body has to be JSON without compression: send Content-Type: application/json."},
	{"resource_exhausted", http.StatusTooManyRequests, "Too many requests", "The caller asks too often, or a limit of the system is reached. Wait as long as Retry-After says."},
	{"canceled", statusCanceled, "Canceled", "The caller went away before the answer."},
	{"internal", http.StatusInternalServerError, "Internal error", "Something is broken that the caller cannot mend. The log has the cause."},
	{"unknown", http.StatusInternalServerError, "Internal error", "Something is broken that the caller cannot mend. The log has the cause."},
	{"data_loss", http.StatusInternalServerError, "Internal error", "Data is damaged. The log has the cause."},
	{"unimplemented", http.StatusNotImplemented, "Not served", "The call is in the contract, and its context does not serve it."},
	{"unavailable", http.StatusServiceUnavailable, "Not available", "The system starts, ends, or cannot reach a part of itself. A query can be sent again; a command too, with the same Idempotency-Key."},
	{"deadline_exceeded", http.StatusGatewayTimeout, "Too slow", "The answer took longer than the server or the caller waits. It is not known whether a command took effect: send it again with the same Idempotency-Key."},
}

var kindOf = func() map[string]Kind {
	m := make(map[string]Kind, len(kinds))
	for _, k := range kinds {
		m[k.Code] = k
	}
	return m
}()

// Kinds returns all kinds of problems, by status.
func Kinds() []Kind { return slices.Clone(kinds) }
