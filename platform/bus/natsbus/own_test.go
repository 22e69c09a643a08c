package natsbus

import (
	"fmt"
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
		if _, raw := sortBlock(blockOf(h)); raw != ok {
			t.Fatalf("%v: the short way is open for the wire: %t, for the map: %t", h, raw, ok)
		}
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
		if raw := fromBlock(&memory{}, blockOf(h), []byte{}, time.Unix(1, 0)); !reflect.DeepEqual(raw, r) {
			t.Fatalf("%v: from the wire %+v, from the map %+v", h, raw, r)
		}
	})
	if short == 0 {
		t.Error("no message was read the short way")
	}
}

// blockOf returns headers as they are on the wire.
func blockOf(h nats.Header) []byte {
	block := []byte("NATS/1.0\r\n")
	for name, values := range h {
		for _, v := range values {
			block = fmt.Appendf(block, "%s: %s\r\n", name, v)
		}
	}
	return append(block, "\r\n"...)
}

// Blocks that no client of ours has written are read as the client reads them.
func TestOddBlocksAreReadLikeTheClient(t *testing.T) {
	own := "ce-specversion: 1.0\r\nce-id: 7\r\n"
	for _, block := range []string{
		"", "NATS/1.0", "NATS/1.0\r\n", "NATS/1.0\r\n\r\n", "NATS/1.0 200 OK\r\n\r\n", "NATS/1.0\r\n" + own, "NATS/1.0\n" + own + "\r\n",
		"NATS/1.0\r\n" + own + "\r\n", "NATS/1.0\r\n" + own + "\r\nmore", "NATS/1.0\r\nce-specversion:\t 1.0 \r\n\r\n",
		"NATS/1.0\r\n" + own + "other\r\n\r\n", "NATS/1.0\r\n: x\r\n" + own + "\r\n", "NATS/1.0\r\nce-specversion: 1.0\nce-id: 7\n\n",
	} {
		h, _ := nats.DecodeHeadersMsg([]byte(block))
		want := fromNATS(&memory{}, h, []byte("v"), time.Unix(1, 0))
		if got := fromBlock(&memory{}, []byte(block), []byte("v"), time.Unix(1, 0)); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: read %+v, want %+v", block, got, want)
		}
	}
}
