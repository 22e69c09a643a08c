package graphql

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// leaf tells whether a field, or an element of it, is a leaf in GraphQL: a
// scalar, an enum, a map, or a message that JSON has a form of its own for.
func leaf(f protoreflect.FieldDescriptor) bool {
	return f.IsMap() || f.Message() == nil || f.Message().ParentFile().Package() == "google.protobuf"
}

var (
	errNotFinite = errors.New("the value is not a finite number, which GraphQL cannot say")
	errUnknown   = errors.New("the value is one that the schema does not know")
	errMisfit    = errors.New("the value is none of the type's")
)

// encodeLeaf returns the JSON form of a value of a leaf. Of a list it is one
// element.
func encodeLeaf(f protoreflect.FieldDescriptor, v protoreflect.Value) ([]byte, error) {
	switch {
	case f.IsMap() || f.Message() != nil:
		return encodeByProtobuf(f, v)
	case f.Enum() != nil:
		known := f.Enum().Values().ByNumber(v.Enum())
		if known == nil {
			return nil, errUnknown
		}
		return json.Marshal(string(known.Name()))
	}
	return encodeScalar(f.Kind(), v)
}

func encodeScalar(k protoreflect.Kind, v protoreflect.Value) ([]byte, error) {
	switch k {
	case protoreflect.BoolKind:
		return strconv.AppendBool(nil, v.Bool()), nil
	case protoreflect.StringKind:
		return json.Marshal(v.String())
	case protoreflect.BytesKind:
		return json.Marshal(base64.StdEncoding.EncodeToString(v.Bytes()))
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return strconv.AppendInt(nil, v.Int(), 10), nil
	case protoreflect.FloatKind:
		return encodeFloat(v.Float(), 32)
	case protoreflect.DoubleKind:
		return encodeFloat(v.Float(), 64)
	}
	return json.Marshal(v.String()) // integers of which JSON loses digits
}

func encodeFloat(f float64, bits int) ([]byte, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, errNotFinite
	}
	return strconv.AppendFloat(nil, f, 'g', -1, bits), nil
}

// encodeByProtobuf has protobuf encode a message that holds the value alone,
// and takes it from there.
func encodeByProtobuf(f protoreflect.FieldDescriptor, v protoreflect.Value) ([]byte, error) {
	if !f.IsMap() {
		return protojson.Marshal(v.Message().Interface())
	}
	members := make(map[string]json.RawMessage, v.Map().Len())
	var err error
	v.Map().Range(func(k protoreflect.MapKey, element protoreflect.Value) bool {
		members[k.String()], err = encodeElement(f.MapValue(), element)
		return err == nil
	})
	if err != nil {
		return nil, err
	}
	return json.Marshal(members) // sorted
}

func encodeElement(f protoreflect.FieldDescriptor, v protoreflect.Value) ([]byte, error) {
	if f.Message() != nil {
		return protojson.Marshal(v.Message().Interface())
	}
	return encodeLeaf(f, v)
}
