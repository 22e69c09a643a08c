package model

import "google.golang.org/protobuf/reflect/protoreflect"

// Doc returns the comment before a declaration in a proto, or "". Lines are as
// they were wrapped; paragraphs are separated by an empty line.
func Doc(d protoreflect.Descriptor) string { return doc(d) }

// PII returns the kind of personal data that a proto field holds, or "".
func PII(f protoreflect.FieldDescriptor) string {
	o, _ := optionOf(f, "field")
	return o.text("pii")
}
