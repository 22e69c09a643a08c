package event

import "strings"

// Content types that the platform writes.
const (
	// ContentTypeAvro is the datacontenttype of the platform's events.
	ContentTypeAvro = "application/avro"
	// ContentTypeStructured marks an event in the JSON format.
	ContentTypeStructured = "application/cloudevents+json; charset=UTF-8"
	// ContentTypeBatch marks a batch of events in the JSON format.
	ContentTypeBatch = "application/cloudevents-batch+json; charset=UTF-8"
)

// A Binding is a protocol that carries events.
type Binding uint8

// The bindings that the platform speaks.
const (
	Kafka Binding = iota
	NATS
	HTTP
)

// A Mode says where a message carries the context attributes.
type Mode uint8

// The content modes of CloudEvents.
const (
	// ModeBinary has them in headers; the message's value is the data.
	ModeBinary Mode = iota
	// ModeStructured has them in the value, together with the data.
	ModeStructured
	// ModeBatched has several structured events in one value; HTTP only.
	ModeBatched
)

// ModeOf tells the content mode from a message's content-type, which is ""
// when the message has none.
func (b Binding) ModeOf(contentType string) Mode {
	contentType = strings.TrimLeft(contentType, " \t")
	switch {
	case !hasPrefixFold(contentType, "application/cloudevents"):
		return ModeBinary
	case b == HTTP && hasPrefixFold(contentType, "application/cloudevents-batch"):
		return ModeBatched
	}
	return ModeStructured
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// mediaType returns the type and subtype in lower case, without parameters.
func mediaType(contentType string) string {
	media, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(media))
}

// isJSON reports whether contentType declares JSON: */json or */*+json.
func isJSON(contentType string) bool {
	_, minor, _ := strings.Cut(mediaType(contentType), "/")
	return minor == "json" || strings.HasSuffix(minor, "+json")
}

// isText reports whether contentType declares text that fits a JSON string.
func isText(contentType string) bool {
	media := mediaType(contentType)
	_, minor, _ := strings.Cut(media, "/")
	return strings.HasPrefix(media, "text/") || minor == "xml" || strings.HasSuffix(minor, "+xml")
}
