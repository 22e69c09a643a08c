package natsbus

import (
	"reflect"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"pgregory.net/rapid"
)

func TestEveryAttributeHasItsPlace(t *testing.T) {
	for i, a := range attributes {
		if placeOf(a.nats) != i {
			t.Errorf("%s is at %d, its place says %d", a.nats, i, placeOf(a.nats))
		}
		if i > 0 && a.kafka <= attributes[i-1].kafka {
			t.Errorf("%s comes after %s", a.kafka, attributes[i-1].kafka)
		}
	}
}

// The short way and the long way read the same from any message.
func TestOwnMessagesAreReadLikeStrangers(t *testing.T) {
	names := []string{
		"ce-id", "ce-source", "ce-specversion", "ce-subject", "ce-time", "ce-type", "ce-datacontenttype", "ce-partitionkey",
		"ce-traceparent", "traceparent", "tracestate", "Pl-Key", "Pl-Time", "Pl-Null", "Pl-Encoded", "Nats-Msg-Id",
		"Nats-Batch-Id", "content-type", "Content-Type", "CE-Id", "ce-stranger", "other",
	}
	values := rapid.SampledFrom([]string{"", "a", "1.0", "%41", `""`, `"q"`, "%ff", "2026-11-23T13:05:38Z", "application/cloudevents+json", "ce-id"})
	short := 0
	rapid.Check(t, func(t *rapid.T) {
		h := nats.Header{"ce-specversion": {"1.0"}}
		for range rapid.IntRange(0, 6).Draw(t, "headers") {
			name := rapid.SampledFrom(names[:rapid.SampledFrom([]int{12, len(names)}).Draw(t, "up to")]).Draw(t, "name")
			h[name] = append(h[name], values.Draw(t, "value"))
		}
		o, ok := sortOwn(&memory{}, h)
		if !ok {
			return
		}
		short++
		if got, want := o.headers(&memory{}), headersOf(h); !reflect.DeepEqual(got, want) {
			t.Fatalf("%v: headers %v, want %v", h, got, want)
		}
		r := fromNATS(&memory{}, h, nil, time.Unix(1, 0))
		if (r.Key != nil) != (len(h[headerKey]) > 0) || string(r.Key) != unescape(first(h[headerKey])) {
			t.Fatalf("%v: key %q", h, r.Key)
		}
	})
	if short == 0 {
		t.Error("no message was read the short way")
	}
}
