package event

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// An Event is an envelope with its data, as one element of a batch.
type Event struct {
	Envelope Envelope
	// Data is nil when the event has none.
	Data []byte
}

// parseStructured reads a message in structured mode.
func parseStructured(contentType string, value []byte) (Envelope, []byte, error) {
	switch media := mediaType(contentType); media {
	case "application/cloudevents+json", "application/cloudevents", "":
		return DecodeJSON(value)
	default:
		if strings.HasPrefix(media, "application/cloudevents-batch") {
			return Envelope{}, nil, fmt.Errorf("%w: a batch where one event is expected", ErrInvalid)
		}
		return Envelope{}, nil, fmt.Errorf("%w: an event format that is not understood, only application/cloudevents+json is", ErrInvalid)
	}
}

// EncodeJSON returns the event in the JSON format, after checking it. data is
// nil when there is none. JSON is embedded, text becomes a string, everything
// else becomes data_base64. The error matches ErrInvalid.
func EncodeJSON(e *Envelope, data []byte) ([]byte, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	w := jsonWriter{out: append(make([]byte, 0, 512+len(data)*4/3), '{')}
	w.attribute("specversion", SpecVersion)
	w.attribute("id", e.ID)
	w.attribute("source", e.Source)
	w.attribute("type", e.Type)
	w.optional("subject", e.Subject)
	if !e.Time.IsZero() {
		w.attribute("time", string(AppendTime(nil, e.Time)))
	}
	w.optional("datacontenttype", e.DataContentType)
	w.optional("dataschema", e.DataSchema)
	for i := range e.Extensions {
		w.extension(&e.Extensions[i])
	}
	if data != nil {
		w.data(e.contentType(), data)
	}
	return append(w.out, '}'), nil
}

// EncodeJSONBatch returns the events in the JSON batch format.
func EncodeJSONBatch(events []Event) ([]byte, error) {
	out := []byte{'['}
	for i := range events {
		one, err := EncodeJSON(&events[i].Envelope, events[i].Data)
		if err != nil {
			return nil, fmt.Errorf("event %d of the batch: %w", i, err)
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, one...)
	}
	return append(out, ']'), nil
}

type jsonWriter struct{ out []byte }

func (w *jsonWriter) member(name string) {
	if len(w.out) > 1 {
		w.out = append(w.out, ',')
	}
	w.out = append(w.out, '"')
	w.out = append(w.out, name...)
	w.out = append(w.out, '"', ':')
}

func (w *jsonWriter) attribute(name, value string) {
	w.member(name)
	w.string(value)
}

func (w *jsonWriter) optional(name, value string) {
	if value != "" {
		w.attribute(name, value)
	}
}

func (w *jsonWriter) extension(x *Extension) {
	w.member(x.Name)
	if x.Kind == Boolean || x.Kind == Integer {
		w.out = append(w.out, x.Value...)
		return
	}
	w.string(x.Value)
}

func (w *jsonWriter) data(contentType string, data []byte) {
	switch {
	case isJSON(contentType) && utf8.Valid(data) && json.Valid(data):
		w.member("data")
		w.out = append(w.out, data...)
	case isText(contentType) && utf8.Valid(data):
		w.attribute("data", string(data))
	default:
		w.member("data_base64")
		w.out = append(w.out, '"')
		w.out = base64.StdEncoding.AppendEncode(w.out, data)
		w.out = append(w.out, '"')
	}
}

// string appends s, which is UTF-8, as a JSON string.
func (w *jsonWriter) string(s string) {
	w.out = append(w.out, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			w.out = append(w.out, '\\', c)
		case c < 0x20:
			w.out = append(w.out, `\u00`...)
			w.out = strconv.AppendUint(w.out, uint64(c>>4), 16)
			w.out = strconv.AppendUint(w.out, uint64(c&15), 16)
		default:
			w.out = append(w.out, c)
		}
	}
	w.out = append(w.out, '"')
}

// DecodeJSON reads one event in the JSON format. Data that is JSON is returned
// as its JSON text, a string of another content type as its characters,
// data_base64 decoded; data is nil when there is none. Every error matches
// ErrInvalid.
func DecodeJSON(text []byte) (e Envelope, data []byte, err error) {
	if !utf8.Valid(text) {
		return Envelope{}, nil, fmt.Errorf("%w: JSON text is not UTF-8", ErrInvalid)
	}
	if trimmed := bytes.TrimLeft(text, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' || !json.Valid(text) {
		return Envelope{}, nil, fmt.Errorf("%w: not a JSON object", ErrInvalid)
	}
	d := jsonDecoder{assembler: assembler{env: new(Envelope), left: 6}}
	if err := d.members(text); err != nil {
		return Envelope{}, nil, err
	}
	return d.finish()
}

// DecodeJSONBatch reads a batch of events in the JSON batch format. One
// invalid event invalidates the batch.
func DecodeJSONBatch(text []byte) ([]Event, error) {
	var raw []json.RawMessage
	if trimmed := bytes.TrimLeft(text, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '[' || json.Unmarshal(text, &raw) != nil {
		return nil, fmt.Errorf("%w: not a JSON array", ErrInvalid)
	}
	events := make([]Event, 0, len(raw))
	for i := range raw {
		e, data, err := DecodeJSON(raw[i])
		if err != nil {
			return nil, fmt.Errorf("event %d of the batch: %w", i, err)
		}
		events = append(events, Event{e, data})
	}
	return events, nil
}

type jsonDecoder struct {
	assembler
	names            map[string]bool
	payload, encoded json.RawMessage
}

// members reads the members of text, which is one valid JSON object.
func (d *jsonDecoder) members(text []byte) error {
	d.names = make(map[string]bool, 12)
	dec := json.NewDecoder(bytes.NewReader(text))
	if _, err := dec.Token(); err != nil {
		return fmt.Errorf("%w: not a JSON object", ErrInvalid)
	}
	for dec.More() {
		token, err := dec.Token()
		name, ok := token.(string)
		var raw json.RawMessage
		if err != nil || !ok || dec.Decode(&raw) != nil {
			return fmt.Errorf("%w: not a JSON object", ErrInvalid)
		}
		if err := d.member(name, raw); err != nil {
			return err
		}
	}
	return nil
}

func (d *jsonDecoder) member(name string, raw json.RawMessage) error {
	switch name {
	case "data":
		return d.keep(&d.payload, name, raw)
	case "data_base64":
		return d.keep(&d.encoded, name, raw)
	}
	if err := CheckName(name); err != nil {
		return err
	}
	if d.names[name] {
		return fmt.Errorf("%w: attribute %s appears twice", ErrInvalid, name)
	}
	d.names[name] = true
	value, kind, err := jsonValue(name, raw)
	if err != nil || value == nil {
		return err
	}
	return d.set(name, *value, kind)
}

func (d *jsonDecoder) keep(dst *json.RawMessage, name string, raw json.RawMessage) error {
	if *dst != nil {
		return fmt.Errorf("%w: %s appears twice", ErrInvalid, name)
	}
	*dst = raw
	return nil
}

// jsonValue returns an attribute's canonical string, or nil for null.
func jsonValue(name string, raw json.RawMessage) (*string, Kind, error) {
	text := string(raw)
	switch {
	case text == "null":
		return nil, String, nil
	case text == "true" || text == "false":
		return &text, Boolean, nil
	case isInteger(text):
		return &text, Integer, nil
	case text[0] == '"':
		s, ok := jsonString(raw)
		if !ok {
			return nil, String, wrong(name, notAString)
		}
		return &s, String, nil
	}
	return nil, String, wrong(name, "has a type that attributes cannot have: it must be a string, a boolean or a whole number of 32 bits")
}

// jsonString decodes a JSON string and refuses unpaired surrogates, which
// encoding/json would replace.
func jsonString(raw json.RawMessage) (string, bool) {
	var s string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	if !strings.Contains(s, "\uFFFD") {
		return s, true
	}
	return s, !hasLoneSurrogate(raw)
}

// hasLoneSurrogate scans the escapes of a valid JSON string.
func hasLoneSurrogate(raw []byte) bool {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++
		if raw[i] != 'u' {
			continue
		}
		unit := hex4(raw[i+1:])
		i += 4
		switch {
		case unit>>10 == 0xdc00>>10:
			return true
		case unit>>10 != 0xd800>>10:
		case !bytes.HasPrefix(raw[i+1:], []byte(`\u`)) || hex4(raw[i+3:])>>10 != 0xdc00>>10:
			return true
		default:
			i += 6
		}
	}
	return false
}

func hex4(b []byte) (n uint16) {
	for _, c := range b[:4] {
		n = n<<4 | uint16(unhex(c))
	}
	return n
}

func (d *jsonDecoder) finish() (Envelope, []byte, error) {
	if err := d.assembler.finish(); err != nil {
		return Envelope{}, nil, err
	}
	data, err := d.data(d.env)
	if err != nil {
		return Envelope{}, nil, err
	}
	return *d.env, data, nil
}

func (d *jsonDecoder) data(e *Envelope) ([]byte, error) {
	if string(d.encoded) == "null" {
		d.encoded = nil
	}
	switch {
	case d.encoded != nil && d.payload != nil:
		return nil, fmt.Errorf("%w: both data and data_base64", ErrInvalid)
	case d.encoded != nil:
		return d.base64()
	case d.payload == nil:
		return nil, nil
	case e.DataContentType == "":
		e.impliedJSON = true
		return d.payload, nil
	case isJSON(e.DataContentType):
		return d.payload, nil
	}
	return d.text()
}

func (d *jsonDecoder) base64() ([]byte, error) {
	s, ok := jsonString(d.encoded)
	if !ok {
		return nil, fmt.Errorf("%w: data_base64 is not a string", ErrInvalid)
	}
	data, err := decodeBase64(s)
	if err != nil {
		return nil, fmt.Errorf("%w: invalid base64 in data_base64", ErrInvalid)
	}
	return data, nil
}

// text is data whose content type is not JSON: an encoded content string.
func (d *jsonDecoder) text() ([]byte, error) {
	if string(d.payload) == "null" {
		return nil, nil
	}
	s, ok := jsonString(d.payload)
	if !ok {
		return nil, fmt.Errorf("%w: data is not a string, and its content type is not JSON", ErrInvalid)
	}
	return []byte(s), nil
}
