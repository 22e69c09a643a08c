package rest

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/pulselearn/campus-hub/platform/gateway"
)

// A route is one call in the REST API.
type route struct {
	gateway.Method
	desc protoreflect.MessageDescriptor // of the request
	// path are the fields that segments of the path fill, in its order.
	path []protoreflect.FieldDescriptor
}

// inBody tells whether the request's other fields are in the body, and not in
// the query.
func (r *route) inBody() bool {
	switch r.Route.Verb {
	case "POST", "PUT", "PATCH":
		return true
	}
	return false
}

// fills tells whether a segment of the path holds the field.
func (r *route) fills(f protoreflect.FieldDescriptor) bool { return slices.Contains(r.path, f) }

// A node is a place in the tree of paths.
type node struct {
	literals map[string]*node
	field    *node // for any other segment that is not empty
	routes   map[string]*route
}

// add puts a route into the tree.
func (n *node) add(m gateway.Method) error {
	r := &route{Method: m, desc: m.Request().ProtoReflect().Descriptor()}
	for segment := range strings.SplitSeq(strings.TrimPrefix(m.Route.Path, "/"), "/") {
		name, isField := strings.CutPrefix(segment, "{")
		if !isField {
			n = n.literal(segment)
			continue
		}
		f := r.desc.Fields().ByName(protoreflect.Name(strings.TrimSuffix(name, "}")))
		if f == nil || !scalar(f) {
			return fmt.Errorf("%s: %s in the path %s is no scalar field of %s; generate again", m.Procedure, segment, m.Route.Path, r.desc.FullName())
		}
		r.path = append(r.path, f)
		n = n.any()
	}
	if n.routes == nil {
		n.routes = map[string]*route{}
	}
	if other, taken := n.routes[m.Route.Verb]; taken {
		return fmt.Errorf("%s and %s have the same route, %s %s", other.Procedure, m.Procedure, m.Route.Verb, m.Route.Path)
	}
	n.routes[m.Route.Verb] = r
	return nil
}

func (n *node) literal(segment string) *node {
	if n.literals == nil {
		n.literals = map[string]*node{}
	}
	if n.literals[segment] == nil {
		n.literals[segment] = &node{}
	}
	return n.literals[segment]
}

func (n *node) any() *node {
	if n.field == nil {
		n.field = &node{}
	}
	return n.field
}

// find returns where an escaped path leads, and the segments that fill fields;
// nil for a path that is not served. A literal segment goes before a field.
func (n *node) find(path string) (*node, []string) {
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, s := range segments {
		plain, err := url.PathUnescape(s)
		if err != nil {
			return nil, nil
		}
		segments[i] = plain
	}
	return n.walk(segments, nil)
}

func (n *node) walk(segments, values []string) (*node, []string) {
	if len(segments) == 0 {
		if len(n.routes) == 0 {
			return nil, nil
		}
		return n, values
	}
	if next := n.literals[segments[0]]; next != nil {
		if end, found := next.walk(segments[1:], values); end != nil {
			return end, found
		}
	}
	if n.field == nil || segments[0] == "" {
		return nil, nil
	}
	return n.field.walk(segments[1:], append(slices.Clip(values), segments[0]))
}

// verbs are the methods that a place has, sorted.
func (n *node) verbs() []string {
	list := slices.Collect(maps.Keys(n.routes))
	if n.routes["GET"] != nil {
		list = append(list, "HEAD")
	}
	list = append(list, "OPTIONS")
	slices.Sort(list)
	return list
}
