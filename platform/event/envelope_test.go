package event

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"pgregory.net/rapid"
)

// sample is an event as the relay sends it: eight ce_ headers and more.
func sample() *Envelope {
	return &Envelope{
		ID:              "0198f3a4-7c1e-7d2a-9b60-1f2e3d4c5b6a",
		Source:          "/pulselearn/achievement",
		Type:            "pl.achievement.badge_awarded.v1",
		Subject:         "student-1",
		Time:            time.Date(2026, 11, 23, 13, 5, 38, 123456000, time.UTC),
		DataContentType: ContentTypeAvro,
		Extensions: []Extension{
			{Name: ExtCausationID, Value: "0198f3a4-7c1e-7d2a-9b60-1f2e3d4c5b6b"},
			{Name: ExtCorrelationID, Value: "0198f3a4-7c1e-7d2a-9b60-1f2e3d4c5b6c"},
			{Name: ExtPartitionKey, Value: "student-1"},
			{Name: ExtTraceParent, Value: "00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01"},
		},
	}
}

func TestRoundTripEveryBinding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEnvelope(t)
		data := rapid.SliceOf(rapid.Byte()).Draw(t, "data")
		for _, b := range []Binding{Kafka, NATS, HTTP} {
			for _, m := range []Mode{ModeBinary, ModeStructured} {
				headers, value, err := Encode(b, m, e, data)
				if err != nil {
					t.Fatal(err)
				}
				got, gotData, err := Parse(b, headers, value)
				if err != nil || !reflect.DeepEqual(&got, e) || !slices.Equal(gotData, data) {
					t.Fatalf("binding %d mode %d: %+v %q, error %v; want %+v %q", b, m, got, gotData, err, e, data)
				}
			}
		}
	})
}

func drawEnvelope(t *rapid.T) *Envelope {
	text := rapid.StringMatching(`[ -~é€😀]{1,12}`)
	e := &Envelope{
		ID:              text.Draw(t, "id"),
		Source:          rapid.StringMatching(`(https://[a-z]{1,5}\.test:80)?(/[a-z0-9%-]{0,0}[a-z]{1,4}){1,3}`).Draw(t, "source"),
		Type:            text.Draw(t, "type"),
		Time:            time.Unix(rapid.Int64Range(0, 1<<32).Draw(t, "time"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC(),
		DataContentType: rapid.SampledFrom([]string{"application/avro", "application/json", "text/plain; charset=utf-8"}).Draw(t, "type"),
		Extensions:      []Extension{{Name: "a9", Value: text.Draw(t, "extension")}, {Name: ExtTraceParent, Value: "x"}},
	}
	if rapid.Bool().Draw(t, "subject") {
		e.Subject = text.Draw(t, "subject")
	}
	return e
}

func TestValidateRefuses(t *testing.T) {
	cases := map[string]func(*Envelope){
		"missing id":             func(e *Envelope) { e.ID = "" },
		"missing source":         func(e *Envelope) { e.Source = "" },
		"missing type":           func(e *Envelope) { e.Type = "" },
		"attribute source":       func(e *Envelope) { e.Source = "a b" },
		"attribute subject":      func(e *Envelope) { e.Subject = "a\nb" },
		"attribute dataschema":   func(e *Envelope) { e.DataSchema = "/relative" },
		"datacontenttype":        func(e *Envelope) { e.DataContentType = "json" },
		"attribute time":         func(e *Envelope) { e.Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"data is reserved":       func(e *Envelope) { e.Extensions = []Extension{{Name: "data"}} },
		"name is empty":          func(e *Envelope) { e.Extensions = []Extension{{Name: ""}} },
		"other than a-z and 0-9": func(e *Envelope) { e.Extensions = []Extension{{Name: "myExt"}} },
		"core attribute":         func(e *Envelope) { e.Extensions = []Extension{{Name: "subject", Value: "s"}} },
		"appears twice":          func(e *Envelope) { e.Extensions = []Extension{{Name: "a"}, {Name: "a"}} },
		"not sorted":             func(e *Envelope) { e.Extensions = []Extension{{Name: "b"}, {Name: "a"}} },
		"empty partitionkey":     func(e *Envelope) { e.Extensions = []Extension{{Name: ExtPartitionKey}} },
		"recordedtime":           func(e *Envelope) { e.Extensions = []Extension{{Name: ExtRecordedTime, Value: "now"}} },
		"attribute x":            func(e *Envelope) { e.Extensions = []Extension{{Name: "x", Value: "1.5", Kind: Integer}} },
		"sampledrate":            func(e *Envelope) { e.Extensions = []Extension{{Name: "sampledrate", Value: "0", Kind: Integer}} },
	}
	for want, spoil := range cases {
		t.Run(want, func(t *testing.T) {
			e := sample()
			if err := e.Validate(); err != nil {
				t.Fatal(err)
			}
			spoil(e)
			err := e.Validate()
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want ErrInvalid with %q", err, want)
			}
		})
	}
}

func TestKindCheck(t *testing.T) {
	cases := []struct {
		kind Kind
		good []string
		bad  []string
	}{
		{String, []string{"", "é€😀", "\uFFFD", "\u00a0"}, []string{"\x7f", "\u0085", "\u009f", "\uFDD0", "\uFFFF", "\U0010FFFE", "\xff", "\xed\xa0\x80"}},
		{Boolean, []string{"true", "false"}, []string{"", "True", "FALSE", "0"}},
		{Integer, []string{"0", "-0", "2147483647", "-1"}, []string{"", "-", "01", "1.0", "1e3", " 1", "-2147483649", "0x1", "1_0"}},
		{Binary, []string{"", "AQID", "AQ=="}, []string{"AQ", "AQ\n==", "A_-A", "***"}},
		{URI, []string{"urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66", "http://[::1]:80/x?y=/?", "a+b.c-1:"},
			[]string{"", "/x", "https://example.com/x#f", "1a:b", ":x", "http://a b/", "http://h/%zz", "http://h:8x/", "http://[::1", "http://ü/"}},
		{URIReference, []string{"", "1-555-123-4567", "../a", "?q", "#f", "//host/path", "a/b:c", "%20"}, []string{"a b", "1:b", "%2", "<x>", "a#b#c", "\\", "x{y}"}},
		{Timestamp, []string{"2018-04-05t17:31:00z", "2018-04-05T17:31:00.123456789123+23:59", "1990-12-31T15:59:60-08:00", "2024-02-29T00:00:00-00:00"},
			[]string{"", "2018-04-05 17:31:00Z", "2018-04-05T17:31:00", "2018-4-5T17:31:00Z", "2023-02-29T00:00:00Z", "2018-04-05T24:00:00Z",
				"2018-04-05T17:31:60Z", "2018-04-05T17:31:00,5Z", "2018-04-05T17:31:00.Z", "2018-04-05T17:31:00+0100", "2018-04-05T17:31:00Zx", "2018-13-05T17:31:00Z"}},
	}
	for _, c := range cases {
		for _, s := range c.good {
			if err := c.kind.Check(s); err != nil {
				t.Errorf("%s %q: %v", c.kind, s, err)
			}
		}
		for _, s := range c.bad {
			if err := c.kind.Check(s); !errors.Is(err, ErrInvalid) {
				t.Errorf("%s %q: error %v, want ErrInvalid", c.kind, s, err)
			}
		}
	}
}

func TestParseTimeKeepsTheInstant(t *testing.T) {
	got, err := ParseTime("1990-12-31T15:59:60-08:00")
	if want := time.Date(1991, 1, 1, 0, 0, 0, 0, time.UTC); err != nil || !got.Equal(want) {
		t.Errorf("leap second: %v, %v; want %v", got, err, want)
	}
	got, err = ParseTime("2018-04-05T03:56:24.5+02:00")
	if s := string(AppendTime(nil, got)); err != nil || s != "2018-04-05T01:56:24.5Z" {
		t.Errorf("offset: %s, %v", s, err)
	}
}

func TestMediaType(t *testing.T) {
	for _, s := range []string{"text/plain", "text/plain;charset=utf-8", `multipart/x; a="b;\"c"; d=e`, "application/vnd.a+json ; v=1;"} {
		if !isMediaType(s) {
			t.Errorf("%q is refused", s)
		}
	}
	for _, s := range []string{"", "text", "/", "text/", "text/pla in", "text/plain;x", `text/plain;x="`, "text/plain;x=", "a/b/c"} {
		if isMediaType(s) {
			t.Errorf("%q is accepted", s)
		}
	}
}

func TestParseKafkaRefuses(t *testing.T) {
	base := AppendKafkaHeaders(nil, sample())
	cases := map[string]Header{
		"twice with different":   {"ce_id", []byte("another")},
		"time appears twice":     {"ce_time", []byte("2018-04-05T03:56:24Z")},
		"is not UTF-8":           {"ce_ext", []byte{0xff}},
		"other than a-z and 0-9": {"ce_my-ext", []byte("x")},
		"name is empty":          {"ce_", []byte("x")},
		"specversion":            {"ce_specversion", []byte("0.3")},
		"empty subject":          {"ce_subject", nil},
		"String must not hold":   {"ce_ext", []byte("a\u0085")},
	}
	for want, h := range cases {
		_, _, err := ParseKafka(append(slices.Clip(base), h), nil)
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want ErrInvalid with %q", h.Key, err, want)
		}
	}
	if _, _, err := ParseKafka(append(slices.Clip(base), base[1], Header{"other", []byte{0xff}}), nil); err != nil {
		t.Errorf("a repeated equal header and a foreign header: %v", err)
	}
}

func TestExtensionsAreBounded(t *testing.T) {
	headers := AppendKafkaHeaders(nil, sample())
	for i := range 2 * maxExtensions {
		headers = append(headers, Header{"ce_x" + strings.Repeat("y", i), []byte("v")})
	}
	if _, _, err := ParseKafka(headers, nil); !errors.Is(err, ErrInvalid) {
		t.Errorf("error %v, want ErrInvalid", err)
	}
}

func TestNATSNamesMatchInAnyCase(t *testing.T) {
	headers := []Header{{"Ce-Specversion", []byte("1.0")}, {"CE-ID", []byte(`"a \"b\""`)}, {"ce-Type", []byte("t")}, {"Ce-Source", []byte("/s")}}
	e, _, err := ParseNATS(headers, nil)
	if err != nil || e.ID != `a "b"` || e.DataContentType != "" {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestNATSWithoutHeadersIsStructured(t *testing.T) {
	text, err := EncodeJSON(sample(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if e, _, err := ParseNATS(nil, text); err != nil || !reflect.DeepEqual(&e, sample()) {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestPercentDecodeKeepsLonePercent(t *testing.T) {
	for in, want := range map[string]string{"100%": "100%", "%4": "%4", "%zz": "%zz", ` "a\"b\\c" `: `a"b\c`, `"open`: `"open`, `a"b"`: `a"b"`} {
		if got, err := PercentDecode(in); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestImpliedJSONIsStatedElsewhere(t *testing.T) {
	e, data, err := DecodeJSON([]byte(`{"specversion":"1.0","id":"1","source":"/s","type":"t","data":"text"}`))
	if err != nil || e.DataContentType != "" || string(data) != `"text"` {
		t.Fatalf("%+v %s %v", e, data, err)
	}
	headers := AppendKafkaHeaders(nil, &e)
	if contentType := string(find(headers, "content-type")); contentType != "application/json" {
		t.Errorf("content-type %q", contentType)
	}
	text, err := EncodeJSON(&e, data)
	if err != nil || !strings.Contains(string(text), `"data":"text"`) || strings.Contains(string(text), "datacontenttype") {
		t.Errorf("%s, %v", text, err)
	}
}

func TestDecodeJSONRefuses(t *testing.T) {
	base := `{"specversion":"1.0","id":"1","source":"/s","type":"t"`
	cases := map[string]string{
		"appears twice":    base + `,"id":"1"}`,
		"id is a Integer":  `{"specversion":"1.0","id":1,"source":"/s","type":"t"}`,
		"must not hold":    base + `,"subject":"\uDEAD"}`,
		"both data":        base + `,"data":1,"data_base64":""}`,
		"not a string":     base + `,"datacontenttype":"text/xml","data":{}}`,
		"not a JSON":       base + `} x`,
		"not UTF-8":        base + ",\"subject\":\"\xff\"}",
		"empty subject":    base + `,"subject":""}`,
		"attribute ext":    base + `,"ext":2147483648}`,
		"data appears":     base + `,"data":1,"data":2}`,
		"data_base64 is":   base + `,"data_base64":7}`,
		"attribute source": strings.Replace(base, "/s", "a b", 1) + `}`,
	}
	for want, text := range cases {
		_, _, err := DecodeJSON([]byte(text))
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want ErrInvalid with %q", text, err, want)
		}
	}
	for _, more := range []string{`,"subject":null}`, `,"ext":""}`, `,"subject":"\uD800\uDEAD\uFFFD"}`, `,"data_base64":null}`} {
		if _, _, err := DecodeJSON([]byte(base + more)); err != nil {
			t.Errorf("%s: %v", more, err)
		}
	}
}

func TestBatchRoundTrip(t *testing.T) {
	want := []Event{{*sample(), []byte{1, 2}}, {*sample(), nil}}
	text, err := EncodeJSONBatch(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeJSONBatch(text)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestPartitionKeyMapper(t *testing.T) {
	if key := PartitionKey(sample(), []byte("user")); string(key) != "student-1" {
		t.Errorf("key %q", key)
	}
	if key := PartitionKey(&Envelope{}, []byte("user")); string(key) != "user" {
		t.Errorf("key %q", key)
	}
}

func TestSDKAcceptsOurJSON(t *testing.T) {
	text, err := EncodeJSON(sample(), []byte{1})
	if err != nil {
		t.Fatal(err)
	}
	var e cloudevents.Event
	if err := e.UnmarshalJSON(text); err != nil {
		t.Fatal(err)
	}
	if err := e.Validate(); err != nil {
		t.Error(err)
	}
	if e.ID() != sample().ID || !e.Time().Equal(sample().Time) || e.Extensions()[ExtPartitionKey] != "student-1" || string(e.Data()) != "\x01" {
		t.Errorf("the SDK reads %s", e)
	}
}

func TestNewIDSorts(t *testing.T) {
	last := ""
	for range 1000 {
		id := NewID()
		if len(id) != 36 || id[14] != '7' || id <= last {
			t.Fatalf("%s after %s", id, last)
		}
		last = id
	}
}

func TestHeaderAllocations(t *testing.T) {
	e, dst := sample(), make([]Header, 0, 16)
	if n := testing.AllocsPerRun(100, func() { dst = AppendKafkaHeaders(dst[:0], e) }); n > 1 {
		t.Errorf("AppendKafkaHeaders: %v allocations", n)
	}
	var back Envelope
	if n := testing.AllocsPerRun(100, func() { _, _ = back.ParseKafka(dst, nil) }); n > arenaAllocations {
		t.Errorf("ParseKafka: %v allocations", n)
	}
}

func FuzzParse(f *testing.F) {
	for _, h := range AppendNATSHeaders(nil, sample()) {
		f.Add(h.Key, h.Value, []byte(nil))
	}
	text, _ := EncodeJSON(sample(), []byte("x"))
	f.Add("content-type", []byte("application/cloudevents+json"), text)
	f.Fuzz(func(t *testing.T, key string, value, data []byte) {
		for _, b := range []Binding{Kafka, NATS, HTTP} {
			headers := append(b.append(nil, sample()), Header{key, value})
			e, got, err := Parse(b, headers, data)
			if err != nil {
				continue
			}
			if _, _, err := Encode(b, ModeBinary, &e, got); err != nil {
				t.Errorf("an event that was accepted cannot be sent: %v", err)
			}
		}
	})
}

func BenchmarkAppendKafkaHeaders(b *testing.B) {
	e, dst := sample(), make([]Header, 0, 16)
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendKafkaHeaders(dst[:0], e)
	}
}

func BenchmarkAppendNATSHeaders(b *testing.B) {
	e, dst := sample(), make([]Header, 0, 16)
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendNATSHeaders(dst[:0], e)
	}
}

func BenchmarkParseKafka(b *testing.B) {
	headers := AppendKafkaHeaders(nil, sample())
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := ParseKafka(headers, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkValidate(b *testing.B) {
	e := sample()
	b.ReportAllocs()
	for b.Loop() {
		if err := e.Validate(); err != nil {
			b.Fatal(err)
		}
	}
}
