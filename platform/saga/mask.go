package saga

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// masked stands for personal data, as it does in payloads.
const masked = "[personal data]"

// mask replaces personal data, the fields with the option pii, in m and the
// messages in it. A field that is no text is emptied.
func mask(m protoreflect.Message) {
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case personal(field) && field.Kind() == protoreflect.StringKind && field.Cardinality() != protoreflect.Repeated:
			m.Set(field, protoreflect.ValueOfString(masked))
		case personal(field):
			m.Clear(field)
		default:
			maskWithin(field, value)
		}
		return true
	})
}

func maskWithin(field protoreflect.FieldDescriptor, value protoreflect.Value) {
	switch {
	case field.IsMap() && field.MapValue().Message() != nil:
		value.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
			mask(v.Message())
			return true
		})
	case field.IsList() && field.Message() != nil:
		for i := range value.List().Len() {
			mask(value.List().Get(i).Message())
		}
	case !field.IsMap() && !field.IsList() && field.Message() != nil:
		mask(value.Message())
	}
}

// personal reports whether the contract says that a field is personal data.
func personal(field protoreflect.FieldDescriptor) bool {
	option, err := protoregistry.GlobalTypes.FindExtensionByName("pl.options.v1.field")
	if err != nil {
		return false
	}
	rules, ok := proto.GetExtension(field.Options(), option).(proto.Message)
	if !ok {
		return false
	}
	pii := rules.ProtoReflect().Descriptor().Fields().ByName("pii")
	return pii != nil && rules.ProtoReflect().Get(pii).String() != ""
}
