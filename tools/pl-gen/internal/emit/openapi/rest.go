package openapi

import (
	"cmp"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// route adds the REST binding of a call, if it has one.
func (d *document) route(c *model.Context, m *model.Method, s *schemas) {
	if m.HTTPVerb == "" {
		return
	}
	if d.Paths[m.HTTPPath] == nil {
		d.Paths[m.HTTPPath] = &pathItem{}
	}
	item, o := d.Paths[m.HTTPPath], restOperation(c, m, s)
	switch m.HTTPVerb {
	case "GET":
		item.Get = o
	case "PUT":
		item.Put = o
	case "POST":
		item.Post = o
	case "DELETE":
		item.Delete = o
	case "PATCH":
		item.Patch = o
	}
}

func restOperation(c *model.Context, m *model.Method, s *schemas) *operation {
	o := &operation{
		ID: c.Service.Name + "_" + m.Name, Tags: []string{c.Service.Name}, Summary: firstSentence(m.Doc), Description: described(m),
		Responses: map[string]response{"200": {
			Description: "The call succeeded.", Headers: answerHeaders(m), Content: jsonOf(s.response(m.Output.Desc)),
		}},
		Query: m.Query, Security: securityOf(m),
	}
	for _, f := range failures {
		o.Responses[f.status] = refResponse(f.name)
	}
	o.Responses["406"] = refResponse("NotAcceptable")
	s.parameters(o, m)
	return o
}

// answerHeaders are the headers of an answer.
func answerHeaders(m *model.Method) map[string]header {
	var list map[string]header
	if m.Query {
		list = refHeaders(entityTag)
	} else {
		list = map[string]header{"Idempotency-Replayed": refHeader(replayed)}
	}
	if m.Output.Desc.Fields().ByName("next_page_token") != nil {
		list = merged(list, refHeaders(nextLink))
	}
	return list
}

// parameters divides a request between the path, the query and the body, and
// adds the headers.
func (s *schemas) parameters(o *operation, m *model.Method) {
	inPath := pathFields(m)
	for _, f := range inPath {
		o.Parameters = append(o.Parameters, s.parameter(m.Input, f, string(f.Name()), "path"))
	}
	switch m.HTTPVerb {
	case "GET", "DELETE":
		o.Parameters = append(o.Parameters, s.query(m.Input, "", inPath, nil)...)
	default:
		o.Body = s.body(m, inPath)
		o.Responses["413"] = refResponse("ContentTooLarge")
		o.Responses["415"] = refResponse("UnsupportedMediaType")
	}
	if m.Query {
		o.Parameters = append(o.Parameters, refTo("parameters", ifNoneMatch))
		o.Responses["304"] = refResponse("NotModified")
	} else {
		o.Parameters = append(o.Parameters, refTo("parameters", idempotencyKey))
	}
}

// pathFields are the fields in a call's path, in its order.
func pathFields(m *model.Method) []protoreflect.FieldDescriptor {
	var list []protoreflect.FieldDescriptor
	for segment := range strings.SplitSeq(m.HTTPPath, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			list = append(list, m.Input.Desc.Fields().ByName(protoreflect.Name(strings.TrimSuffix(name, "}"))))
		}
	}
	return list
}

// query returns the parameters of a message's fields; a field of a message
// within has a path for its name. A query holds no maps, no lists of messages,
// and no message within itself.
func (s *schemas) query(m *model.Message, prefix string, without []protoreflect.FieldDescriptor, outer []protoreflect.FullName) []parameter {
	var list []parameter
	for i := range m.Desc.Fields().Len() {
		f := m.Desc.Fields().Get(i)
		switch {
		case f.IsMap() || slices.Contains(without, f):
		case f.Message() == nil || isText(f.Message()):
			list = append(list, s.parameter(m, f, prefix+string(f.Name()), "query"))
		case !f.IsList() && !slices.Contains(outer, f.Message().FullName()):
			inner := cmp.Or(s.rules[f.Message().FullName()], &model.Message{Desc: f.Message()})
			for _, p := range s.query(inner, prefix+string(f.Name())+".", nil, append(outer, m.Desc.FullName(), f.Message().FullName())) {
				p.Required = false
				list = append(list, p)
			}
		}
	}
	return list
}

// isText tells whether a message is one of protobuf's own whose JSON form a
// parameter can hold.
func isText(d protoreflect.MessageDescriptor) bool {
	known, ok := wellKnown(d.FullName())
	return ok && known.Type != "object" && known.Type != "array" && known.Type != ""
}

func (s *schemas) parameter(m *model.Message, f protoreflect.FieldDescriptor, name, in string) parameter {
	value := s.field(f, true)
	p := parameter{Name: name, In: in, Schema: value, Description: cmp.Or(model.Doc(f), value.Description), Required: in == "path"}
	if value.Ref == "" {
		value.Description = ""
		if r := ruleOf(m.Rules, f); r != nil {
			restrict(value, r)
			p.Required = p.Required || r.Required
		}
	}
	return p
}

// body returns what is left for the body, nil when nothing is.
func (s *schemas) body(m *model.Method, inPath []protoreflect.FieldDescriptor) *body {
	if len(inPath) == 0 {
		return &body{true, jsonOf(s.request(m.Input.Desc))}
	}
	if m.Input.Desc.Fields().Len() == len(inPath) {
		return nil
	}
	name := string(m.Input.Desc.FullName()) + ".Body"
	if s.defined[name] == nil {
		def := &schema{Type: "object", Title: string(m.Input.Desc.Name()), Description: model.Doc(m.Input.Desc)}
		s.defined[name] = def
		s.fields(def, m.Input.Desc, m.Input.Rules, true)
		for _, f := range inPath {
			delete(def.Properties, f.JSONName())
			def.Required = slices.DeleteFunc(def.Required, func(name string) bool { return name == f.JSONName() })
		}
	}
	return &body{len(s.defined[name].Required) > 0, jsonOf(schemaRef(name))}
}
