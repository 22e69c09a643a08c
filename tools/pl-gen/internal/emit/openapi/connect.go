package openapi

import "strings"

// Names of components that every document has.
const (
	idempotencyKey  = "IdempotencyKey"
	protocolVersion = "ConnectProtocolVersion"
	timeout         = "ConnectTimeout"
	errorName       = "ConnectError"
)

// failures are the answers to a call that failed, by HTTP status: Connect maps
// each code to one.
var failures = []struct{ status, name, codes string }{
	{"400", "BadRequest", "invalid_argument, failed_precondition or out_of_range"},
	{"401", "Unauthenticated", "unauthenticated"},
	{"403", "PermissionDenied", "permission_denied"},
	{"404", "NotFound", "not_found"},
	{"409", "Conflict", "already_exists or aborted"},
	{"429", "ResourceExhausted", "resource_exhausted"},
	{"500", "Internal", "internal, unknown or data_loss"},
	{"503", "Unavailable", "unavailable: it is not known whether the call took effect; send it again with the same Idempotency-Key"},
	{"504", "DeadlineExceeded", "deadline_exceeded"},
	{"default", "Failure", "any other"},
}

// codes are the codes of a Connect error.
var codes = []string{
	"canceled", "unknown", "invalid_argument", "deadline_exceeded", "not_found", "already_exists", "permission_denied",
	"resource_exhausted", "failed_precondition", "aborted", "out_of_range", "unimplemented", "internal", "unavailable",
	"data_loss", "unauthenticated",
}

func parameters() map[string]parameter {
	return map[string]parameter{
		idempotencyKey: {
			Name: "Idempotency-Key", In: "header", Schema: &schema{Type: "string", MinLength: 1, MaxLength: 256},
			Description: "Makes the command run once however often it is sent: with the same key, caller and request the first answer " +
				"is given again, for 24 hours; with another request the answer is invalid_argument. Without it a call must not be retried.",
		},
		protocolVersion: {
			Name: "Connect-Protocol-Version", In: "header", Schema: &schema{Const: "1"},
			Description: "The version of Connect's protocol.",
		},
		timeout: {
			Name: "Connect-Timeout-Ms", In: "header", Schema: &schema{Type: "string", Pattern: "^[0-9]{1,10}$"},
			Description: "For how long the caller waits, in milliseconds.",
		},
	}
}

func responses() map[string]response {
	list := map[string]response{}
	for _, f := range failures {
		list[f.name] = response{
			Description: "The call failed; the code is " + f.codes + ".",
			Content:     jsonOf(&schema{Ref: "#/components/schemas/" + errorName}),
		}
	}
	return list
}

func connectError() *schema {
	return &schema{
		Type: "object", Description: "Why a call failed.", Required: []string{"code"},
		Properties: map[string]*schema{
			"code":    {Type: "string", Enum: codes, Description: "What kind of failure it is; decide by it."},
			"message": {Type: "string", Description: "What went wrong, for people."},
			"details": {Type: "array", Description: "More about the failure, for programs.", Items: &schema{
				Type: "object", Required: []string{"type", "value"},
				Properties: map[string]*schema{
					"type":  {Type: "string", Description: "The full name of a proto message."},
					"value": {Type: "string", Encoding: "base64", Description: "The message in binary form, without padding."},
				},
			}},
		},
	}
}

func refTo(kind, name string) parameter { return parameter{Ref: "#/components/" + kind + "/" + name} }

func refResponse(name string) response { return response{Ref: "#/components/responses/" + name} }

func jsonOf(s *schema) map[string]media { return map[string]media{"application/json": {s}} }

// firstSentence is the beginning of a comment up to the first full stop.
func firstSentence(doc string) string {
	text := strings.Join(strings.Fields(doc), " ")
	if i := strings.Index(text, ". "); i >= 0 {
		return text[:i+1]
	}
	return text
}
