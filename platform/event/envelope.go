// Package event is the CloudEvents 1.0 envelope of the platform: context
// attributes, identifiers, and their mapping to the headers of Kafka and NATS.
package event

import "time"

// A Header is one header of a broker's record. Order and repetition are kept.
type Header struct {
	Key   string
	Value []byte
}

// An Envelope holds the CloudEvents 1.0 context attributes of one event.
type Envelope struct {
	ID      string
	Source  string
	Type    string
	Subject string // "" when absent
	// Time is zero when absent.
	Time            time.Time
	DataContentType string // "" when absent
	DataSchema      string // "" when absent
	// Extensions are sorted by name and hold each name once.
	Extensions []Extension

	// impliedJSON is set when the event arrived in the JSON format with data
	// but without datacontenttype: other formats then state application/json
	// (JSON format, section 3.1.2).
	impliedJSON bool
}

// An Extension is one CloudEvents extension attribute in its canonical string
// form.
type Extension struct {
	Name  string
	Value string
	// Kind is the abstract type of the value. Headers carry every kind as
	// text, so only the JSON format tells integers and booleans apart; the
	// zero value is String.
	Kind Kind
}

// Names of the extension attributes that the platform writes.
const (
	// ExtTraceParent and ExtTraceState carry the W3C trace context.
	ExtTraceParent = "traceparent"
	ExtTraceState  = "tracestate"
	// ExtCorrelationID is the id of the command or event that began the flow.
	ExtCorrelationID = "correlationid"
	// ExtCausationID is the id of the event or command that led to this event.
	ExtCausationID = "causationid"
	// ExtPartitionKey repeats the record key.
	ExtPartitionKey = "partitionkey"
	// ExtRecordedTime is when the event was committed, in RFC 3339.
	ExtRecordedTime = "recordedtime"
	// ExtSameAs is the id of the same fact in another version of the event.
	ExtSameAs = "sameas"
)

// Extension returns the value of the named extension attribute, or "".
func (e *Envelope) Extension(name string) string {
	for i := range e.Extensions {
		if e.Extensions[i].Name == name {
			return e.Extensions[i].Value
		}
	}
	return ""
}

// SetExtension adds an extension attribute at its place in the order by name.
// The extensions that e has are in that order, and none has the name.
func (e *Envelope) SetExtension(name, value string, kind Kind) {
	i := 0
	for i < len(e.Extensions) && e.Extensions[i].Name < name {
		i++
	}
	e.Extensions = append(e.Extensions, Extension{})
	copy(e.Extensions[i+1:], e.Extensions[i:])
	e.Extensions[i] = Extension{Name: name, Value: value, Kind: kind}
}
