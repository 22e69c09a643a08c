package model

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

func (b *builder) service(c *Context, p *source.Proto, d protoreflect.ServiceDescriptor) {
	o, ok := optionOf(d, "context")
	if !ok {
		b.report(diag.New(diag.ContextService, posOf(d), fmt.Sprintf("service %s has no context annotation", d.Name())).Because(
			"a context has one service, and its annotation says what it publishes and consumes; calls of other services would be served by nobody",
			"add option (pl.options.v1.context) = {…}, or move the calls into the annotated service"))
		return
	}
	if c.Service != nil {
		b.report(diag.New(diag.ContextService, o.pos(), fmt.Sprintf("context %s has a second service, %s, after %s in %s",
			c.Name, d.Name(), c.Service.Name, c.Service.File)).Because(
			"a context is served and wired by exactly one service", "merge the two, or move one into a context of its own"))
		return
	}
	c.Service = &Service{Name: string(d.Name()), Doc: doc(d), Desc: d, File: p.Path, Pos: posOf(d)}
	c.Pos, c.Doc, c.Owner = c.Service.Pos, c.Service.Doc, o.text("owner")
	if c.Owner == "" {
		b.report(diag.New(diag.ContextOwner, o.pos(), fmt.Sprintf("context %s names no owner", c.Name)).Because(
			"alerts and findings about the context go to its owner", `add owner: "squad-…"`))
	}
	for _, t := range o.texts("http") {
		c.HTTP = append(c.HTTP, HTTPPath{Path: t.text, Pos: t.pos})
	}
	for i := range d.Methods().Len() {
		b.method(c.Service, d.Methods().Get(i))
	}
	b.pending = append(b.pending, wiring{c, o})
}

func (b *builder) method(s *Service, d protoreflect.MethodDescriptor) {
	if d.IsStreamingClient() || d.IsStreamingServer() {
		b.report(diag.New(diag.RPCStreaming, posOf(d), fmt.Sprintf("%s is a streaming call", d.Name())).Because(
			"a handler is one transaction, and a stream has no end at which it could commit",
			"remove stream; return pages for a list, or publish events with a realtime channel"))
		return
	}
	m := &Method{Name: string(d.Name()), Doc: doc(d), Desc: d, Pos: posOf(d), Input: b.checked(d.Input()), Output: message(d.Output())}
	if opts, ok := d.Options().(*descriptorpb.MethodOptions); ok {
		m.Query = opts.GetIdempotencyLevel() == descriptorpb.MethodOptions_NO_SIDE_EFFECTS
	}
	b.http(m)
	b.access(m)
	s.Methods = append(s.Methods, m)
}

func (b *builder) http(m *Method) {
	o, ok := optionOf(m.Desc, "http")
	if !ok {
		return
	}
	for _, verb := range []protoreflect.Name{"get", "post", "put", "patch", "delete"} {
		if !o.has(verb) {
			continue
		}
		if m.HTTPVerb != "" {
			b.binding(o.posOf(verb), fmt.Sprintf("%s is bound to %s and to %s", m.Name, m.HTTPVerb, strings.ToUpper(string(verb))),
				"keep one verb")
			continue
		}
		m.HTTPVerb, m.HTTPPath = strings.ToUpper(string(verb)), o.text(verb)
		b.httpPath(m, o.posOf(verb))
	}
	if m.HTTPVerb == "" {
		b.binding(o.pos(), fmt.Sprintf("the binding of %s has no verb", m.Name), `write for example {post: "/api/v1/things"}`)
	}
}

func (b *builder) binding(pos Pos, message, fix string) {
	b.report(diag.New(diag.HTTPBinding, pos, message).Because("a REST binding is exactly one verb and one path", fix))
}

func (b *builder) httpPath(m *Method, pos Pos) {
	if m.HTTPVerb == "GET" && !m.Query {
		b.report(diag.New(diag.HTTPCommand, pos, fmt.Sprintf("the command %s is bound to GET", m.Name)).Because(
			"browsers, crawlers and proxies repeat and cache a GET, so it must not change anything",
			"bind it to post, or declare option idempotency_level = NO_SIDE_EFFECTS"))
	}
	fields, err := pathFields(m.HTTPPath)
	if err != nil {
		b.binding(pos, fmt.Sprintf("the path %q of %s is malformed: %v", m.HTTPPath, m.Name, err),
			`write literals and fields, for example "/api/v1/students/{student_id}/badges"`)
		return
	}
	seen := map[string]bool{}
	for _, name := range fields {
		b.pathField(m, name, seen[name], pos)
		seen[name] = true
	}
}

func (b *builder) pathField(m *Method, name string, again bool, pos Pos) {
	f := m.Input.Desc.Fields().ByName(protoreflect.Name(name))
	var message, fix string
	switch {
	case again:
		message, fix = "stands in the path twice", "remove one of them"
	case f == nil:
		message, fix = "is no field of "+string(m.Input.Desc.Name()), diag.Suggest(name, fieldNames(m.Input.Desc))
	case f.IsList() || f.IsMap() || f.Message() != nil || f.Kind() == protoreflect.BytesKind:
		message, fix = "is not a scalar", "name a string, number, bool or enum field"
	default:
		return
	}
	b.report(diag.New(diag.HTTPField, pos, fmt.Sprintf("{%s} in the path of %s %s", name, m.Name, message)).Because(
		"a segment of the path fills one scalar field of the request", fix))
}

func fieldNames(d protoreflect.MessageDescriptor) []string {
	names := make([]string, d.Fields().Len())
	for i := range names {
		names[i] = string(d.Fields().Get(i).Name())
	}
	return names
}

// pathFields returns the fields in a path like "/api/v1/students/{id}/badges".
func pathFields(path string) ([]string, error) {
	if !strings.HasPrefix(path, "/") || path == "/" {
		return nil, fmt.Errorf("it does not begin with / and a segment")
	}
	var fields []string
	for segment := range strings.SplitSeq(path[1:], "/") {
		inner, open := strings.CutPrefix(segment, "{")
		name, closed := strings.CutSuffix(inner, "}")
		switch {
		case open && closed && snakePattern.MatchString(name):
			fields = append(fields, name)
		case open || closed || !segmentPattern.MatchString(segment):
			return nil, fmt.Errorf("%q is neither a literal nor a {field}", segment)
		}
	}
	return fields, nil
}
