package avrojson_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/platform/avro/avrojson"
)

func schema(t testing.TB, text string) *avro.Schema {
	t.Helper()
	s, err := avro.Parse("test.avsc", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const everything = `{"type":"record","name":"E","namespace":"t","fields":[
	{"name":"b","type":"boolean"},{"name":"i","type":"int"},{"name":"l","type":"long"},
	{"name":"f","type":"float"},{"name":"d","type":"double"},{"name":"raw","type":"bytes"},{"name":"s","type":"string"},
	{"name":"opt","type":["null","string"],"default":null},
	{"name":"pick","type":["null","string",{"type":"record","name":"P","fields":[{"name":"n","type":"int"}]}]},
	{"name":"list","type":{"type":"array","items":"int"}},{"name":"map","type":{"type":"map","values":"long"}},
	{"name":"kind","type":{"type":"enum","name":"K","symbols":["A","B"]}},
	{"name":"day","type":{"type":"int","logicalType":"date"}},
	{"name":"clock","type":{"type":"int","logicalType":"time-millis"}},
	{"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}},
	{"name":"local","type":{"type":"long","logicalType":"local-timestamp-millis"}},
	{"name":"nanos","type":{"type":"long","logicalType":"timestamp-nanos"}},
	{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":8,"scale":2}},
	{"name":"cost","type":{"type":"fixed","name":"C","size":4,"logicalType":"decimal","precision":8,"scale":2}},
	{"name":"four","type":{"type":"fixed","name":"F","size":4}},
	{"name":"id","type":{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}},
	{"name":"span","type":{"type":"fixed","name":"D","size":12,"logicalType":"duration"}},
	{"name":"email","type":["null","string"],"default":null,"pl":{"pii":"email"}}]}`

const everythingJSON = `{"b":true,"i":-7,"l":9007199254740993,"f":1.5,"d":"NaN","raw":"AP8=","s":"zoë","opt":"x",` +
	`"pick":{"t.P":{"n":3}},"list":[1,2],"map":{"k":5},"kind":"B","day":"2026-11-23","clock":"08:30:00.25",` +
	`"at":"2026-11-23T16:00:00.000001Z","local":"2026-11-23T16:00:00","nanos":"1969-12-31T23:59:59.999999999Z",` +
	`"price":"-12.50","cost":"0.07","four":"AQIDBA==",` +
	`"id":"0190163d-8694-739b-aea5-966c26f8ad91","span":{"days":2,"millis":3,"months":1},"email":"ada@example.org"}`

func TestEverythingThereAndBack(t *testing.T) {
	s := schema(t, everything)
	datum, err := avrojson.Parse(nil, s, []byte(everythingJSON))
	if err != nil {
		t.Fatal(err)
	}
	got, err := avrojson.Append(nil, s, datum, true)
	if err != nil || string(got) != everythingJSON {
		t.Errorf("%v\ngot  %s\nwant %s", err, got, everythingJSON)
	}
}

func TestPersonalDataIsMasked(t *testing.T) {
	s := schema(t, everything)
	datum, err := avrojson.Parse(nil, s, []byte(everythingJSON))
	if err != nil {
		t.Fatal(err)
	}
	got, err := avrojson.Append(nil, s, datum, false)
	if err != nil || strings.Contains(string(got), "ada@") || !strings.Contains(string(got), `"email":"[personal data]"`) {
		t.Fatalf("%v: %s", err, got)
	}
	if _, err := avrojson.Parse(nil, s, got); err == nil || !strings.Contains(err.Error(), "email") {
		t.Errorf("a masked value was taken for the value: %v", err)
	}
	without := strings.Replace(everythingJSON, `"ada@example.org"`, "null", 1)
	if datum, err = avrojson.Parse(nil, s, []byte(without)); err != nil {
		t.Fatal(err)
	}
	if got, _ = avrojson.Append(nil, s, datum, false); !strings.Contains(string(got), `"email":null`) {
		t.Errorf("null hides nothing and need not be masked: %s", got)
	}
}

func TestParseRefuses(t *testing.T) {
	const record = `{"type":"record","name":"R","fields":[{"name":"n","type":"int"},{"name":"s","type":"string","default":"d"}]}`
	for name, c := range map[string]struct{ schema, text, want string }{
		"missing field":   {record, `{}`, "field n: the field is missing and has no default"},
		"unknown field":   {record, `{"m":2}`, "field m: R has no such field"},
		"out of range":    {record, `{"n":2147483648}`, "field n: the value is not a whole number of 32 bits"},
		"fraction":        {record, `{"n":1.5}`, "whole number"},
		"wrong type":      {record, `{"n":1,"s":5}`, "field s: the value does not fit the type string"},
		"not an object":   {record, `[]`, "not an object"},
		"two values":      {record, `{"n":1} {}`, "more than one value"},
		"no JSON":         {record, `{`, "unexpected EOF"},
		"symbol":          {`{"type":"enum","name":"E","symbols":["A"]}`, `"B"`, "E has no such symbol"},
		"branch":          {`["int","string"]`, `{"long":1}`, "no such branch"},
		"bare branch":     {`["int","string"]`, `1`, "the branch's name"},
		"null for string": {`"string"`, `null`, "does not fit the type string"},
		"decimal digits":  {`{"type":"bytes","logicalType":"decimal","precision":3,"scale":1}`, `"1234.5"`, "precision"},
		"fixed size":      {`{"type":"fixed","name":"F","size":2}`, `"AQ=="`, "the value has 1 bytes, and F has 2"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := avrojson.Parse(nil, schema(t, c.schema), []byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestDefaultsFillGaps(t *testing.T) {
	s := schema(t, `{"type":"record","name":"R","fields":[
		{"name":"u","type":["string","int"],"default":"x"},{"name":"raw","type":"bytes","default":"\u00ff"},
		{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"},"default":0}]}`)
	datum, err := avrojson.Parse(nil, s, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"u":{"string":"x"},"raw":"/w==","at":"1970-01-01T00:00:00Z"}`
	if got, err := avrojson.Append(nil, s, datum, true); err != nil || string(got) != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
}

// TestMuseum takes every recorded event of the contracts to JSON and back.
func TestMuseum(t *testing.T) {
	files, err := filepath.Glob("../../../contracts/museum/*/*.avsc")
	if err != nil || len(files) == 0 {
		t.Fatalf("no museum: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s := schema(t, string(text))
		samples, err := os.ReadFile(strings.TrimSuffix(file, ".avsc") + ".hex")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(samples)) {
			name, digits, _ := strings.Cut(strings.TrimSpace(line), " ")
			datum, err := hex.DecodeString(digits)
			if err != nil {
				t.Fatal(err)
			}
			thereAndBack(t, filepath.Base(filepath.Dir(file))+" "+name, s, datum)
		}
	}
}

func thereAndBack(t *testing.T, name string, s *avro.Schema, datum []byte) {
	t.Helper()
	text, err := avrojson.Append(nil, s, datum, true)
	if err != nil || !json.Valid(text) {
		t.Errorf("%s: %v, %s", name, err, text)
		return
	}
	back, err := avrojson.Parse(nil, s, text)
	if err != nil {
		t.Errorf("%s: %v, %s", name, err, text)
		return
	}
	again, err := avrojson.Append(nil, s, back, true)
	if err != nil || !bytes.Equal(text, again) {
		t.Errorf("%s: %v\nfirst %s\nthen  %s", name, err, text, again)
	}
}

// TestHostileData checks that any bytes are refused or shown, within bounds.
func TestHostileData(t *testing.T) {
	s := schema(t, everything)
	valid, err := avrojson.Parse(nil, s, []byte(everythingJSON))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		data := bytes.Clone(valid)
		for range rapid.IntRange(0, 4).Draw(t, "changes") {
			data[rapid.IntRange(0, len(data)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		}
		data = data[:rapid.IntRange(0, len(data)).Draw(t, "length")]
		text, err := avrojson.Append(nil, s, data, true)
		if err == nil && !json.Valid(text) {
			t.Fatalf("not JSON: %s", text)
		}
	})
}

// TestEmptyRecordsAreBounded refuses a message that is small and would be
// large when shown.
func TestEmptyRecordsAreBounded(t *testing.T) {
	var fields strings.Builder
	for i := range 200 {
		if i > 0 {
			fields.WriteString(",")
		}
		fields.WriteString(`{"name":"a_rather_long_name_` + string(rune('a'+i%26)) + strings.Repeat("x", i/26+1) + `","type":"null"}`)
	}
	s := schema(t, `{"type":"array","items":{"type":"record","name":"R","fields":[`+fields.String()+`]}}`)
	data := []byte{0x80, 0x80, 0x08, 0} // 65,536 items
	if _, err := avrojson.Append(nil, s, data, true); err == nil {
		t.Error("hundreds of megabytes were shown")
	}
}

// TestTextIsWrittenAsJSON: most texts take a path of their own.
func TestTextIsWrittenAsJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringMatching(`[ -~]{0,20}`), rapid.String(), rapid.StringOf(rapid.RuneFrom([]rune("<&>\"\\\u2028\x00\x7f\ufffd")))).Draw(t, "text")
		want, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := avrojson.AppendText([]byte("x"), text); string(got) != "x"+string(want) {
			t.Fatalf("wrote %q, want %q", got, want)
		}
	})
}
