package schema

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	twmb "github.com/twmb/avro"

	"github.com/pulselearn/campus-hub/platform/avro"
)

// readVectors reads one file of cases from testdata.
func readVectors[T any](t testing.TB, file string) []T {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
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

type resolveVector struct {
	ID        string
	Writer    json.RawMessage
	WriterHex string `json:"writer_hex"`
	Reader    json.RawMessage
	Expect    struct {
		ReaderHex string `json:"reader_hex"`
		Error     bool
	}
}

func parse(t testing.TB, text string) *avro.Schema {
	t.Helper()
	s, err := avro.Parse("test.avsc", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func plan(t testing.TB, writer, reader string) *Plan {
	t.Helper()
	p, err := NewPlan(parse(t, writer), parse(t, reader))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// value decodes data with an implementation that is not ours.
func value(t testing.TB, schema string, data []byte) any {
	t.Helper()
	s, err := twmb.Parse(schema)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if rest, err := s.Decode(data, &v); err != nil || len(rest) > 0 {
		t.Fatalf("decode %x as %s: %v, %d bytes left", data, schema, err, len(rest))
	}
	return v
}

func TestResolveVectors(t *testing.T) {
	for _, v := range readVectors[resolveVector](t, "resolve_java.json") {
		t.Run(v.ID, func(t *testing.T) {
			p := plan(t, string(v.Writer), string(v.Reader))
			got, err := p.Append([]byte("before"), unhex(t, v.WriterHex))
			if v.Expect.Error {
				if !errors.Is(err, ErrIncompatible) {
					t.Errorf("%x, error %v; want ErrIncompatible", got, err)
				}
				return
			}
			if err != nil || !bytes.HasPrefix(got, []byte("before")) {
				t.Fatalf("%x, %v", got, err)
			}
			got = got[len("before"):]
			want := unhex(t, v.Expect.ReaderHex)
			if !bytes.Equal(got, want) && !reflect.DeepEqual(value(t, string(v.Reader), got), value(t, string(v.Reader), want)) {
				t.Errorf("%x, want %x", got, want)
			}
		})
	}
}

func TestResolveRules(t *testing.T) {
	cases := []struct {
		name           string
		writer, reader string
		in, out        string // hexadecimal; out "" means ErrIncompatible
	}{
		{"reordered fields with a default between and a skipped field",
			`{"type":"record","name":"r","fields":[{"name":"a","type":"string"},{"name":"x","type":{"type":"array","items":"int"}},{"name":"b","type":"int"}]}`,
			`{"type":"record","name":"r","fields":[{"name":"b","type":"long"},{"name":"d","type":"string","default":"é"},{"name":"a","type":"string"}]}`,
			"0261" + "020600" + "08", "08" + "04c3a9" + "0261"},
		{"nested reordering",
			`{"type":"record","name":"o","fields":[{"name":"i","type":{"type":"record","name":"i","fields":[{"name":"a","type":"int"},{"name":"b","type":"string"}]}},{"name":"z","type":"int"}]}`,
			`{"type":"record","name":"o","fields":[{"name":"z","type":"int"},{"name":"i","type":{"type":"record","name":"i","fields":[{"name":"b","type":"string"},{"name":"a","type":"int"}]}}]}`,
			"02" + "0261" + "04", "04" + "0261" + "02"},
		{"a record, an enum and a fixed known by aliases",
			`{"type":"record","name":"n.Old","fields":[{"name":"e","type":{"type":"enum","name":"E1","symbols":["A"]}},{"name":"f","type":{"type":"fixed","name":"F1","size":2}}]}`,
			`{"type":"record","name":"n.New","aliases":["Old"],"fields":[{"name":"e2","aliases":["e"],"type":{"type":"enum","name":"E2","aliases":["E1"],"symbols":["B","A"]}},{"name":"f","type":{"type":"fixed","name":"F2","aliases":["F1"],"size":2}}]}`,
			"00" + "0102", "02" + "0102"},
		{"an enum of another name", `{"type":"enum","name":"A","symbols":["X"]}`, `{"type":"enum","name":"B","symbols":["X"]}`, "00", ""},
		{"an enum of another namespace", `{"type":"enum","name":"n.A","symbols":["X"]}`, `{"type":"enum","name":"m.A","symbols":["X"]}`, "00", "00"},
		{"the same union but for namespaces", `["null",{"type":"enum","name":"n.A","symbols":["X"]}]`, `["null",{"type":"enum","name":"m.A","symbols":["X"]}]`, "0200", "0200"},
		{"another union with another namespace", `["int",{"type":"enum","name":"n.A","symbols":["X"]}]`, `["null",{"type":"enum","name":"m.A","symbols":["X"]}]`, "0200", ""},
		{"a fixed of another size", `{"type":"fixed","name":"A","size":1}`, `{"type":"fixed","name":"A","size":2}`, "00", ""},
		{"a union branch with the exact full name wins over an earlier match",
			`{"type":"record","name":"n.R","fields":[]}`,
			`["null",{"type":"record","name":"m.R","fields":[]},{"type":"record","name":"n.R","fields":[]}]`, "", "04"},
		{"bytes that are no text", `"bytes"`, `"string"`, "02ff", "!"},
		{"a symbol that the reader lacks", `{"type":"enum","name":"A","symbols":["X","Y"]}`, `{"type":"enum","name":"A","symbols":["X"]}`, "02", ""},
		{"a required field that is missing", `{"type":"record","name":"r","fields":[]}`, `{"type":"record","name":"r","fields":[{"name":"a","type":"int"}]}`, "", ""},
		{"defaults of every kind", `{"type":"record","name":"r","fields":[]}`,
			`{"type":"record","name":"r","fields":[
				{"name":"n","type":"null","default":null},{"name":"b","type":"boolean","default":true},{"name":"i","type":"int","default":-1},
				{"name":"f","type":"float","default":1.5},{"name":"y","type":"bytes","default":"\u00ff"},
				{"name":"e","type":{"type":"enum","name":"E","symbols":["P","Q"]},"default":"Q"},
				{"name":"x","type":{"type":"fixed","name":"X","size":3},"default":"ab"},
				{"name":"m","type":{"type":"map","values":"int"},"default":{"k":2}},
				{"name":"a","type":{"type":"array","items":"string"},"default":["s"]},
				{"name":"u","type":["null","string"],"default":"t"}]}`,
			"", "" + "01" + "01" + "0000c03f" + "02ff" + "02" + "616200" + "02026b0400" + "02027300" + "020274"},
		{"recursion", recursive("int"), recursive("long"), "02" + "02" + "04" + "00", "02" + "02" + "04" + "00"},
		{"a block with its size", `{"type":"array","items":"int"}`, `{"type":"array","items":"long"}`, "03" + "04" + "0204" + "00", "04" + "0204" + "00"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := plan(t, c.writer, c.reader).Append(nil, unhex(t, c.in))
			switch c.out {
			case "":
				if !errors.Is(err, ErrIncompatible) {
					t.Errorf("error %v, want ErrIncompatible", err)
				}
			case "!":
				if !errors.Is(err, ErrMalformed) {
					t.Errorf("error %v, want ErrMalformed", err)
				}
			default:
				if hex.EncodeToString(got) != c.out || err != nil {
					t.Errorf("%x, %v; want %s", got, err, c.out)
				}
			}
		})
	}
}

// recursive is a list whose values have that type.
func recursive(typ string) string {
	return `{"type":"record","name":"L","fields":[{"name":"v","type":"` + typ + `"},{"name":"next","type":["null","L"]}]}`
}

func TestAliasesThatCollide(t *testing.T) {
	writer := parse(t, `{"type":"record","name":"r","fields":[{"name":"a","type":"int"},{"name":"b","type":"int"}]}`)
	reader := parse(t, `{"type":"record","name":"r","fields":[{"name":"a","type":"int","aliases":["b"]}]}`)
	if _, err := NewPlan(writer, reader); !errors.Is(err, ErrIncompatible) {
		t.Errorf("error %v, want ErrIncompatible", err)
	}
}
