package openapi

import (
	"maps"
	"strings"
)

// Names of components that every document has.
const (
	bearer         = "bearer"
	idempotencyKey = "IdempotencyKey"
	ifNoneMatch    = "IfNoneMatch"
	problemName    = "Problem"

	entityTag  = "ETag"
	nextLink   = "Link"
	replayed   = "IdempotencyReplayed"
	retryAfter = "RetryAfter"
	challenge  = "WWWAuthenticate"
)

// failures are the answers to a request that failed, by HTTP status: each code
// has one.
var failures = []struct{ status, name, codes string }{
	{"400", "BadRequest", "invalid_argument, failed_precondition or out_of_range"},
	{"401", "Unauthenticated", "unauthenticated"},
	{"403", "PermissionDenied", "permission_denied"},
	{"404", "NotFound", "not_found"},
	{"409", "Conflict", "already_exists or aborted"},
	{"429", "ResourceExhausted", "resource_exhausted: wait as long as Retry-After says"},
	{"500", "Internal", "internal, unknown or data_loss"},
	{"503", "Unavailable", "unavailable: it is not known whether the call took effect; send it again with the same Idempotency-Key"},
	{"504", "DeadlineExceeded", "deadline_exceeded"},
	{"default", "Failure", "any other"},
}

func newComponents() components {
	return components{
		Security: map[string]scheme{bearer: {
			Type: "http", Scheme: "bearer", Format: "JWT",
			Description: "An access token of the OpenID provider, which /.well-known/openid-configuration describes. With the embedded provider, pl-gen token prints one.",
		}},
		Parameters: parameters(),
		Headers:    headers(),
		Responses:  responses(),
	}
}

func parameters() map[string]parameter {
	list := connectParameters()
	list[idempotencyKey] = parameter{
		Name: "Idempotency-Key", In: "header", Schema: &schema{Type: "string", MinLength: 1, MaxLength: 256},
		Description: "Makes the command run once however often it is sent: with the same key, caller and request the first answer " +
			"is given again, for 24 hours; with another request the answer is invalid_argument. Without it a call must not be retried.",
	}
	list[ifNoneMatch] = parameter{
		Name: "If-None-Match", In: "header", Schema: &schema{Type: "string"},
		Description: "The ETag of an answer that the caller has: when nothing changed, the answer is 304 without a body.",
	}
	return list
}

func headers() map[string]header {
	text := &schema{Type: "string"}
	return map[string]header{
		entityTag:  {Description: "A strong validator of the answer.", Schema: text},
		nextLink:   {Description: `The path of the next page, <…>; rel="next"; absent on the last one.`, Schema: text},
		replayed:   {Description: "true when the answer is that of an earlier request with the same Idempotency-Key.", Schema: &schema{Const: "true"}},
		retryAfter: {Description: "After how many seconds to ask again.", Schema: &schema{Type: "string", Pattern: "^[0-9]+$"}},
		challenge:  {Description: "What the caller has to show.", Schema: &schema{Const: "Bearer"}},
	}
}

// responses are the failures, as REST and as Connect have them.
func responses() map[string]response {
	list := map[string]response{}
	for _, f := range failures {
		description := "The request failed; the code is " + f.codes + "."
		list[f.name] = response{Description: description, Headers: failureHeaders(f.status), Content: problems()}
		list["Connect"+f.name] = response{Description: description, Headers: failureHeaders(f.status), Content: jsonOf(schemaRef(errorName))}
	}
	list["ContentTooLarge"] = response{Description: "The body is larger than the server takes.", Content: problems()}
	list["UnsupportedMediaType"] = response{Description: "The body is no JSON, by its Content-Type, or compressed.", Content: problems()}
	list["NotAcceptable"] = response{Description: "The header Accept excludes JSON.", Content: problems()}
	list["NotModified"] = response{Description: "The answer is the one that the caller has.", Headers: refHeaders(entityTag)}
	return list
}

func failureHeaders(status string) map[string]header {
	switch status {
	case "401":
		return map[string]header{"WWW-Authenticate": refHeader(challenge)}
	case "429", "503":
		return map[string]header{"Retry-After": refHeader(retryAfter)}
	}
	return nil
}

func problems() map[string]media {
	return map[string]media{"application/problem+json": {schemaRef(problemName)}}
}

// problem is the schema of problem details.
func problem() *schema {
	return &schema{
		Type: "object", Description: "Why a request failed, as RFC 9457 has it.", Required: []string{"type", "title", "status", "code"},
		Properties: map[string]*schema{
			"type":     {Type: "string", Format: "uri-reference", Description: "Identifies the kind of problem; the path describes it."},
			"title":    {Type: "string", Description: "The kind of problem, for people."},
			"status":   {Type: "integer", Description: "The HTTP status."},
			"detail":   {Type: "string", Description: "What went wrong this time, for people."},
			"instance": {Type: "string", Format: "uri-reference", Description: "The path of the request."},
			"code":     {Type: "string", Description: "The kind of problem, for programs: decide by it."},
			"errors": {Type: "array", Description: "The fields of the request that are wrong.", Items: &schema{
				Type: "object", Required: []string{"field", "detail"},
				Properties: map[string]*schema{
					"field":  {Type: "string", Description: "The path of the field, as the request has it: answers[2].questionId."},
					"detail": {Type: "string", Description: "What is wrong with it."},
				},
			}},
		},
	}
}

func schemaRef(name string) *schema { return &schema{Ref: "#/components/schemas/" + name} }

func refTo(kind, name string) parameter { return parameter{Ref: "#/components/" + kind + "/" + name} }

func refResponse(name string) response { return response{Ref: "#/components/responses/" + name} }

func refHeader(name string) header { return header{Ref: "#/components/headers/" + name} }

// refHeaders are headers whose component has their own name.
func refHeaders(names ...string) map[string]header {
	list := map[string]header{}
	for _, name := range names {
		list[name] = refHeader(name)
	}
	return list
}

func merged(lists ...map[string]header) map[string]header {
	all := map[string]header{}
	for _, list := range lists {
		maps.Copy(all, list)
	}
	return all
}

func jsonOf(s *schema) map[string]media { return map[string]media{"application/json": {s}} }

// firstSentence is the beginning of a comment up to the first full stop.
func firstSentence(doc string) string {
	text := strings.Join(strings.Fields(doc), " ")
	if i := strings.Index(text, ". "); i >= 0 {
		return text[:i+1]
	}
	return text
}
