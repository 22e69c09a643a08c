package rest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// scalar tells whether one text holds the field.
func scalar(f protoreflect.FieldDescriptor) bool {
	return !f.IsList() && !f.IsMap() && f.Message() == nil
}

// asText are protobuf's own messages that JSON has as a text or a number.
var asText = map[protoreflect.FullName]bool{
	"google.protobuf.Timestamp": true, "google.protobuf.Duration": true, "google.protobuf.FieldMask": true,
	"google.protobuf.DoubleValue": true, "google.protobuf.FloatValue": true,
	"google.protobuf.Int64Value": true, "google.protobuf.UInt64Value": true,
	"google.protobuf.Int32Value": true, "google.protobuf.UInt32Value": true,
	"google.protobuf.BoolValue": true, "google.protobuf.StringValue": true, "google.protobuf.BytesValue": true,
}

// parse reads the value of a field, or of one of its elements, from a segment
// of a path or from a query. The error completes a sentence that begins with
// the field, and does not quote the text.
func parse(f protoreflect.FieldDescriptor, text string, empty func() protoreflect.Value) (protoreflect.Value, error) {
	if m := f.Message(); m != nil {
		v := empty()
		return v, parseMessage(v.Message(), text)
	}
	if f.Kind() == protoreflect.EnumKind {
		return parseEnum(f.Enum(), text)
	}
	v, err := parseScalar(f.Kind(), text)
	if err != nil && !errors.Is(err, errNotUTF8) {
		return v, fmt.Errorf("is not %s", kindText(f.Kind()))
	}
	return v, err
}

var errNotUTF8 = errors.New("is not UTF-8")

func parseScalar(k protoreflect.Kind, text string) (protoreflect.Value, error) {
	switch k {
	case protoreflect.StringKind:
		if !utf8.ValidString(text) {
			return protoreflect.Value{}, errNotUTF8
		}
		return protoreflect.ValueOfString(text), nil
	case protoreflect.BytesKind:
		b, err := parseBytes(text)
		return protoreflect.ValueOfBytes(b), err
	case protoreflect.BoolKind:
		if text != "true" && text != "false" {
			return protoreflect.Value{}, strconv.ErrSyntax
		}
		return protoreflect.ValueOfBool(text == "true"), nil
	}
	return parseNumber(k, text)
}

func parseNumber(k protoreflect.Kind, text string) (protoreflect.Value, error) {
	switch k {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		n, err := strconv.ParseInt(text, 10, 32)
		return protoreflect.ValueOfInt32(int32(n)), err //nolint:gosec // ParseInt keeps to 32 bits
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		n, err := strconv.ParseUint(text, 10, 32)
		return protoreflect.ValueOfUint32(uint32(n)), err //nolint:gosec // ParseUint keeps to 32 bits
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		n, err := strconv.ParseInt(text, 10, 64)
		return protoreflect.ValueOfInt64(n), err
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		n, err := strconv.ParseUint(text, 10, 64)
		return protoreflect.ValueOfUint64(n), err
	case protoreflect.FloatKind:
		n, err := parseFloat(text, 32)
		return protoreflect.ValueOfFloat32(float32(n)), err
	}
	n, err := parseFloat(text, 64)
	return protoreflect.ValueOfFloat64(n), err
}

// parseFloat takes what JSON takes: no hexadecimal digits, no underscores, and
// the three names that protobuf gives to what is not a number.
func parseFloat(text string, bits int) (float64, error) {
	switch text {
	case "NaN":
		return math.NaN(), nil
	case "Infinity":
		return math.Inf(1), nil
	case "-Infinity":
		return math.Inf(-1), nil
	}
	if strings.Trim(text, "+-.0123456789eE") != "" {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseFloat(text, bits)
}

// parseBytes takes base64 in both alphabets, with padding or without.
func parseBytes(text string) ([]byte, error) {
	text = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(text), "=")
	return base64.RawStdEncoding.DecodeString(text)
}

func parseEnum(d protoreflect.EnumDescriptor, text string) (protoreflect.Value, error) {
	if v := d.Values().ByName(protoreflect.Name(text)); v != nil {
		return protoreflect.ValueOfEnum(v.Number()), nil
	}
	if n, err := strconv.ParseInt(text, 10, 32); err == nil {
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(n)), nil
	}
	return protoreflect.Value{}, fmt.Errorf("is none of %s", enumNames(d))
}

func enumNames(d protoreflect.EnumDescriptor) string {
	names := make([]string, d.Values().Len())
	for i := range names {
		names[i] = string(d.Values().Get(i).Name())
	}
	return strings.Join(names, ", ")
}

// parseMessage reads one of protobuf's own messages, which its JSON form has
// as a text in quotes or, for some, without.
func parseMessage(m protoreflect.Message, text string) error {
	if !asText[m.Descriptor().FullName()] {
		return errors.New("cannot be given in a query")
	}
	quoted, err := protojson.Marshal(wrapperspb.String(text))
	if err != nil {
		return errNotUTF8
	}
	if protojson.Unmarshal(quoted, m.Interface()) == nil || protojson.Unmarshal([]byte(text), m.Interface()) == nil {
		return nil
	}
	return fmt.Errorf("is not %s", messageText(m.Descriptor()))
}

func kindText(k protoreflect.Kind) string {
	switch k {
	case protoreflect.BoolKind:
		return "true or false"
	case protoreflect.StringKind:
		return "a text"
	case protoreflect.BytesKind:
		return "base64"
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return "a number"
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return "an integer of 32 bits"
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return "an integer of 32 bits from 0"
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return "an integer of 64 bits from 0"
	}
	return "an integer of 64 bits"
}

func messageText(d protoreflect.MessageDescriptor) string {
	switch d.FullName() {
	case "google.protobuf.Timestamp":
		return "a time such as 2026-05-01T12:00:00Z"
	case "google.protobuf.Duration":
		return "a duration in seconds such as 1.5s"
	case "google.protobuf.FieldMask":
		return "a list of fields, separated by commas"
	}
	if v := d.Fields().ByName("value"); v != nil {
		return kindText(v.Kind())
	}
	return "an object"
}
