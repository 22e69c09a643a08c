package natsbus

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/event"
)

// Headers that carry what a NATS message has no place for.
const (
	// headerKey is the record's key, percent-encoded; a record without a key
	// has no such header.
	headerKey = "Pl-Key"
	// headerNull marks a tombstone.
	headerNull = "Pl-Null"
	// headerTime is the producer's timestamp, in RFC 3339.
	headerTime = "Pl-Time"
	// headerEncoded lists the headers whose values are percent-encoded because
	// they are no printable ASCII, apart from those of CloudEvents, which
	// always are.
	headerEncoded = "Pl-Encoded"

	ownPrefix    = "Pl-"
	serverPrefix = "Nats-"
)

// Package driver has headers as Kafka's binding of CloudEvents names them. On
// NATS they are as its binding says: other names, and percent-encoded values.
const (
	kafkaPrefix      = "ce_"
	natsPrefix       = "ce-"
	specVersion      = "specversion"
	contentType      = "content-type"
	dataContentType  = "ce-datacontenttype"
	structuredPrefix = "application/cloudevents"
)

// usualHeaders is how many headers a message of the platform's has at most.
const usualHeaders = 16

// toNATS converts a record into the message that carries it.
func toNATS(r *driver.Record, subject string) (*nats.Msg, error) {
	h := headers.Get().(nats.Header)
	if err := addHeaders(h, r.Headers); err != nil {
		return nil, err
	}
	if r.Key != nil {
		h[headerKey] = []string{event.PercentEncode(string(r.Key))}
	}
	if r.Value == nil {
		h[headerNull] = []string{"true"}
	}
	if !r.Time.IsZero() {
		h[headerTime] = []string{string(event.AppendTime(make([]byte, 0, len(time.RFC3339Nano)), r.Time))}
	}
	return &nats.Msg{Subject: subject, Header: h, Data: r.Value}, nil
}

// addHeaders adds the headers of a record. Their values share the memory of
// two allocations.
func addHeaders(h nats.Header, headers []event.Header) error {
	isEvent := slices.ContainsFunc(headers, func(x event.Header) bool { return x.Key == kafkaPrefix+specVersion })
	values, texts := make([]string, len(headers)), joined(headers)
	var encoded []string
	for i, x := range headers {
		value := texts[:len(x.Value)]
		texts = texts[len(value):]
		name, attribute := natsName(x.Key, isEvent)
		switch {
		case strings.HasPrefix(name, serverPrefix), strings.HasPrefix(name, ownPrefix):
			return fmt.Errorf("header %q: names that begin with %s or %s have a meaning of their own on NATS", name, serverPrefix, ownPrefix)
		case attribute:
			value = event.PercentEncode(value)
		case !plain(value) && !slices.Contains(encoded, name):
			encoded = append(encoded, name)
		}
		values[i] = value
		if have := h[name]; have != nil {
			h[name] = append(have, value)
		} else {
			h[name] = values[i : i+1 : i+1]
		}
	}
	for _, name := range encoded {
		for i, value := range h[name] {
			h[name][i] = event.PercentEncode(value)
		}
		h[headerEncoded] = append(h[headerEncoded], name)
	}
	return nil
}

// joined returns all values in one string.
func joined(headers []event.Header) string {
	size := 0
	for i := range headers {
		size += len(headers[i].Value)
	}
	var b strings.Builder
	b.Grow(size)
	for i := range headers {
		b.Write(headers[i].Value)
	}
	return b.String()
}

// natsName returns what a header is called on NATS, and whether it carries an
// attribute of an event.
func natsName(key string, isEvent bool) (name string, attribute bool) {
	if !isEvent {
		return key, false
	}
	for i := range attributes {
		if attributes[i].kafka == key {
			return attributes[i].nats, true
		}
	}
	if name, ok := strings.CutPrefix(key, kafkaPrefix); ok {
		return natsPrefix + name, true
	}
	if strings.EqualFold(key, contentType) {
		return dataContentType, true
	}
	return key, false
}

// plain tells whether a header value arrives as it is.
func plain(value string) bool {
	for i := range len(value) {
		if value[i] < ' ' || value[i] > '~' {
			return false
		}
	}
	return value == strings.Trim(value, " ")
}

// fromNATS reads the record that a message carries. Messages of other
// publishers are read too: theirs have no key unless they set Pl-Key.
func fromNATS(m *memory, h nats.Header, data []byte, stored time.Time) *driver.Record {
	if data == nil {
		data = []byte{}
	}
	if o, ok := sortOwn(m, h); ok {
		return o.record(m, data, stored)
	}
	r := m.record()
	r.Value, r.Time, r.Headers = data, stored, headersOf(h)
	if key := h[headerKey]; len(key) > 0 {
		r.Key = []byte(unescape(key[0]))
	}
	if len(h[headerNull]) > 0 {
		r.Value = nil
	}
	if at := first(h[headerTime]); at != "" {
		if t, err := event.ParseTime(at); err == nil {
			r.Time = t
		}
	}
	return r
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// headersOf returns the headers by name, as package driver has them. A message
// without any is an event in the JSON format, as the binding says.
func headersOf(h nats.Header) []event.Header {
	if len(h) == 0 {
		return []event.Header{{Key: contentType, Value: []byte(event.ContentTypeStructured)}}
	}
	isEvent := isBinaryEvent(h)
	list := make([]event.Header, 0, len(h))
	values := make([]byte, 0, sizeOf(h)) // of all headers: one allocation
	for name, texts := range h {
		if strings.HasPrefix(name, ownPrefix) || strings.HasPrefix(name, serverPrefix) {
			continue
		}
		key, decode := kafkaName(name, isEvent)
		if key == "" {
			continue
		}
		if decode == nil && slices.Contains(h[headerEncoded], name) {
			decode = unescape
		}
		for _, text := range texts {
			if decode != nil {
				text = decode(text)
			}
			from := len(values)
			values = append(values, text...)
			list = append(list, event.Header{Key: key, Value: values[from:len(values):len(values)]})
		}
	}
	slices.SortStableFunc(list, func(a, b event.Header) int { return strings.Compare(a.Key, b.Key) })
	return list
}

func sizeOf(h nats.Header) (size int) {
	for _, texts := range h {
		for _, text := range texts {
			size += len(text)
		}
	}
	return size
}

// isBinaryEvent tells whether the headers carry an event's attributes.
func isBinaryEvent(h nats.Header) bool {
	found := false
	for name, values := range h {
		switch {
		case strings.EqualFold(name, natsPrefix+specVersion):
			found = true
		case strings.EqualFold(name, contentType) && len(values) > 0 && hasPrefixFold(values[0], structuredPrefix):
			return false
		}
	}
	return found
}

// kafkaName is the inverse of natsName; the names of attributes match in any
// case. It returns "" for a header that says nothing, and how to decode values
// of an attribute.
func kafkaName(name string, isEvent bool) (key string, decode func(string) string) {
	switch {
	case !isEvent && strings.EqualFold(name, contentType):
		return contentType, nil
	case !isEvent:
		return name, nil
	case strings.EqualFold(name, dataContentType):
		return contentType, attributeValue
	case strings.EqualFold(name, contentType):
		return "", nil // of the transport; the event's own is an attribute
	case hasPrefixFold(name, natsPrefix):
		return kafkaPrefix + strings.ToLower(name[len(natsPrefix):]), attributeValue
	}
	return name, nil
}

// attributeValue decodes an attribute. One that is not UTF-8 stays as it is:
// the reader of the event refuses it.
func attributeValue(value string) string {
	if decoded, err := event.PercentDecode(value); err == nil {
		return decoded
	}
	return value
}

func unescape(value string) string {
	if strings.IndexByte(value, '%') < 0 {
		return value
	}
	if decoded, err := url.PathUnescape(value); err == nil {
		return decoded
	}
	return value
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
