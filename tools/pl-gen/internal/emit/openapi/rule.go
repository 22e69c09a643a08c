package openapi

import (
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// restrict adds to a field's schema what a request must satisfy.
func restrict(p *schema, r *model.Rule) {
	switch f := r.Field; {
	case f.IsMap():
		p.MinProperties, p.MaxProperties = least(r), r.MaxLen
	case f.IsList():
		p.MinItems, p.MaxItems = least(r), r.MaxLen
	case f.Kind() == protoreflect.StringKind:
		p.MinLength, p.MaxLength = least(r), r.MaxLen
	case f.Kind() == protoreflect.BytesKind:
		p.MinLength, p.MaxLength = least(r), (r.MaxLen+2)/3*4
	case f.Kind() == protoreflect.EnumKind && r.Required:
		p.Enum = p.Enum[1:]
	case f.Message() == nil:
		restrictNumber(p, r)
	}
}

func least(r *model.Rule) uint32 {
	if r.Required && !r.Field.HasOptionalKeyword() {
		return 1
	}
	return 0
}

// restrictNumber writes bounds. A 64-bit integer is a string in JSON, which
// JSON Schema cannot bound, so its bounds are told in words.
func restrictNumber(p *schema, r *model.Rule) {
	if p.Type == "string" {
		p.Description += inWords(r)
		return
	}
	if r.Min != nil {
		p.Minimum = number(*r.Min)
	}
	if r.Max != nil {
		p.Maximum = number(*r.Max)
	}
}

func inWords(r *model.Rule) string {
	text := ""
	if r.Min != nil {
		text += fmt.Sprintf(" At least %s.", number(*r.Min))
	}
	if r.Max != nil {
		text += fmt.Sprintf(" At most %s.", number(*r.Max))
	}
	return text
}
