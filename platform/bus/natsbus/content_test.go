package natsbus

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"pgregory.net/rapid"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/event"
)

var sample = event.Envelope{
	ID: "0197a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", Source: "/pulselearn/quiz", Type: "pl.quiz.completed.v1",
	Subject: "Größe \"100 %\"", Time: time.Unix(1_700_000_000, 0).UTC(), DataContentType: "application/avro",
	Extensions: []event.Extension{{Name: "partitionkey", Value: "k"}},
}

// What the relay writes for Kafka is on NATS what NATS's binding says.
func TestEventsFollowTheNATSBinding(t *testing.T) {
	msg, err := toNATS(&driver.Record{Value: []byte("data"), Headers: event.AppendKafkaHeaders(nil, &sample)}, "s")
	if err != nil {
		t.Fatal(err)
	}
	want := nats.Header{}
	for _, h := range event.AppendNATSHeaders(nil, &sample) {
		want.Add(h.Key, string(h.Value))
	}
	if !maps.EqualFunc(msg.Header, want, slices.Equal) {
		t.Errorf("headers %v, want %v", msg.Header, want)
	}
}

// A stranger's event, in either mode and any case, is one that ParseKafka
// reads.
func TestStrangersEventsAreRead(t *testing.T) {
	binary, shouting := nats.Header{}, nats.Header{"Content-Type": {"text/plain"}}
	for _, h := range event.AppendNATSHeaders(nil, &sample) {
		binary.Add(h.Key, string(h.Value))
		shouting.Add(strings.ToUpper(h.Key), string(h.Value))
	}
	structured, value, err := event.Encode(event.NATS, event.ModeStructured, &sample, []byte("data"))
	if err != nil {
		t.Fatal(err)
	}
	inJSON := nats.Header{}
	for _, h := range structured {
		inJSON.Add(h.Key, string(h.Value))
	}
	for name, m := range map[string]*nats.Msg{
		"binary": {Header: binary, Data: []byte("data")}, "upper case": {Header: shouting, Data: []byte("data")},
		"structured": {Header: inJSON, Data: value}, "no headers": {Data: value},
	} {
		r := fromNATS(&memory{}, m.Header, m.Data, time.Now())
		got, data, err := event.ParseKafka(r.Headers, r.Value)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.ID != sample.ID || got.Subject != sample.Subject || got.DataContentType != sample.DataContentType ||
			got.Extension("partitionkey") != "k" || string(data) != "data" {
			t.Errorf("%s: read %+v with data %q", name, got, data)
		}
	}
}

func TestAnyRecordComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sent := &driver.Record{Value: rapid.SliceOf(rapid.Byte()).Draw(t, "value"), Time: time.UnixMicro(rapid.Int64Range(0, 1<<50).Draw(t, "time")).UTC()}
		if rapid.Bool().Draw(t, "keyed") {
			sent.Key = append([]byte{}, rapid.SliceOf(rapid.Byte()).Draw(t, "key")...)
		}
		for range rapid.IntRange(0, 4).Draw(t, "headers") {
			name := rapid.SampledFrom([]string{"traceparent", "a", "b", "content-type", "ce_x"}).Draw(t, "name")
			sent.Headers = append(sent.Headers, event.Header{Key: name, Value: rapid.SliceOf(rapid.Byte()).Draw(t, "header")})
		}
		msg, err := toNATS(sent, "s")
		if err != nil {
			t.Fatal(err)
		}
		msg.Header[nats.MsgIdHdr] = []string{"id"} // as every published message has
		for _, values := range msg.Header {
			for _, v := range values {
				if !plain(v) {
					t.Fatalf("value %q does not survive the wire", v)
				}
			}
		}
		got := fromNATS(&memory{}, msg.Header, msg.Data, time.Now())
		if !slices.Equal(got.Key, sent.Key) || (got.Key == nil) != (sent.Key == nil) || !slices.Equal(got.Value, sent.Value) || !got.Time.Equal(sent.Time) {
			t.Fatalf("got %+v, want %+v", got, sent)
		}
		slices.SortStableFunc(sent.Headers, func(a, b event.Header) int { return strings.Compare(a.Key, b.Key) })
		same := slices.EqualFunc(got.Headers, sent.Headers, func(a, b event.Header) bool {
			return a.Key == b.Key && slices.Equal(a.Value, b.Value)
		})
		if !same {
			t.Fatalf("headers %v, want %v", got.Headers, sent.Headers)
		}
	})
}

func TestHeadersWithAMeaningOfTheirOwnAreRefused(t *testing.T) {
	for _, name := range []string{"Nats-TTL", "Pl-Key"} {
		_, err := toNATS(&driver.Record{Headers: []event.Header{{Key: name, Value: []byte("1s")}}}, "s")
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("header %s: %v", name, err)
		}
	}
}
