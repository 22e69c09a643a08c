package outbox

import (
	"fmt"
	"strings"

	"github.com/pulselearn/campus-hub/platform/event"
)

// The attributes of an event are kept in the outbox as lines of a name, a
// blank and a value: easy to read for people, and ten times as cheap to read
// for the relay as JSON. No value holds a line break, because CloudEvents
// forbids control characters. The id and the type have columns of their own.

// appendAttributes appends the attributes of e, which are valid.
func appendAttributes(dst []byte, e *event.Envelope) []byte {
	dst = appendAttribute(dst, "source", e.Source)
	dst = appendAttribute(dst, "subject", e.Subject)
	dst = append(event.AppendTime(append(dst, "time "...), e.Time), '\n')
	dst = appendAttribute(dst, "datacontenttype", e.DataContentType)
	for i := range e.Extensions {
		dst = appendAttribute(dst, e.Extensions[i].Name, e.Extensions[i].Value)
	}
	return dst
}

func appendAttribute(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	dst = append(append(dst, name...), ' ')
	return append(append(dst, value...), '\n')
}

// parseAttributes sets the attributes of e from text, which appendAttributes
// has made.
func parseAttributes(e *event.Envelope, text string) (err error) {
	for text != "" {
		line, rest, _ := strings.Cut(text, "\n")
		text = rest
		name, value, ok := strings.Cut(line, " ")
		switch {
		case !ok:
			return fmt.Errorf("a line has no value")
		case name == "source":
			e.Source = value
		case name == "subject":
			e.Subject = value
		case name == "datacontenttype":
			e.DataContentType = value
		case name == "time":
			if e.Time, err = event.ParseTime(value); err != nil {
				return err
			}
		default:
			e.Extensions = append(e.Extensions, event.Extension{Name: name, Value: value})
		}
	}
	return nil
}
