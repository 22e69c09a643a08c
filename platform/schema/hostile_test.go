package schema

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	emptyRecords = `{"type":"array","items":{"type":"record","name":"r","fields":[]}}`
	filled       = `{"type":"array","items":{"type":"record","name":"r","fields":[{"name":"s","type":"string","default":"` // and so on
	swapWriter   = `{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]},{"name":"v","type":"int"}]}`
	swapReader   = `{"type":"record","name":"L","fields":[{"name":"v","type":"long"},{"name":"next","type":["null","L"]}]}`
)

func TestHostileMessagesAreRefusedCheaply(t *testing.T) {
	long := func(v ...int64) (b []byte) {
		for _, n := range v {
			b = binary.AppendVarint(b, n)
		}
		return b
	}
	cases := []struct {
		name           string
		writer, reader string
		data           []byte
		reason         string // part of the error
	}{
		{"billion items", `{"type":"array","items":"int"}`, `{"type":"array","items":"long"}`, long(1e9, 1, 2), "has bytes for"},
		{"billion items that take no bytes", `{"type":"array","items":"null"}`, `{"type":"array","items":"null"}`, long(1e9), "take no bytes"},
		{"billion empty records with defaults", emptyRecords, filled + strings.Repeat("x", 100) + `"}]}}`, long(1e9), "take no bytes"},
		{"empty items in many blocks", `{"type":"array","items":"null"}`, `{"type":"array","items":"null"}`, append(bytes.Repeat(long(4000), 10), 0), "take no bytes"},
		{"large defaults for many items", emptyRecords, filled + strings.Repeat("x", 1<<16) + `"}]}}`, long(4096, 0), "too large"},
		{"billion map entries", `{"type":"map","values":"int"}`, `{"type":"map","values":"long"}`, long(1e9, 1), ""},
		{"least count", `{"type":"array","items":"int"}`, `{"type":"array","items":"long"}`, long(math.MinInt64, 1, 1), ""},
		{"block size beyond the message", `{"type":"array","items":"int"}`, `{"type":"array","items":"long"}`, long(-1, 1e9, 1, 0), ""},
		{"negative block size", `{"type":"array","items":"int"}`, `{"type":"array","items":"long"}`, long(-1, -5, 1, 0), ""},
		{"wrong block size", `{"type":"array","items":"int"}`, `{"type":"array","items":"long"}`, long(-1, 2, 1, 0), ""},
		{"string of a gigabyte", `"string"`, `"bytes"`, append(long(1<<30), 'x'), ""},
		{"negative length", `"bytes"`, `"string"`, long(-1), ""},
		{"string that is not UTF-8", `"string"`, `"bytes"`, append(long(2), 0xc0, 0xa0), ""},
		{"skipped string that is not UTF-8", `{"type":"record","name":"r","fields":[{"name":"s","type":"string"}]}`, `{"type":"record","name":"r","fields":[]}`, append(long(1), 0xff), ""},
		{"key that is not UTF-8", `{"type":"map","values":"int"}`, `{"type":"map","values":"long"}`, append(long(1, 1), 0xff, 0, 0), ""},
		{"endless number", `"int"`, `"long"`, bytes.Repeat([]byte{0xff}, 64), ""},
		{"number beyond an int", `"int"`, `"long"`, long(1 << 31), ""},
		{"number beyond an int, to a double", `"int"`, `"double"`, long(1 << 40), ""},
		{"boolean 2", `"boolean"`, `["boolean"]`, []byte{2}, ""},
		{"truncated double", `"double"`, `["double"]`, []byte{1, 2, 3}, ""},
		{"truncated float", `"float"`, `"double"`, []byte{1, 2, 3}, ""},
		{"nothing", `"int"`, `"long"`, nil, ""},
		{"branch out of range", `["int"]`, `"long"`, long(1), ""},
		{"negative branch", `["int"]`, `"long"`, long(-1), ""},
		{"symbol out of range", `{"type":"enum","name":"e","symbols":["a"]}`, `["null",{"type":"enum","name":"e","symbols":["a"]}]`, long(1), ""},
		{"trailing bytes", `"int"`, `"long"`, long(1, 1), ""},
		{"depth bomb", recursive("int"), recursive("long"), bytes.Repeat(long(1, 1), 1<<19), ""},
		{"depth bomb with reordering", swapWriter, swapReader, bytes.Repeat(long(1), 1<<19), "records deep"},
		{"much to move", strings.Replace(swapWriter, `"int"`, `"string"`, 1), strings.Replace(swapReader, `"long"`, `"string"`, 1),
			slices.Concat(bytes.Repeat(long(1), 200), long(0, 1<<20), make([]byte, 1<<20), make([]byte, 200)), "put into order"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := plan(t, c.writer, c.reader)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			got, err := p.Append(nil, c.data)
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			if !errors.Is(err, ErrMalformed) || len(got) > 0 || !strings.Contains(err.Error(), c.reason) {
				t.Errorf("%d bytes, error %v; want ErrMalformed with %q", len(got), err, c.reason)
			}
			if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 128*uint64(len(c.data))+1<<20 {
				t.Errorf("allocated %d bytes for a message of %d", bytes, len(c.data))
			}
			if took > 500*time.Millisecond {
				t.Errorf("took %s", took)
			}
		})
	}
}

// TestHostileCountsCostNothing asserts that refusing a lie about a count does
// not even allocate for the items.
func TestHostileCountsCostNothing(t *testing.T) {
	p := plan(t, `{"type":"array","items":"int"}`, `{"type":"array","items":"long"}`)
	data := append(binary.AppendVarint(nil, 1e9), 2, 4)
	if n := testing.AllocsPerRun(100, func() { _, _ = p.Append(nil, data) }); n > 4 {
		t.Errorf("%v allocations", n)
	}
}

func TestDeepButHonest(t *testing.T) {
	data := append(bytes.Repeat([]byte{2}, maxDepth-1), 0)
	data = append(data, bytes.Repeat([]byte{8}, maxDepth)...)
	got, err := plan(t, swapWriter, swapReader).Append(nil, data)
	want := append(bytes.Repeat([]byte{8, 2}, maxDepth-1), 8, 0)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%x, %v; want %x", got, err, want)
	}
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	cases := []struct {
		p    *Plan
		data []byte
	}{
		{plan(t, recursive("int"), recursive("double")), []byte{2, 2, 4, 0}},
		{plan(t, swapWriter, swapReader), []byte{2, 0, 6, 8}},
	}
	for _, c := range cases {
		// A run of its own: the race detector makes pools forget.
		r := run{out: make([]byte, 0, 256), limit: 256}
		n := testing.AllocsPerRun(100, func() {
			r.in, r.out = c.data, r.out[:0]
			if err := r.exec(c.p.root); err != nil || len(r.in) > 0 {
				t.Fatal(err, r.in)
			}
		})
		if n > 0 {
			t.Errorf("%v allocations", n)
		}
	}
}

// everything is a pair of schemas that reaches every kind of node.
const (
	everythingWriter = `{"type":"record","name":"R","fields":[
		{"name":"gone","type":{"type":"map","values":["null","R"]}},
		{"name":"u","type":["null","int","string",{"type":"array","items":"float"}]},
		{"name":"e","type":{"type":"enum","name":"E","symbols":["A","B","C"]}},
		{"name":"f","type":{"type":"fixed","name":"F","size":2}},
		{"name":"b","type":"boolean"},{"name":"l","type":"long"},{"name":"d","type":"float"},
		{"name":"kids","type":{"type":"array","items":"R"}}]}`
	everythingReader = `{"type":"record","name":"R","fields":[
		{"name":"kids","type":{"type":"array","items":"R"}},
		{"name":"new","type":{"type":"array","items":"string"},"default":["x","y"]},
		{"name":"d","type":"double"},{"name":"l","type":"float"},{"name":"b","type":["boolean"]},
		{"name":"f","type":{"type":"fixed","name":"F","size":2}},
		{"name":"e","type":{"type":"enum","name":"E","symbols":["B","A"],"default":"B"}},
		{"name":"u","type":["bytes",{"type":"array","items":"double"},"double","null"]}]}`
)

// everythingHex is a datum of everythingWriter.
const everythingHex = "00" + "02f401" + "02" + "0102" + "01" + "8080808010" + "0000803f" + "00"

// FuzzAppend feeds bytes to a plan: it must refuse them, or give a datum that
// is valid for the reader, which another plan proves by reading it.
func FuzzAppend(f *testing.F) {
	p, again := plan(f, everythingWriter, everythingReader), plan(f, everythingReader, everythingReader)
	f.Add([]byte{0, 0, 0, 1, 2, 1, 4, 0, 0, 0x80, 0x3f, 0})
	f.Add([]byte{2, 2, 'k', 0, 0, 2, 4, 4, 1, 2, 0, 9, 0, 0, 0x80, 0x3f, 0})
	f.Add([]byte{1, 2, 0, 6, 2, 0, 0, 0x80, 0x3f, 0, 2, 1, 2, 0, 9, 0, 0, 0x80, 0x3f, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := p.Append(nil, data)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("error %v, want ErrMalformed", err)
			}
			return
		}
		if copied, err := again.Append(nil, got); err != nil || !bytes.Equal(copied, got) {
			t.Errorf("%x gives %x, which reads as %x: %v", data, got, copied, err)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	data := unhex(b, everythingHex)
	for name, reader := range map[string]string{"reordered": everythingReader, "same": everythingWriter} {
		b.Run(name, func(b *testing.B) {
			p, dst := plan(b, everythingWriter, reader), make([]byte, 0, 1024)
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if dst, err = p.Append(dst[:0], data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
