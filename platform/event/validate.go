package event

import (
	"fmt"
	"strings"
)

// SpecVersion is the version of CloudEvents that the platform speaks.
const SpecVersion = "1.0"

// Validate checks e against CloudEvents 1.0.2 and the extensions documented
// with it. Publishers call it once, where the envelope is made; the functions
// that append headers rely on it. The error matches ErrInvalid, names the
// attribute, and does not quote its value.
func (e *Envelope) Validate() error { return e.validate(0) }

// validate is Validate, without a look at those attributes that are known to
// be valid: the bits of assembler.seen.
func (e *Envelope) validate(known uint8) error {
	switch {
	case e.ID == "":
		return missing("id")
	case e.Source == "":
		return missing("source")
	case e.Type == "":
		return missing("type")
	case !e.Time.IsZero() && (e.Time.Unix() < year0 || e.Time.Unix() >= year10000):
		return wrong("time", "has a year that RFC 3339 cannot express")
	}
	if err := e.validateCore(known); err != nil {
		return err
	}
	return e.validateExtensions()
}

// The seconds at which the years begin, in UTC.
const year0, year10000 = -62_167_219_200, 253_402_300_800

func (e *Envelope) validateCore(known uint8) error {
	switch {
	case !isString(e.ID):
		return wrong("id", notAString)
	case known&seenSource == 0 && !isURIReference(e.Source):
		return wrong("source", "is not a URI-reference")
	case known&seenType == 0 && !isString(e.Type):
		return wrong("type", notAString)
	case !isString(e.Subject):
		return wrong("subject", notAString)
	case known&seenContentType == 0 && e.DataContentType != "" && !isMediaType(e.DataContentType):
		return wrong("datacontenttype", "is not a media type of RFC 2046")
	case known&seenSchema == 0 && e.DataSchema != "" && !isAbsoluteURI(e.DataSchema):
		return wrong("dataschema", "is not an absolute URI")
	}
	return nil
}

func (e *Envelope) validateExtensions() error {
	last := ""
	for i := range e.Extensions {
		x := &e.Extensions[i]
		if err := x.validate(); err != nil {
			return err
		}
		if x.Name <= last {
			return fmt.Errorf("%w: extensions are not sorted by name, or %q appears twice", ErrInvalid, x.Name)
		}
		last = x.Name
	}
	return nil
}

func (x *Extension) validate() error {
	if err := x.validateName(); err != nil {
		return err
	}
	if x.Kind != String {
		if err := x.Kind.Check(x.Value); err != nil {
			return fmt.Errorf("attribute %s: %w", x.Name, err)
		}
	}
	if !isString(x.Value) {
		return wrong(x.Name, notAString)
	}
	return checkDocumented(x.Name, x.Value)
}

func (x *Extension) validateName() error {
	switch x.Name {
	case ExtTraceParent, ExtTraceState, ExtCorrelationID, ExtCausationID, ExtPartitionKey, ExtRecordedTime, ExtSameAs:
		return nil
	}
	if err := CheckName(x.Name); err != nil {
		return err
	}
	if isCore(x.Name) {
		return wrong(x.Name, "is a core attribute and cannot be an extension")
	}
	return nil
}

// checkDocumented applies the constraints of the extensions that the
// specification documents.
func checkDocumented(name, value string) error {
	switch name {
	case ExtPartitionKey, ExtTraceParent, ExtCorrelationID, ExtCausationID, "sequence", "severitytext":
		if value == "" {
			return empty(name)
		}
	case ExtRecordedTime, "expirytime":
		if _, err := ParseTime(value); err != nil {
			return wrong(name, "is not a timestamp of RFC 3339")
		}
	case "sampledrate":
		if !isInteger(value) || value[0] == '-' || value == "0" {
			return wrong(name, "is not an integer greater than zero")
		}
	}
	return nil
}

func isCore(name string) bool {
	switch name {
	case "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema":
		return true
	}
	return false
}

const notAString = "holds a character that a String must not hold, or is not UTF-8"

func missing(name string) error {
	return fmt.Errorf("%w: missing %s", ErrInvalid, name)
}

func empty(name string) error {
	return fmt.Errorf("%w: empty %s: an attribute that is present must not be empty", ErrInvalid, name)
}

func wrong(name, why string) error {
	return fmt.Errorf("%w: attribute %s %s", ErrInvalid, name, why)
}

// isMediaType accepts type "/" subtype *(";" name "=" value), RFC 2045.
func isMediaType(s string) bool {
	if s == ContentTypeAvro {
		return true
	}
	media, params, more := strings.Cut(s, ";")
	major, minor, ok := strings.Cut(strings.TrimRight(media, " \t"), "/")
	if !ok || !isToken(major) || !isToken(minor) {
		return false
	}
	for more {
		if params, more, ok = cutParameter(params); !ok {
			return false
		}
	}
	return true
}

// cutParameter eats one parameter and the semicolon after it.
func cutParameter(s string) (rest string, more, ok bool) {
	s = strings.TrimLeft(s, " \t")
	name, value, ok := strings.Cut(s, "=")
	if !ok || !isToken(name) {
		return "", false, strings.TrimSpace(s) == ""
	}
	if strings.HasPrefix(value, `"`) {
		if value, ok = skipQuoted(value); !ok {
			return "", false, false
		}
		rest, more = strings.CutPrefix(strings.TrimLeft(value, " \t"), ";")
		return rest, more, more || rest == ""
	}
	value, rest, more = strings.Cut(value, ";")
	return rest, more, isToken(strings.TrimRight(value, " \t"))
}

// skipQuoted returns what follows the quoted string at the front of s.
func skipQuoted(s string) (string, bool) {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return s[i+1:], true
		}
	}
	return "", false
}

// isToken follows RFC 2045, section 5.1.
func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?=`, c) >= 0 {
			return false
		}
	}
	return s != ""
}
