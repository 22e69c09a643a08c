package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/pulselearn/campus-hub/platform/gateway/problem"
)

// explain says what is wrong with a body that cannot be decoded, field by
// field: protojson stops at the first and names it without its place.
func explain(body []byte, d protoreflect.MessageDescriptor) *problem.Problem {
	if !utf8.Valid(body) {
		return problem.New("invalid_argument", "the body is not UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return notJSON(err, int64(len(body)))
	}
	if _, err := decoder.Token(); err != io.EOF {
		return problem.New("invalid_argument", fmt.Sprintf("the body is not JSON: it goes on after its end, at byte %d", decoder.InputOffset()))
	}
	object, ok := value.(map[string]any)
	if !ok {
		return problem.New("invalid_argument", "the body is not a JSON object")
	}
	var wrong violations
	explainObject(&wrong, "", object, d, maxDepth)
	if p := wrong.problem(); p != nil {
		return p
	}
	return problem.New("invalid_argument", "the body has a member twice, or a text with half of a character (\\ud800 to \\udfff alone)")
}

// notJSON says where a body of so many bytes is no JSON.
func notJSON(err error, length int64) *problem.Problem {
	at, broken := length, new(json.SyntaxError)
	if errors.As(err, &broken) {
		at = broken.Offset
	}
	if at > maxNesting && strings.Contains(err.Error(), "depth") {
		return problem.New("invalid_argument", fmt.Sprintf("the body is nested too deep, more than %d levels, at byte %d", maxNesting, at))
	}
	return problem.New("invalid_argument", fmt.Sprintf("the body is not JSON: it breaks off or is wrong at byte %d", at))
}

// maxNesting is how deep encoding/json reads.
const maxNesting = 10_000

func explainObject(wrong *violations, path string, object map[string]any, d protoreflect.MessageDescriptor, depth int) {
	seen := map[protoreflect.Name]string{}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		f := field(dynamicpb.NewMessage(d), key)
		if f == nil {
			wrong.add(path+key, "is not known")
			continue
		}
		one := f.Name()
		if f.ContainingOneof() != nil {
			one = f.ContainingOneof().Name()
		}
		if other, both := seen[one]; both && object[key] != nil {
			wrong.add(path+key, "cannot be given together with "+other)
		}
		if object[key] != nil {
			seen[one] = key
			explainField(wrong, path+key, object[key], f, depth)
		}
	}
}

func explainField(wrong *violations, path string, value any, f protoreflect.FieldDescriptor, depth int) {
	switch {
	case f.IsMap():
		object, ok := value.(map[string]any)
		if !ok {
			wrong.add(path, "is not an object")
			return
		}
		for _, key := range slices.Sorted(maps.Keys(object)) {
			explainEntry(wrong, path+"["+strconv.Quote(key)+"]", key, object[key], f, depth)
		}
	case f.IsList():
		list, ok := value.([]any)
		if !ok {
			wrong.add(path, "is not a list")
			return
		}
		for i, v := range list {
			explainValue(wrong, fmt.Sprintf("%s[%d]", path, i), v, f, []any{v}, depth)
		}
	default:
		explainValue(wrong, path, value, f, value, depth)
	}
}

func explainEntry(wrong *violations, path, key string, value any, f protoreflect.FieldDescriptor, depth int) {
	if _, err := parseScalar(f.MapKey().Kind(), key); err != nil {
		wrong.add(path, "has a key that is not "+kindText(f.MapKey().Kind()))
		return
	}
	if m := f.MapValue().Message(); m != nil && !ownOfProtobuf(m) {
		explainMessage(wrong, path, value, m, depth)
		return
	}
	if !fits(f, map[string]any{key: value}) {
		wrong.add(path, "is not "+valueText(f.MapValue()))
	}
}

// explainValue looks at one value; whole is what the field holds when it holds
// this value alone.
func explainValue(wrong *violations, path string, value any, f protoreflect.FieldDescriptor, whole any, depth int) {
	if m := f.Message(); m != nil && !ownOfProtobuf(m) {
		explainMessage(wrong, path, value, m, depth)
		return
	}
	if !fits(f, whole) {
		wrong.add(path, "is not "+valueText(f))
	}
}

func explainMessage(wrong *violations, path string, value any, d protoreflect.MessageDescriptor, depth int) {
	object, ok := value.(map[string]any)
	switch {
	case !ok:
		wrong.add(path, "is not an object")
	case depth == 0:
		wrong.add(path, "is nested too deeply")
	default:
		explainObject(wrong, path+".", object, d, depth-1)
	}
}

// ownOfProtobuf tells whether a message has a JSON form of its own.
func ownOfProtobuf(d protoreflect.MessageDescriptor) bool {
	return d.ParentFile().Package() == "google.protobuf"
}

// fits tells whether protobuf takes the value for the field.
func fits(f protoreflect.FieldDescriptor, value any) bool {
	text, err := json.Marshal(map[string]any{f.JSONName(): value})
	if err != nil {
		return false
	}
	return protojson.Unmarshal(text, dynamicpb.NewMessage(f.ContainingMessage())) == nil
}

func valueText(f protoreflect.FieldDescriptor) string {
	switch {
	case f.Message() != nil:
		return messageText(f.Message())
	case f.Enum() != nil:
		return "one of " + enumNames(f.Enum())
	}
	return kindText(f.Kind())
}
