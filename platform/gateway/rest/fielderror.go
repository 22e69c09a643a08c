package rest

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// nameOf translates the path of a field in the contract, "answers[2].question_id",
// to what the client wrote: the JSON names in a body, the contract's elsewhere.
func (r *route) nameOf(path string) string {
	first, _, _ := strings.Cut(path, ".")
	f := r.desc.Fields().ByName(protoreflect.Name(first))
	if !r.inBody() || f != nil && r.fills(f) {
		return path
	}
	return jsonPath(r.desc, path)
}

func jsonPath(d protoreflect.MessageDescriptor, path string) string {
	var out []string
	for part := range strings.SplitSeq(path, ".") {
		name, index := part, ""
		if i := strings.IndexByte(part, '['); i >= 0 {
			name, index = part[:i], part[i:]
		}
		var f protoreflect.FieldDescriptor
		if d != nil {
			f = d.Fields().ByName(protoreflect.Name(name))
		}
		if f == nil {
			out, d = append(out, part), nil
			continue
		}
		out, d = append(out, f.JSONName()+index), elementOf(f)
	}
	return strings.Join(out, ".")
}

func elementOf(f protoreflect.FieldDescriptor) protoreflect.MessageDescriptor {
	if f.IsMap() {
		return f.MapValue().Message()
	}
	return f.Message()
}
