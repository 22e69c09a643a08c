package admin

import (
	"encoding/json"
	"net/url"
	"strconv"
	"time"
)

// The states of a delivery that is held.
const (
	// Held deliveries wait for their next attempt or behind another of their
	// key.
	Held = "held"
	// Dead deliveries have failed for good; they wait for a redrive.
	Dead = "dead"
	// Parked deliveries wait for a person's decision.
	Parked = "parked"
	// Dropped deliveries are about to be removed by the consumer.
	Dropped = "dropped"
)

// A Letter is one delivery that a consumer holds.
type Letter struct {
	// ID names the letter: <consumer>/<topic>/<partition>/<offset>.
	ID        string `json:"id"`
	Context   string `json:"context"`
	Consumer  string `json:"consumer"`
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	// Key is the record's key as text, KeyBase64 one that is no UTF-8. Both are
	// empty for a record without order.
	Key       string `json:"key,omitempty"`
	KeyBase64 string `json:"keyBase64,omitempty"`
	State     string `json:"state"`
	// Blocks says that later events of the key wait for this one.
	Blocks bool `json:"blocks"`
	// EventID and EventSource are empty when the record was no CloudEvent.
	EventID     string `json:"eventId,omitempty"`
	EventSource string `json:"eventSource,omitempty"`
	Attempts    int    `json:"attempts"`
	Redrives    int    `json:"redrives"`
	Cause       string `json:"cause,omitempty"`
	// Signature groups letters with the same kind of cause.
	Signature string `json:"signature,omitempty"`
	// NextAt is when the next attempt is due; zero when the letter waits for a
	// person or behind another.
	NextAt        time.Time `json:"nextAt,omitzero"`
	FirstFailedAt time.Time `json:"firstFailedAt,omitzero"`
	LastFailedAt  time.Time `json:"lastFailedAt,omitzero"`
	HeldAt        time.Time `json:"heldAt"`
}

// A Group is how many letters of a consumer share a state and a signature.
type Group struct {
	Context   string    `json:"context"`
	Consumer  string    `json:"consumer"`
	Topic     string    `json:"topic"`
	State     string    `json:"state"`
	Signature string    `json:"signature"`
	Count     int64     `json:"count"`
	Oldest    time.Time `json:"oldest"`
	Newest    time.Time `json:"newest"`
	// Example is the id of one of them, Cause its cause.
	Example string `json:"example"`
	Cause   string `json:"cause"`
}

// A Filter chooses letters. Empty fields choose all.
type Filter struct {
	Context   string `json:"context,omitempty"`
	Consumer  string `json:"consumer,omitempty"`
	Topic     string `json:"topic,omitempty"`
	State     string `json:"state,omitempty"`
	Key       string `json:"key,omitempty"`
	Signature string `json:"signature,omitempty"`
	EventID   string `json:"eventId,omitempty"`
	// Since chooses letters that were held at or after it.
	Since time.Time `json:"since,omitzero"`
}

// Query returns the filter as parameters of a URL.
func (f Filter) Query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{
		"context": f.Context, "consumer": f.Consumer, "topic": f.Topic, "state": f.State,
		"key": f.Key, "signature": f.Signature, "eventId": f.EventID,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if !f.Since.IsZero() {
		q.Set("since", f.Since.UTC().Format(time.RFC3339Nano))
	}
	return q
}

// A Detail is everything about one letter.
type Detail struct {
	Letter
	RecordedAt time.Time `json:"recordedAt,omitzero"`
	Headers    []Header  `json:"headers"`
	// Schema is the writer's schema as the record names it: "id 7".
	Schema string `json:"schema,omitempty"`
	// Payload is the event as JSON, read with the writer's schema; personal
	// data is masked unless Unmasked. PayloadError says why there is none.
	Payload      json.RawMessage `json:"payload,omitempty"`
	PayloadError string          `json:"payloadError,omitempty"`
	Unmasked     bool            `json:"unmasked,omitempty"`
	// Bytes is the size of the record's value.
	Bytes int `json:"bytes"`
	// Behind is how many later letters of the key wait for this one, and First
	// the ids of the first of them.
	Behind int64    `json:"behind"`
	First  []string `json:"first,omitempty"`
	// SkipDead says that a dead letter of this consumer does not block its key:
	// later events went past it, and a redrive comes after them.
	SkipDead bool `json:"skipDead,omitempty"`
	// History is what people did with the letter, the oldest first.
	History []Audit `json:"history,omitempty"`
}

// A Header is one header of a record. Base64 is set in place of Value when that
// is no UTF-8.
type Header struct {
	Name   string `json:"name"`
	Value  string `json:"value,omitempty"`
	Base64 string `json:"base64,omitempty"`
}

// An Audit is one change that a person made.
type Audit struct {
	At     time.Time `json:"at"`
	Actor  string    `json:"actor"`
	Action string    `json:"action"`
	Reason string    `json:"reason,omitempty"`
	Detail string    `json:"detail,omitempty"`
}

// A Change asks for a change of letters: those with IDs, or up to Limit of
// those that Filter chooses.
type Change struct {
	IDs    []string `json:"ids,omitempty"`
	Filter *Filter  `json:"filter,omitempty"`
	Limit  int      `json:"limit,omitempty"`
	// After continues where the answer to an earlier change ended, so that what
	// failed again since is not chosen a second time.
	After  string `json:"after,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Job names the run that a redrive belongs to, for [Client.Progress].
	Job string `json:"job,omitempty"`
	// Payload replaces the payload of one letter that is redriven: JSON as in
	// [Detail], encoded with the writer's schema, or with the reader's when
	// Reencode is set.
	Payload  json.RawMessage `json:"payload,omitempty"`
	Reencode bool            `json:"reencode,omitempty"`
}

// A Changed is the answer to a [Change].
type Changed struct {
	Changed int `json:"changed"`
	// After is empty when there is nothing left to choose.
	After string `json:"after,omitempty"`
	// Refused says for ids that were not changed why not.
	Refused map[string]string `json:"refused,omitempty"`
}

// A Progress is how far the letters of a redrive's job are.
type Progress struct {
	// Waiting have not been run to their end, Failed are dead or parked again.
	// The others of the job have succeeded.
	Waiting int64 `json:"waiting"`
	Failed  int64 `json:"failed"`
	// Cause is that of one that failed, Example its id.
	Cause   string `json:"cause,omitempty"`
	Example string `json:"example,omitempty"`
}

// A Trial is what a run of a letter's handler in a transaction that was rolled
// back would have done.
type Trial struct {
	ID string `json:"id"`
	// Outcome is "success", "duplicate" (the event was applied before), "retry",
	// "dead" or "parked".
	Outcome   string        `json:"outcome"`
	Error     string        `json:"error,omitempty"`
	Changes   []TableChange `json:"changes,omitempty"`
	Published []Publication `json:"published,omitempty"`
}

// A TableChange counts the rows of a table that were changed in one way.
type TableChange struct {
	// Action is "insert", "update" or "delete".
	Action string `json:"action"`
	Table  string `json:"table"`
	Rows   int64  `json:"rows"`
}

// A Publication is an event that would have been published. Personal data is
// masked.
type Publication struct {
	Topic   string          `json:"topic"`
	Key     string          `json:"key,omitempty"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// An Exported is one line of an export: a record as the broker had it, and why
// it is held. It stays as it is; fields may be added.
type Exported struct {
	Letter
	RecordedAt time.Time `json:"recordedAt,omitzero"`
	// SchemaID is the registry's id of the writer's schema, 0 when the record
	// names none.
	SchemaID int `json:"schemaId,omitempty"`
	// ValueBase64 is the record's value with its framing, HeadersBase64 its
	// headers in order.
	ValueBase64   string           `json:"valueBase64"`
	HeadersBase64 []ExportedHeader `json:"headersBase64"`
}

// An ExportedHeader is one header with its value in base64.
type ExportedHeader struct {
	Name   string `json:"name"`
	Base64 string `json:"base64"`
}

// page returns the parameters of a request for up to limit letters.
func page(f Filter, limit int) url.Values {
	q := f.Query()
	if limit > 0 {
		q.Set("limit", strconv.Itoa(limit))
	}
	return q
}
