package rest

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/pulselearn/campus-hub/platform/gateway/problem"
)

// maxDepth bounds the nesting of a body.
const maxDepth = 100

// violations collects the fields that are wrong.
type violations []problem.Violation

func (v *violations) add(field, detail string) {
	*v = append(*v, problem.Violation{Field: field, Detail: detail})
}

// problem returns the problem that the violations are, or nil without any.
func (v violations) problem() *problem.Problem {
	if len(v) == 0 {
		return nil
	}
	p := problem.New("invalid_argument", v[0].Field+" "+v[0].Detail)
	p.Errors = v
	return p
}

// bind makes the request of a call: segments fill the fields in the path, and
// the body or the query fills the others. All that is wrong is reported at
// once, as far as it can be.
func (r *route) bind(segments []string, query url.Values, body []byte) (proto.Message, *problem.Problem) {
	request := r.Request()
	m := request.ProtoReflect()
	var wrong violations
	if r.inBody() {
		for _, key := range slices.Sorted(maps.Keys(query)) {
			wrong.add(key, "is not known: what the call takes is in its path and in the body")
		}
		if p := decode(body, request); p != nil {
			p.Errors = append(p.Errors, wrong...)
			return nil, p
		}
	} else {
		r.bindQuery(m, query, &wrong)
	}
	r.bindPath(m, segments, &wrong)
	if p := wrong.problem(); p != nil {
		return nil, p
	}
	return request, nil
}

func (r *route) bindPath(m protoreflect.Message, segments []string, wrong *violations) {
	for i, f := range r.path {
		v, err := parse(f, segments[i], nil)
		switch {
		case err != nil:
			wrong.add(string(f.Name()), err.Error())
		case m.Has(f) && !m.Get(f).Equal(v):
			wrong.add(f.JSONName(), "is not what the path says; leave it out of the body")
		case excluded(m, f) != nil:
			wrong.add(excluded(m, f).JSONName(), "excludes "+string(f.Name())+", which is in the path")
		default:
			m.Set(f, v)
		}
	}
}

// excluded returns the field that is set and of which there can be one alone,
// f or that one; nil when there is none.
func excluded(m protoreflect.Message, f protoreflect.FieldDescriptor) protoreflect.FieldDescriptor {
	one := f.ContainingOneof()
	if one == nil {
		return nil
	}
	if set := m.WhichOneof(one); set != nil && set != f {
		return set
	}
	return nil
}

func (r *route) bindQuery(m protoreflect.Message, query url.Values, wrong *violations) {
	for _, key := range slices.Sorted(maps.Keys(query)) {
		if err := r.bindParameter(m, key, query[key]); err != nil {
			wrong.add(key, err.Error())
		}
	}
}

var (
	errTwice  = errors.New("is given more than once")
	errInPath = errors.New("is in the path already")
)

// bindParameter sets one field by its path, "page_size" or "filter.kind".
func (r *route) bindParameter(m protoreflect.Message, key string, values []string) error {
	outer, last := strings.Split(key, "."), ""
	outer, last = outer[:len(outer)-1], outer[len(outer)-1]
	for _, name := range outer {
		f := field(m, name)
		if f == nil || f.IsList() || f.IsMap() || f.Message() == nil || asText[f.Message().FullName()] || excluded(m, f) != nil {
			return r.unknown()
		}
		m = m.Mutable(f).Message()
	}
	f := field(m, last)
	switch {
	case f == nil:
		return r.unknown()
	case len(outer) == 0 && r.fills(f):
		return errInPath
	case m.Has(f), len(values) > 1 && !f.IsList():
		return errTwice
	case excluded(m, f) != nil:
		return errors.New("cannot be given together with " + string(excluded(m, f).Name()))
	}
	return set(m, f, values)
}

// field finds a field by its name in the contract, or by the one in JSON.
func field(m protoreflect.Message, name string) protoreflect.FieldDescriptor {
	fields := m.Descriptor().Fields()
	if f := fields.ByName(protoreflect.Name(name)); f != nil {
		return f
	}
	return fields.ByJSONName(name)
}

// unknown says which parameters there are.
func (r *route) unknown() error {
	var names []string
	for i := range r.desc.Fields().Len() {
		if f := r.desc.Fields().Get(i); !r.fills(f) && !f.IsMap() {
			names = append(names, string(f.Name()))
		}
	}
	if len(names) == 0 {
		return errors.New("is not known: the call takes no parameters")
	}
	return errors.New("is not known: the call takes " + strings.Join(names, ", "))
}

func set(m protoreflect.Message, f protoreflect.FieldDescriptor, values []string) error {
	switch {
	case f.IsMap():
		return errors.New("cannot be given in a query")
	case f.IsList():
		return appendAll(m.Mutable(f).List(), f, values)
	}
	v, err := parse(f, values[0], func() protoreflect.Value { return m.NewField(f) })
	if err == nil {
		m.Set(f, v)
	}
	return err
}

func appendAll(list protoreflect.List, f protoreflect.FieldDescriptor, values []string) error {
	for _, text := range values {
		v, err := parse(f, text, list.NewElement)
		if err != nil {
			return err
		}
		list.Append(v)
	}
	return nil
}

// decode reads a body, which may be empty.
func decode(body []byte, request proto.Message) *problem.Problem {
	if len(body) == 0 {
		return nil
	}
	err := protojson.UnmarshalOptions{RecursionLimit: maxDepth}.Unmarshal(body, request)
	if err == nil {
		return nil
	}
	return explain(body, request.ProtoReflect().Descriptor())
}
