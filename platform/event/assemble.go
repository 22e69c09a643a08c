package event

import (
	"fmt"
	"slices"
	"strings"
)

// An assembler collects attributes as they arrive, in any order, and refuses
// repeated and malformed ones.
type assembler struct {
	env   *Envelope
	spec  string
	seen  uint8
	valid uint8 // of those that were seen, the ones that need no check
	left  int   // attributes that may still come, for the first extension
	from  *arena
}

// The attributes of which assembler.seen keeps a bit.
const (
	seenID = 1 << iota
	seenSource
	seenType
	seenSpec
	seenTime
	seenSubject
	seenContentType
	seenSchema
)

// set records one attribute given by its canonical string. The same attribute
// may come twice only with the same value.
func (a *assembler) set(name, value string, kind Kind) error {
	field, bit := a.core(name)
	if field == nil && bit == 0 {
		return a.extension(name, value, kind)
	}
	if kind != String {
		return wrong(name, "is a "+kind.String()+", not a String")
	}
	if bit == seenTime {
		return a.time(value)
	}
	return a.put(field, bit, name, value)
}

func (a *assembler) put(field *string, bit uint8, name, value string) error {
	switch {
	case value == "":
		return empty(name)
	case a.seen&bit != 0 && *field != value:
		return twice(name)
	}
	a.seen |= bit
	*field = value
	return nil
}

func (a *assembler) core(name string) (field *string, bit uint8) {
	switch name {
	case "id":
		return &a.env.ID, seenID
	case "source":
		return &a.env.Source, seenSource
	case "type":
		return &a.env.Type, seenType
	case "specversion":
		return &a.spec, seenSpec
	case "time":
		return nil, seenTime
	case "subject":
		return &a.env.Subject, seenSubject
	case "datacontenttype":
		return &a.env.DataContentType, seenContentType
	case "dataschema":
		return &a.env.DataSchema, seenSchema
	}
	return nil, 0
}

func (a *assembler) time(value string) error {
	if value == "" {
		return empty("time")
	}
	t, err := ParseTime(value)
	if err != nil {
		return fmt.Errorf("attribute time: %w", err)
	}
	if a.seen&seenTime != 0 && !t.Equal(a.env.Time) {
		return twice("time")
	}
	a.seen |= seenTime
	a.env.Time = t
	return nil
}

func (a *assembler) extension(name, value string, kind Kind) error {
	for i := range a.env.Extensions {
		if x := &a.env.Extensions[i]; x.Name == name {
			if x.Value != value {
				return twice(name)
			}
			return nil
		}
	}
	if a.env.Extensions == nil {
		a.env.Extensions = a.from.room(min(a.left, maxExtensions))
	}
	if len(a.env.Extensions) == maxExtensions {
		return fmt.Errorf("%w: more than %d extension attributes", ErrInvalid, maxExtensions)
	}
	a.env.Extensions = append(a.env.Extensions, Extension{name, value, kind})
	return nil
}

// maxExtensions bounds the work that one hostile message can cause.
const maxExtensions = 256

// finish sorts the extensions and checks the whole.
func (a *assembler) finish() error {
	switch {
	case a.seen&seenSpec == 0:
		return missing("specversion")
	case a.spec != SpecVersion:
		return wrong("specversion", "is not "+SpecVersion+", the only version that is understood")
	}
	x := a.env.Extensions
	for i := 1; i < len(x); i++ {
		if x[i].Name < x[i-1].Name {
			slices.SortFunc(x, func(x, y Extension) int { return strings.Compare(x.Name, y.Name) })
			break
		}
	}
	return a.env.validate(a.valid)
}

func twice(name string) error {
	return fmt.Errorf("%w: attribute %s appears twice with different values", ErrInvalid, name)
}
