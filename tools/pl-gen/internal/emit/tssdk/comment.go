package tssdk

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// text returns the comments of a declaration, with an empty line behind them.
func (f *protoFile) text(d protoreflect.Descriptor) string {
	at := f.desc.SourceLocations().ByDescriptor(d)
	text := strings.TrimSuffix(at.LeadingComments, "\n")
	if at.TrailingComments != "" {
		if text != "" {
			text += "\n\n"
		}
		text += strings.TrimSuffix(at.TrailingComments, "\n")
	}
	if text == "" {
		return ""
	}
	lines := strings.Split(text+"\n\n", "\n")
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, " ")
	}
	return strings.Join(lines, "\n")
}

// preamble keeps the comments on the package as they are.
func (f *protoFile) preamble() {
	const packageField = 2
	at := f.desc.SourceLocations().ByPath(protoreflect.SourcePath{packageField})
	for _, comment := range append(at.LeadingDetachedComments, at.LeadingComments) {
		if comment == "" {
			continue
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(comment, "\n"), "\n") {
			f.head.WriteString("//" + line + "\n")
		}
		f.head.WriteString("\n")
	}
}

func fieldOptions(d protoreflect.FieldDescriptor) *descriptorpb.FieldOptions {
	o, _ := d.Options().(*descriptorpb.FieldOptions)
	if o == nil {
		return &descriptorpb.FieldOptions{}
	}
	return o
}

func longAsString(d protoreflect.FieldDescriptor) bool {
	return fieldOptions(d).GetJstype() == descriptorpb.FieldOptions_JS_STRING
}
