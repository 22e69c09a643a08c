package entity

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// An EnumValue is one value of a proto enum as it is stored and named.
type EnumValue struct {
	// Name is the end of the Go constants, for example "FirstPass".
	Name string
	// Stored is the text in the database, for example "FIRST_PASS".
	Stored string
	// Number is the value in the proto file.
	Number protoreflect.EnumNumber
	// Proto is the value's name in the proto file.
	Proto string
}

// EnumValues returns the values of a proto enum in order, without the prefix
// that proto's style asks for and without aliases.
func EnumValues(d protoreflect.EnumDescriptor) []EnumValue {
	prefix := strings.ToUpper(snake(string(d.Name()))) + "_"
	seen := map[protoreflect.EnumNumber]bool{}
	var values []EnumValue
	for i := range d.Values().Len() {
		v := d.Values().Get(i)
		if seen[v.Number()] {
			continue
		}
		seen[v.Number()] = true
		stored := strings.TrimPrefix(string(v.Name()), prefix)
		values = append(values, EnumValue{
			Name: camel(stored), Stored: stored, Number: v.Number(), Proto: string(v.Name()),
		})
	}
	return values
}

func camel(stored string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(strings.ToLower(stored), "_") {
		if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}

func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		upper := r >= 'A' && r <= 'Z'
		if upper && i > 0 && !(name[i-1] >= 'A' && name[i-1] <= 'Z') {
			b.WriteByte('_')
		}
		b.WriteRune(r)
	}
	return b.String()
}
