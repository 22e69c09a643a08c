package event

import (
	"fmt"
	"strings"
	"time"
)

const kafkaPrefix = "ce_"

// AppendKafkaHeaders appends the context attributes of e as headers of the
// Kafka binding in binary mode: content-type, and ce_ before every other name.
// The values share memory, also with those of other events, and must be treated
// as read-only. e must be valid.
func AppendKafkaHeaders(dst []Header, e *Envelope) []Header {
	a := newAppender(kafkaPrefix, dst, e)
	a.contentType("content-type", e)
	a.attributes(e)
	return a.headers
}

// ParseKafka reads a Kafka record as an event, in binary mode or in structured
// mode with the JSON format. In binary mode data is value itself; a record
// without value (a tombstone) is an event without data. The envelope keeps no
// reference to headers. Every error matches ErrInvalid.
func ParseKafka(headers []Header, value []byte) (e Envelope, data []byte, err error) {
	data, err = e.ParseKafka(headers, value)
	return e, data, err
}

// ParseKafka replaces e as the function of that name does; after an error e is
// zero. The strings of many events share memory: one that is kept keeps up to
// 8 KiB.
func (e *Envelope) ParseKafka(headers []Header, value []byte) (data []byte, err error) {
	*e = Envelope{}
	contentType := find(headers, "content-type")
	if string(contentType) != ContentTypeAvro && Kafka.ModeOf(string(contentType)) != ModeBinary {
		*e, data, err = parseStructured(string(contentType), value)
		return data, err
	}
	p := binaryParser{prefix: kafkaPrefix, contentType: "content-type", assembler: assembler{env: e}}
	if err := p.parse(headers); err != nil {
		*e = Envelope{}
		return nil, err
	}
	return value, nil
}

// A KeyMapper chooses a record's key. It never changes the event (Kafka
// binding, section 3.1).
type KeyMapper func(e *Envelope, userKey []byte) []byte

// UserKey is the default KeyMapper: the key that the caller gave, as it is.
func UserKey(_ *Envelope, userKey []byte) []byte { return userKey }

// PartitionKey is the KeyMapper that takes the attribute partitionkey as it
// is, and the caller's key when the event has none.
func PartitionKey(e *Envelope, userKey []byte) []byte {
	if key := e.Extension(ExtPartitionKey); key != "" {
		return []byte(key)
	}
	return userKey
}

// contentType is the datacontenttype that other formats than JSON must state.
func (e *Envelope) contentType() string {
	if e.DataContentType == "" && e.impliedJSON {
		return "application/json"
	}
	return e.DataContentType
}

// timeLen is the length of the longest timestamp.
const timeLen = len(time.RFC3339Nano)

// An appender writes attributes as headers. Their values lie in one arena, but
// for those that the block has from the event before.
type appender struct {
	prefix  string
	keys    *attributeKeys
	percent bool
	headers []Header
	arena   []byte
	block   *HeaderBlock // or nil
}

// newAppender returns an appender that allocates nothing while it writes e.
func newAppender(prefix string, dst []Header, e *Envelope) appender {
	a := appender{prefix: prefix, keys: &kafkaKeys, headers: dst}
	size := valuesSize(e)
	if prefix == natsPrefix {
		a.keys, a.percent = &natsKeys, true
		size += size / 8
	}
	from := arenas.Get().(*arena)
	defer arenas.Put(from)
	a.arena = carve(&from.values, size, arenaValues)
	if n := coreAttributes + len(e.Extensions); cap(dst)-len(dst) < n {
		a.headers = append(carve(&from.headers, len(dst)+n+spareHeaders, arenaHeaders), dst...)
	}
	return a
}

// valuesSize returns how many bytes the values of headers take at most, when
// they are not encoded.
func valuesSize(e *Envelope) int {
	size := len(e.ID) + len(e.Source) + len(e.Type) + len(e.Subject) + timeLen + len(e.contentType()) + len(e.DataSchema)
	for i := range e.Extensions {
		size += len(e.Extensions[i].Value)
	}
	return size
}

// spareHeaders is room for those that a caller appends.
const spareHeaders = 2

// specVersion is the value of a header. Nobody writes to it.
var specVersion = []byte(SpecVersion)

func (a *appender) attributes(e *Envelope) {
	a.headers = append(a.headers, Header{a.keys[keySpecVersion], specVersion[:len(specVersion):len(specVersion)]})
	a.set(a.keys[keyID], e.ID)
	a.shared(a.keys[keySource], e.Source, lastSource)
	a.shared(a.keys[keyType], e.Type, lastType)
	if e.Subject != "" {
		a.set(a.keys[keySubject], e.Subject)
	}
	if !e.Time.IsZero() {
		a.time(e.Time)
	}
	if e.DataSchema != "" {
		a.shared(a.keys[keyDataSchema], e.DataSchema, lastSchema)
	}
	for i := range e.Extensions {
		a.set(a.key(e.Extensions[i].Name), e.Extensions[i].Value)
	}
}

// contentType writes datacontenttype as the header of that name.
func (a *appender) contentType(key string, e *Envelope) {
	switch value := e.contentType(); {
	case value == "":
	case a.block == nil:
		a.plain(key, value)
	default:
		a.shared(key, value, lastContentType)
	}
}

// shared is set for an attribute that most events share with the one before.
func (a *appender) shared(key, value string, last int) {
	if a.block == nil {
		a.set(key, value)
		return
	}
	known := &a.block.last[last]
	if known.text == value {
		a.headers = append(a.headers, Header{key, known.value})
		return
	}
	a.set(key, value)
	*known = lastValue{value, a.headers[len(a.headers)-1].Value}
}

// time writes the time, which in a batch is often that of the event before.
func (a *appender) time(t time.Time) {
	if b := a.block; b != nil && b.stamp != nil && b.time == t {
		a.headers = append(a.headers, Header{a.keys[keyTime], b.stamp})
		return
	}
	start := len(a.arena)
	a.arena = AppendTime(a.arena, t)
	a.header(a.keys[keyTime], start)
	if b := a.block; b != nil {
		b.time, b.stamp = t, a.headers[len(a.headers)-1].Value
	}
}

func (a *appender) set(key, value string) {
	if !a.percent {
		a.plain(key, value)
		return
	}
	start := len(a.arena)
	a.arena = appendPercent(a.arena, value)
	a.header(key, start)
}

func (a *appender) plain(key, value string) {
	start := len(a.arena)
	a.arena = append(a.arena, value...)
	a.header(key, start)
}

// header writes what the arena holds from start as the value of a header.
func (a *appender) header(key string, start int) {
	a.headers = append(a.headers, Header{key, a.arena[start:len(a.arena):len(a.arena)]})
}

// key joins prefix and name, without allocation for the extensions that the
// platform writes.
func (a *appender) key(name string) string {
	switch name {
	case ExtTraceParent:
		return a.keys[keyTraceParent]
	case ExtTraceState:
		return a.keys[keyTraceState]
	case ExtCorrelationID:
		return a.keys[keyCorrelationID]
	case ExtCausationID:
		return a.keys[keyCausationID]
	case ExtPartitionKey:
		return a.keys[keyPartitionKey]
	case ExtRecordedTime:
		return a.keys[keyRecordedTime]
	case ExtSameAs:
		return a.keys[keySameAs]
	}
	return a.prefix + name
}

// Places in attributeKeys.
const (
	keySpecVersion = iota
	keyID
	keySource
	keyType
	keySubject
	keyTime
	keyDataSchema
	keyDataContentType
	coreAttributes // how many there are

	keyTraceParent = iota - 1
	keyTraceState
	keyCorrelationID
	keyCausationID
	keyPartitionKey
	keyRecordedTime
	keySameAs
	knownAttributes
)

// attributeKeys are names of headers.
type attributeKeys [knownAttributes]string

var knownNames = attributeKeys{
	keySpecVersion: "specversion", keyID: "id", keySource: "source", keyType: "type", keySubject: "subject",
	keyTime: "time", keyDataSchema: "dataschema", keyDataContentType: "datacontenttype",
	keyTraceParent: ExtTraceParent, keyTraceState: ExtTraceState,
	keyCorrelationID: ExtCorrelationID, keyCausationID: ExtCausationID,
	keyPartitionKey: ExtPartitionKey, keyRecordedTime: ExtRecordedTime, keySameAs: ExtSameAs,
}

var (
	kafkaKeys = prefixed(kafkaPrefix)
	natsKeys  = prefixed(natsPrefix)
)

func prefixed(prefix string) (keys attributeKeys) {
	for i, name := range knownNames {
		keys[i] = prefix + name
	}
	return keys
}

// find returns the value of the first header with that name, whose case does
// not matter.
func find(headers []Header, name string) []byte {
	for i := range headers {
		if len(headers[i].Key) == len(name) && strings.EqualFold(headers[i].Key, name) {
			return headers[i].Value
		}
	}
	return nil
}

// A binaryParser reads the headers of the binary content mode.
type binaryParser struct {
	prefix string
	// contentType is the header that holds datacontenttype, or "" when it has
	// the prefix as all others do.
	contentType string
	fold        bool // names in any case
	percent     bool // values are quoted and percent-encoded
	assembler
}

func (p *binaryParser) parse(headers []Header) error {
	p.from = arenas.Get().(*arena)
	defer arenas.Put(p.from)
	for i := range headers {
		p.left = len(headers) - i
		if err := p.header(headers[i].Key, headers[i].Value); err != nil {
			return err
		}
	}
	if err := p.finish(); err != nil {
		return err
	}
	p.from.remember(p.env)
	return nil
}

func (p *binaryParser) header(key string, value []byte) error {
	if !p.fold {
		if known, err := p.knownKafka(key, value); known {
			return err
		}
	}
	if p.contentType != "" && len(key) == len(p.contentType) && strings.EqualFold(key, p.contentType) {
		return p.set("datacontenttype", p.text(value), String)
	}
	name, ok := p.attribute(key)
	if !ok {
		return nil
	}
	text := p.text(value)
	if p.percent {
		var err error
		if text, err = PercentDecode(text); err != nil {
			return fmt.Errorf("attribute of header %q: %w", key, err)
		}
	}
	return p.set(name, text, String)
}

// knownKafka takes the headers that nearly every record has, without looking
// at their names in parts.
func (p *binaryParser) knownKafka(key string, value []byte) (known bool, err error) {
	switch e := p.env; key {
	case "content-type":
		return true, p.shared(&e.DataContentType, lastContentType, seenContentType, "datacontenttype", value)
	case kafkaPrefix + "specversion":
		if string(value) == SpecVersion {
			return true, p.put(&p.spec, seenSpec, "specversion", SpecVersion)
		}
		return true, p.put(&p.spec, seenSpec, "specversion", p.text(value))
	case kafkaPrefix + "id":
		return true, p.put(&e.ID, seenID, "id", p.text(value))
	case kafkaPrefix + "source":
		return true, p.shared(&e.Source, lastSource, seenSource, "source", value)
	case kafkaPrefix + "type":
		return true, p.shared(&e.Type, lastType, seenType, "type", value)
	case kafkaPrefix + "subject":
		return true, p.put(&e.Subject, seenSubject, "subject", p.text(value))
	case kafkaPrefix + "time":
		return true, p.time(string(value))
	case kafkaPrefix + ExtPartitionKey:
		return true, p.extension(ExtPartitionKey, p.text(value), String)
	case kafkaPrefix + ExtTraceParent:
		return true, p.extension(ExtTraceParent, p.text(value), String)
	case kafkaPrefix + ExtCorrelationID:
		return true, p.extension(ExtCorrelationID, p.text(value), String)
	case kafkaPrefix + ExtCausationID:
		return true, p.extension(ExtCausationID, p.text(value), String)
	case kafkaPrefix + "dataschema":
		return true, p.shared(&e.DataSchema, lastSchema, seenSchema, "dataschema", value)
	}
	return false, nil
}

// text returns a copy of a header's value.
func (p *binaryParser) text(value []byte) string { return p.from.text.Copy(value) }

// shared sets an attribute that most events share. A value that a valid event
// had before is neither copied nor checked again.
func (p *binaryParser) shared(field *string, last int, bit uint8, name string, value []byte) error {
	if text := p.from.last[last]; text != "" && text == string(value) {
		if p.seen&bit == 0 {
			p.valid |= bit
		}
		return p.put(field, bit, name, text)
	}
	return p.put(field, bit, name, p.text(value))
}

// attribute returns the name of the attribute that the header carries.
func (p *binaryParser) attribute(key string) (string, bool) {
	if p.fold {
		key = strings.ToLower(key)
	}
	name, ok := strings.CutPrefix(key, p.prefix)
	// A stray datacontenttype must not replace the content type.
	return name, ok && (name != "datacontenttype" || p.contentType == "")
}
