package openapi

import (
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// Names of components of Connect's protocol.
const (
	protocolVersion = "ConnectProtocolVersion"
	timeout         = "ConnectTimeout"
	errorName       = "ConnectError"
)

// codes are the codes of a Connect error.
var codes = []string{
	"canceled", "unknown", "invalid_argument", "deadline_exceeded", "not_found", "already_exists", "permission_denied",
	"resource_exhausted", "failed_precondition", "aborted", "out_of_range", "unimplemented", "internal", "unavailable",
	"data_loss", "unauthenticated",
}

// call adds what Connect's JSON protocol has of a call: POST, and GET for a
// query.
func (d *document) call(c *model.Context, m *model.Method, s *schemas) {
	item := &pathItem{Post: connectOperation(c, m, s)}
	item.Post.Body = &body{true, jsonOf(s.request(m.Input.Desc))}
	if m.Query {
		item.Get = connectOperation(c, m, s)
		item.Get.ID += "_get"
		item.Get.Parameters = append([]parameter{
			{Name: "encoding", In: "query", Required: true, Schema: &schema{Const: "json"}},
			{Name: "connect", In: "query", Schema: &schema{Const: "v1"}},
			{Name: "message", In: "query", Required: true, Description: "The request as JSON.", Content: jsonOf(s.request(m.Input.Desc))},
		}, item.Get.Parameters[1:]...)
	} else {
		item.Post.Parameters = append([]parameter{refTo("parameters", idempotencyKey)}, item.Post.Parameters...)
	}
	d.Paths["/"+string(c.Service.Desc.FullName())+"/"+m.Name] = item
}

// connectOperation is what POST and GET of a call have in common.
func connectOperation(c *model.Context, m *model.Method, s *schemas) *operation {
	o := &operation{
		ID: c.Service.Name + "_" + m.Name + "_connect", Tags: []string{connectTag(c)}, Summary: firstSentence(m.Doc), Description: described(m),
		Parameters: []parameter{refTo("parameters", protocolVersion), refTo("parameters", timeout)},
		Responses: map[string]response{"200": {
			Description: "The call succeeded.",
			Content:     jsonOf(s.response(m.Output.Desc)),
		}},
		Query: m.Query, Security: securityOf(m),
	}
	for _, f := range failures {
		o.Responses[f.status] = refResponse("Connect" + f.name)
	}
	return o
}

func connectTag(c *model.Context) string { return c.Service.Name + " over Connect" }

func connectParameters() map[string]parameter {
	return map[string]parameter{
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

func connectError() *schema {
	return &schema{
		Type: "object", Description: "Why a call over Connect failed.", Required: []string{"code"},
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
