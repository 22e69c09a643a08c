package openapi

import "google.golang.org/protobuf/reflect/protoreflect"

// wellKnown returns the schema of a message of protobuf that has a JSON form
// of its own. The result is the caller's.
func wellKnown(name protoreflect.FullName) (*schema, bool) {
	if name.Parent() != "google.protobuf" {
		return nil, false
	}
	switch name.Name() {
	case "Timestamp":
		return &schema{Type: "string", Format: "date-time"}, true
	case "Duration":
		return &schema{Type: "string", Pattern: `^-?[0-9]+(\.[0-9]{1,9})?s$`}, true
	case "FieldMask":
		return &schema{Type: "string", Description: "Field names in lower camel case, separated by commas."}, true
	case "Empty":
		return &schema{Type: "object"}, true
	case "Any", "Struct":
		return &schema{Type: "object", AdditionalValues: &schema{}}, true
	case "Value":
		return &schema{}, true
	case "ListValue":
		return &schema{Type: "array", Items: &schema{}}, true
	}
	return wrapper(name.Name())
}

// wrapper is the schema of a wrapped scalar, for example Int64Value.
func wrapper(name protoreflect.Name) (*schema, bool) {
	kinds := map[protoreflect.Name]protoreflect.Kind{
		"BoolValue": protoreflect.BoolKind, "StringValue": protoreflect.StringKind, "BytesValue": protoreflect.BytesKind,
		"FloatValue": protoreflect.FloatKind, "DoubleValue": protoreflect.DoubleKind,
		"Int32Value": protoreflect.Int32Kind, "UInt32Value": protoreflect.Uint32Kind,
		"Int64Value": protoreflect.Int64Kind, "UInt64Value": protoreflect.Uint64Kind,
	}
	k, ok := kinds[name]
	if !ok {
		return nil, false
	}
	return scalar(k), true
}
