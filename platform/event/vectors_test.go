package event

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// vectorExpect is what a case promises, or an error.
type vectorExpect struct {
	Error      string
	Mode       string
	Attributes map[string]any
	DataJSON   json.RawMessage `json:"data_json"`
	DataUTF8   *string         `json:"data_utf8"`
	DataHex    *string         `json:"data_hex"`
	Count      *int
}

type vectorMessage struct {
	ID       string
	Name     string
	Headers  [][2]*string
	Value    *string `json:"value_utf8"`
	ValueHex *string `json:"value_hex"`
	Text     string
	Expect   vectorExpect
}

// vectors reads the cases of one file of testdata/cloudevents.
func vectors[T any](t *testing.T, file string) []T {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "cloudevents", file))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Count int
		Cases []T
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Cases) == 0 || len(doc.Cases) != doc.Count {
		t.Fatalf("%s: %d cases, want %d and more than none", file, len(doc.Cases), doc.Count)
	}
	return doc.Cases
}

func (v *vectorMessage) headers() (headers []Header) {
	for _, h := range v.Headers {
		header := Header{Key: *h[0]}
		if h[1] != nil {
			header.Value = []byte(*h[1])
		}
		headers = append(headers, header)
	}
	return headers
}

func (v *vectorMessage) value(t *testing.T) []byte {
	switch {
	case v.ValueHex != nil:
		return unhexString(t, *v.ValueHex)
	case v.Value != nil:
		return []byte(*v.Value)
	}
	return nil
}

func unhexString(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBindingVectors(t *testing.T) {
	for file, binding := range map[string]Binding{"kafka.json": Kafka, "nats.json": NATS, "http.json": HTTP} {
		for _, v := range vectors[vectorMessage](t, file) {
			t.Run(v.ID, func(t *testing.T) {
				if v.Expect.Mode != "" {
					contentType := string(find(v.headers(), "content-type"))
					if got := modeNames[binding.ModeOf(contentType)]; got != v.Expect.Mode {
						t.Errorf("mode %s, want %s", got, v.Expect.Mode)
					}
				}
				if v.Expect.Count != nil {
					checkBatch(t, &v)
					return
				}
				e, data, err := Parse(binding, v.headers(), v.value(t))
				v.Expect.check(t, &e, data, err)
			})
		}
	}
}

func checkBatch(t *testing.T, v *vectorMessage) {
	events, err := DecodeJSONBatch(v.value(t))
	if err != nil || len(events) != *v.Expect.Count {
		t.Errorf("%d events, error %v; want %d", len(events), err, *v.Expect.Count)
	}
	if _, _, err := ParseHTTP(v.headers(), v.value(t)); err == nil {
		t.Error("a batch was read as one event")
	}
}

func TestJSONVectors(t *testing.T) {
	for _, v := range vectors[vectorMessage](t, "json.json") {
		t.Run(v.ID, func(t *testing.T) {
			e, data, err := DecodeJSON([]byte(v.Text))
			v.Expect.check(t, &e, data, err)
			if err != nil {
				return
			}
			text, err := EncodeJSON(&e, data)
			if err != nil {
				t.Fatal(err)
			}
			again, dataAgain, err := DecodeJSON(text)
			if err != nil || !bytes.Equal(data, dataAgain) || !reflect.DeepEqual(e, again) {
				t.Errorf("round trip: %+v, %v; want %+v", again, err, e)
			}
		})
	}
}

var modeNames = map[Mode]string{ModeBinary: "binary", ModeStructured: "structured", ModeBatched: "batched"}

func (x *vectorExpect) check(t *testing.T, e *Envelope, data []byte, err error) {
	t.Helper()
	if x.Error != "" {
		if err == nil {
			t.Fatalf("no error, want %s", x.Error)
		}
		t.Log(err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := attributes(e); !reflect.DeepEqual(got, x.Attributes) {
		t.Errorf("attributes %v, want %v", got, x.Attributes)
	}
	x.checkData(t, data)
}

func (x *vectorExpect) checkData(t *testing.T, data []byte) {
	t.Helper()
	switch {
	case x.DataUTF8 != nil:
		if string(data) != *x.DataUTF8 {
			t.Errorf("data %q, want %q", data, *x.DataUTF8)
		}
	case x.DataHex != nil:
		if hex.EncodeToString(data) != *x.DataHex {
			t.Errorf("data %x, want %s", data, *x.DataHex)
		}
	case x.DataJSON != nil:
		var got, want any
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatal(err)
		}
		_ = json.Unmarshal(x.DataJSON, &want)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("data %v, want %v", got, want)
		}
	case data != nil:
		t.Errorf("data %q, want none", data)
	}
}

// attributes returns the envelope as the vectors write it.
func attributes(e *Envelope) map[string]any {
	m := map[string]any{"specversion": SpecVersion, "id": e.ID, "source": e.Source, "type": e.Type}
	for name, value := range map[string]string{"subject": e.Subject, "datacontenttype": e.DataContentType, "dataschema": e.DataSchema} {
		if value != "" {
			m[name] = value
		}
	}
	if !e.Time.IsZero() {
		m["time"] = string(AppendTime(nil, e.Time))
	}
	for _, x := range e.Extensions {
		m[x.Name] = x.Value
		switch x.Kind {
		case Integer:
			n, _ := strconv.ParseFloat(x.Value, 64)
			m[x.Name] = n
		case Boolean:
			m[x.Name] = x.Value == "true"
		}
	}
	return m
}

func TestModeVectors(t *testing.T) {
	type vector struct {
		ID          string
		Binding     string
		ContentType string `json:"content_type"`
		Expect      string
	}
	bindings := map[string]Binding{"kafka": Kafka, "nats": NATS, "http": HTTP}
	for _, v := range vectors[vector](t, "mode.json") {
		if got := modeNames[bindings[v.Binding].ModeOf(v.ContentType)]; got != v.Expect {
			t.Errorf("%s: %s, want %s", v.ID, got, v.Expect)
		}
	}
}

func TestPercentVectors(t *testing.T) {
	type vector struct {
		ID, Plain, Encoded string
		DecodeOnly         bool `json:"decode_only"`
		Expect             vectorExpect
	}
	for _, v := range vectors[vector](t, "percent.json") {
		plain, err := PercentDecode(v.Encoded)
		if (err != nil) != (v.Expect.Error != "") || plain != v.Plain {
			t.Errorf("%s: decoded %q, error %v; want %q", v.ID, plain, err, v.Plain)
		}
		if err == nil && !v.DecodeOnly && PercentEncode(v.Plain) != v.Encoded {
			t.Errorf("%s: encoded %q, want %q", v.ID, PercentEncode(v.Plain), v.Encoded)
		}
	}
}

func TestAttributeVectors(t *testing.T) {
	type vector struct {
		ID            string
		AttributeName *string `json:"attribute_name"`
		Type, String  string
		Valid         bool
	}
	kinds := map[string]Kind{}
	for k := String; k <= Timestamp; k++ {
		kinds[k.String()] = k
	}
	for _, v := range vectors[vector](t, "attributes.json") {
		var err error
		if v.AttributeName != nil {
			err = CheckName(*v.AttributeName)
		} else {
			kind, ok := kinds[v.Type]
			if !ok {
				t.Fatalf("%s: type %q", v.ID, v.Type)
			}
			err = kind.Check(v.String)
		}
		if (err == nil) != v.Valid {
			t.Errorf("%s: error %v, want valid %t", v.ID, err, v.Valid)
		}
	}
}

type produceVector struct {
	ID    string
	Input struct {
		Event   json.RawMessage
		UserKey *string `json:"user_key"`
		Mode    string
		Binding string
	}
	Expect struct {
		Error             string
		RecordKey         *string     `json:"record_key"`
		HeadersInclude    [][2]string `json:"headers_include"`
		HeadersExclude    []string    `json:"headers_exclude"`
		ContentTypePrefix string      `json:"content_type_prefix"`
	}
}

func TestProduceVectors(t *testing.T) {
	for _, v := range vectors[produceVector](t, "produce.json") {
		t.Run(v.ID, func(t *testing.T) {
			headers, key, err := v.produce()
			if v.Expect.Error != "" {
				if err == nil {
					t.Fatalf("produced %v, want error %s", headers, v.Expect.Error)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			v.check(t, headers, key)
		})
	}
}

// produce sends the case's event. An event that cannot be represented as an
// Envelope is refused where it is made from its JSON form; the reserved member
// data is an attribute here, as the case means it.
func (v *produceVector) produce() (headers []Header, key []byte, err error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(v.Input.Event, &members); err != nil {
		return nil, nil, err
	}
	for name := range members {
		if err := CheckName(name); err != nil {
			return nil, nil, err
		}
	}
	e, data, err := DecodeJSON(v.Input.Event)
	if err != nil {
		return nil, nil, err
	}
	binding, mode := Kafka, ModeBinary
	if v.Input.Binding == "nats" {
		binding = NATS
	}
	if v.Input.Mode == "structured" {
		mode = ModeStructured
	}
	headers, _, err = Encode(binding, mode, &e, data)
	if v.Input.UserKey != nil {
		key = UserKey(&e, []byte(*v.Input.UserKey))
	}
	return headers, key, err
}

func (v *produceVector) check(t *testing.T, headers []Header, key []byte) {
	got := map[string]string{}
	for _, h := range headers {
		got[h.Key] = string(h.Value)
	}
	if v.Expect.RecordKey != nil && string(key) != *v.Expect.RecordKey {
		t.Errorf("key %q, want %q", key, *v.Expect.RecordKey)
	}
	for _, want := range v.Expect.HeadersInclude {
		if got[want[0]] != want[1] {
			t.Errorf("header %s is %q, want %q", want[0], got[want[0]], want[1])
		}
	}
	for _, name := range v.Expect.HeadersExclude {
		if _, ok := got[name]; ok {
			t.Errorf("header %s is present", name)
		}
	}
	if !strings.HasPrefix(got["content-type"], v.Expect.ContentTypePrefix) {
		t.Errorf("content-type %q, want prefix %q", got["content-type"], v.Expect.ContentTypePrefix)
	}
}
