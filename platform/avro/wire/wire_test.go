package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/big"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/avro/wire"
	"pgregory.net/rapid"
)

func TestLong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Int64().Draw(t, "v") >> rapid.IntRange(0, 63).Draw(t, "shift")
		room := rapid.IntRange(0, 12).Draw(t, "room")
		got := wire.AppendLong(make([]byte, 0, room), v)
		if want := binary.AppendVarint(nil, v); !bytes.Equal(got, want) {
			t.Fatalf("AppendLong(%d) = %x, want %x", v, got, want)
		}
		tail := rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "tail")
		r := wire.NewDecoder(append(got, tail...))
		if back := r.Long("f"); back != v {
			t.Fatalf("Long(%x) = %d, want %d", got, back, v)
		}
		for range tail {
			r.Fixed("f", make([]byte, 1))
		}
		if err := r.Finish("t"); err != nil {
			t.Fatal(err)
		}
	})
}

func TestString(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text") + strings.Repeat("x", rapid.IntRange(0, 90).Draw(t, "more"))
		room := rapid.IntRange(0, 200).Draw(t, "room")
		var w wire.Encoder
		b := w.String(append(make([]byte, 0, room), 7), "f", text)
		if err := w.Finish("t"); err != nil {
			t.Fatal(err)
		}
		if want := append(binary.AppendVarint([]byte{7}, int64(len(text))), text...); !bytes.Equal(b, want) {
			t.Fatalf("String(%q) = %x, want %x", text, b, want)
		}
		r := wire.NewDecoder(b[1:])
		if back := r.String("f"); back != text {
			t.Fatalf("read %q, want %q", back, text)
		}
	})
}

// TestStringsShareWindow checks that the texts of a message share memory,
// though not all of it: a small text keeps no large message alive.
func TestStringsShareWindow(t *testing.T) {
	var w wire.Encoder
	var b []byte
	for range 1000 {
		b = w.String(b, "f", "0123456789")
	}
	allocs := testing.AllocsPerRun(10, func() {
		r := wire.NewDecoder(b)
		for range 1000 {
			r.String("f")
		}
	})
	if allocs > 4 {
		t.Errorf("%v allocations for 11,000 bytes in 1,000 texts, want at most 4", allocs)
	}
}

func TestEncoderFaults(t *testing.T) {
	rat := func(s string) *big.Rat { r, _ := new(big.Rat).SetString(s); return r }
	for name, f := range map[string]func(w *wire.Encoder){
		"short text that is not UTF-8": func(w *wire.Encoder) { w.String(make([]byte, 0, 99), "f", "a\xffb") },
		"long text that is not UTF-8":  func(w *wire.Encoder) { w.String(nil, "f", strings.Repeat("a", 100)+"\xff") },
		"no UUID":                      func(w *wire.Encoder) { w.UUID(nil, "f", "") },
		"UUID without hex":             func(w *wire.Encoder) { w.UUID(nil, "f", "0192f0c1-7a3e-7c55-9d2b-4f8e1a6b3c7g") },
		"UUID without dashes":          func(w *wire.Encoder) { w.UUID(nil, "f", "0192f0c1x7a3e-7c55-9d2b-4f8e1a6b3c70") },
		"far date":                     func(w *wire.Encoder) { w.Date(nil, "f", time.Date(6_000_000, 1, 1, 0, 0, 0, 0, time.UTC)) },
		"time before midnight":         func(w *wire.Encoder) { w.TimeMillis(nil, "f", -1) },
		"time after midnight":          func(w *wire.Encoder) { w.TimeMicros(nil, "f", 24*time.Hour) },
		"zero time in nanoseconds":     func(w *wire.Encoder) { w.TimestampNanos(nil, "f", time.Time{}) },
		"far time in nanoseconds":      func(w *wire.Encoder) { w.TimestampNanos(nil, "f", time.Date(2263, 1, 1, 0, 0, 0, 0, time.UTC)) },
		"far time in microseconds":     func(w *wire.Encoder) { w.TimestampMicros(nil, "f", time.Unix(1<<44, 0)) },
		"nil decimal":                  func(w *wire.Encoder) { w.Decimal(nil, "f", nil, 4, 2) },
		"decimal of too many digits":   func(w *wire.Encoder) { w.Decimal(nil, "f", rat("100.00"), 4, 2) },
		"decimal finer than its scale": func(w *wire.Encoder) { w.Decimal(nil, "f", rat("0.005"), 4, 2) },
		"third":                        func(w *wire.Encoder) { w.Decimal(nil, "f", rat("1/3"), 4, 2) },
		"decimal too wide for fixed":   func(w *wire.Encoder) { w.DecimalFixed(nil, "f", rat("128"), 4, 0, 1) },
		"unknown symbol":               func(w *wire.Encoder) { wire.AppendSymbol(w, nil, "f", []string{"A"}, "") },
		"empty items":                  func(w *wire.Encoder) { w.EmptyCount(nil, "f", wire.MaxEmptyItems+1) },
		"depth": func(w *wire.Encoder) {
			for w.Enter("f") {
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var w wire.Encoder
			f(&w)
			w.Fail(nil, "later", "another fault")
			checkFault(t, w.Finish("pl.x.y.v1"), "encode pl.x.y.v1: field f: ")
		})
	}
}

func TestDecimal(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0200", "1.27": "027f", "1.28": "040080", "-1.28": "0280", "-1.29": "04ff7f", "99999.99": "080098967f",
	} {
		v, _ := new(big.Rat).SetString(text)
		var w wire.Encoder
		b := w.Decimal(nil, "f", v, 7, 2)
		if err := w.Finish("t"); err != nil {
			t.Fatal(err)
		}
		if got := hex(b); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
		r := wire.NewDecoder(b)
		if back := r.Decimal("f", 7, 2); back == nil || back.Cmp(v) != 0 {
			t.Errorf("%s comes back as %v", text, back)
		}
	}
}

func hex(b []byte) string {
	const digits = "0123456789abcdef"
	var s strings.Builder
	for _, c := range b {
		s.WriteByte(digits[c>>4])
		s.WriteByte(digits[c&15])
	}
	return s.String()
}

func TestLocalTimes(t *testing.T) {
	zurich := time.FixedZone("CEST", 2*60*60)
	evening := time.Date(2026, 7, 1, 23, 30, 0, 0, zurich)
	late := time.Date(2026, 7, 2, 0, 30, 0, 0, zurich) // 1 July in UTC
	for name, c := range map[string]struct {
		write func(w *wire.Encoder) []byte
		read  func(r *wire.Decoder) time.Time
		want  time.Time
	}{
		"date": {
			func(w *wire.Encoder) []byte { return w.Date(nil, "f", late) },
			func(r *wire.Decoder) time.Time { return r.Date("f") },
			time.Date(2026, 7, 2, 0, 0, 0, 0, time.UTC),
		},
		"date before 1970": {
			func(w *wire.Encoder) []byte { return w.Date(nil, "f", time.Date(1969, 12, 31, 23, 0, 0, 0, time.UTC)) },
			func(r *wire.Decoder) time.Time { return r.Date("f") },
			time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC),
		},
		"local": {
			func(w *wire.Encoder) []byte { return w.LocalTimestampMicros(nil, "f", evening) },
			func(r *wire.Decoder) time.Time { return r.TimestampMicros("f") },
			time.Date(2026, 7, 1, 23, 30, 0, 0, time.UTC),
		},
		"instant": {
			func(w *wire.Encoder) []byte { return w.TimestampMillis(nil, "f", evening) },
			func(r *wire.Decoder) time.Time { return r.TimestampMillis("f") },
			time.Date(2026, 7, 1, 21, 30, 0, 0, time.UTC),
		},
		"rounded down before 1970": {
			func(w *wire.Encoder) []byte { return w.TimestampMillis(nil, "f", time.Unix(-1, 999_999_999)) },
			func(r *wire.Decoder) time.Time { return r.TimestampMillis("f") },
			time.Unix(-1, 999_000_000).UTC(),
		},
	} {
		t.Run(name, func(t *testing.T) {
			var w wire.Encoder
			r := wire.NewDecoder(c.write(&w))
			if got := c.read(&r); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// TestTimesComeBack checks that every number that Avro has for a time is a
// time.Time, and the same number again.
func TestTimesComeBack(t *testing.T) {
	forms := map[string]struct {
		read  func(r *wire.Decoder) time.Time
		write func(w *wire.Encoder, t time.Time) []byte
	}{
		"millis": {
			func(r *wire.Decoder) time.Time { return r.TimestampMillis("f") },
			func(w *wire.Encoder, t time.Time) []byte { return w.TimestampMillis(nil, "f", t) },
		},
		"micros": {
			func(r *wire.Decoder) time.Time { return r.TimestampMicros("f") },
			func(w *wire.Encoder, t time.Time) []byte { return w.TimestampMicros(nil, "f", t) },
		},
		"nanos": {
			func(r *wire.Decoder) time.Time { return r.TimestampNanos("f") },
			func(w *wire.Encoder, t time.Time) []byte { return w.TimestampNanos(nil, "f", t) },
		},
		"local nanos": {
			func(r *wire.Decoder) time.Time { return r.TimestampNanos("f") },
			func(w *wire.Encoder, t time.Time) []byte { return w.LocalTimestampNanos(nil, "f", t) },
		},
	}
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64, -1})).Draw(t, "v")
		data := binary.AppendVarint(nil, v)
		for name, form := range forms {
			var w wire.Encoder
			r := wire.NewDecoder(data)
			if got := form.write(&w, form.read(&r)); !bytes.Equal(got, data) {
				t.Errorf("%s: %d comes back as %x, %v", name, v, got, w.Finish("t"))
			}
		}
	})
}

func TestDatesComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := binary.AppendVarint(nil, int64(rapid.Int32().Draw(t, "v")))
		var w wire.Encoder
		r := wire.NewDecoder(data)
		if got := w.Date(nil, "f", r.Date("f")); !bytes.Equal(got, data) {
			t.Errorf("%x comes back as %x, %v", data, got, w.Finish("t"))
		}
	})
}

func TestDecoderFaults(t *testing.T) {
	long := func(v ...int64) (b []byte) {
		for _, n := range v {
			b = binary.AppendVarint(b, n)
		}
		return b
	}
	for name, c := range map[string]struct {
		data []byte
		read func(r *wire.Decoder)
	}{
		"no bytes":                 {nil, func(r *wire.Decoder) { r.Long("f") }},
		"long cut":                 {[]byte{0x80, 0x80}, func(r *wire.Decoder) { r.Long("f") }},
		"long of eleven bytes":     {bytes.Repeat([]byte{0xff}, 11), func(r *wire.Decoder) { r.Long("f") }},
		"long of 65 bits":          {append(bytes.Repeat([]byte{0xff}, 9), 2), func(r *wire.Decoder) { r.Long("f") }},
		"int of 33 bits":           {long(math.MaxInt32 + 1), func(r *wire.Decoder) { r.Int("f") }},
		"boolean of two":           {[]byte{2}, func(r *wire.Decoder) { r.Bool("f") }},
		"float cut":                {make([]byte, 3), func(r *wire.Decoder) { r.Float("f") }},
		"double cut":               {make([]byte, 7), func(r *wire.Decoder) { r.Double("f") }},
		"fixed cut":                {make([]byte, 7), func(r *wire.Decoder) { r.Fixed("f", make([]byte, 8)) }},
		"text longer than message": {long(2, 'a'), func(r *wire.Decoder) { r.String("f") }},
		"text of a terabyte":       {long(1 << 40), func(r *wire.Decoder) { r.String("f") }},
		"negative length":          {long(-1), func(r *wire.Decoder) { r.Bytes("f") }},
		"text that is not UTF-8":   {[]byte{4, 'a', 0xff}, func(r *wire.Decoder) { r.String("f") }},
		"no UUID":                  {[]byte{2, 'a'}, func(r *wire.Decoder) { r.UUID("f") }},
		"time of day":              {long(86_400_000), func(r *wire.Decoder) { r.TimeMillis("f") }},
		"negative index":           {long(-1), func(r *wire.Decoder) { r.Index("f", 3) }},
		"index":                    {long(3), func(r *wire.Decoder) { r.Index("f", 3) }},
		"decimal without bytes":    {long(0), func(r *wire.Decoder) { r.Decimal("f", 4, 2) }},
		"decimal of many digits":   {append(long(2), 0x27, 0x10), func(r *wire.Decoder) { r.Decimal("f", 4, 2) }},
		"a billion items":          {long(1e9), func(r *wire.Decoder) { r.Block("f", 1) }},
		"more items than bytes":    {long(3, 0, 0), func(r *wire.Decoder) { r.Block("f", 1) }},
		"a billion empty items":    {long(1e9), func(r *wire.Decoder) { r.Block("f", 0) }},
		"least count":              {long(math.MinInt64, 0), func(r *wire.Decoder) { r.Block("f", 0) }},
		"block beyond the message": {long(-1, 9), func(r *wire.Decoder) { r.Block("f", 0) }},
		"negative block size":      {long(-1, -9), func(r *wire.Decoder) { r.Block("f", 0) }},
		"depth": {nil, func(r *wire.Decoder) {
			for r.Enter("f") {
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := wire.NewDecoder(c.data)
			c.read(&r)
			r.Long("later")
			checkFault(t, r.Finish("pl.x.y.v1"), "decode pl.x.y.v1: field f at byte ")
		})
	}
}

func TestEmptyItemsAddUp(t *testing.T) {
	b := wire.AppendLong(nil, wire.MaxEmptyItems-1)
	r := wire.NewDecoder(bytes.Repeat(b, 2))
	if n := r.Block("f", 0); n != wire.MaxEmptyItems-1 || r.Failed() {
		t.Fatalf("first block has %d items", n)
	}
	if n := r.Block("f", 0); n != 0 || !r.Failed() {
		t.Errorf("second block has %d items", n)
	}
}

func TestBytesAfterTheEnd(t *testing.T) {
	r := wire.NewDecoder([]byte{0, 0})
	r.Long("f")
	if err := r.Finish("pl.x.y.v1"); err == nil || err.Error() != "decode pl.x.y.v1 at byte 1: bytes follow the end of the message" {
		t.Errorf("error is %v", err)
	}
}

func TestNothingIsKept(t *testing.T) {
	data := []byte{2, 'a', 2, 'b'}
	r := wire.NewDecoder(data)
	text, raw := r.String("f"), r.Bytes("f")
	data[1], data[3] = 'x', 'y'
	if text != "a" || string(raw) != "b" {
		t.Errorf("values changed with the message: %q, %q", text, raw)
	}
}

// TestHostileCost checks that refusing costs little memory, whatever a
// message of the largest size claims.
func TestHostileCost(t *testing.T) {
	data := append(binary.AppendVarint(nil, 1<<40), make([]byte, 900<<10)...)
	decimal := append(binary.AppendVarint(nil, 900<<10), bytes.Repeat([]byte{0x55}, 900<<10)...)
	for name, f := range map[string]func(){
		"text":    func() { r := wire.NewDecoder(data); r.String("f"); _ = r.Finish("t") },
		"bytes":   func() { r := wire.NewDecoder(data); r.Bytes("f"); _ = r.Finish("t") },
		"block":   func() { r := wire.NewDecoder(data); r.Block("f", 1); _ = r.Finish("t") },
		"decimal": func() { r := wire.NewDecoder(decimal); r.Decimal("f", 38, 2); _ = r.Finish("t") },
	} {
		if n := allocated(f); n > 4096 {
			t.Errorf("%s: refused after allocating %d bytes", name, n)
		}
	}
}

func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func checkFault(t *testing.T, err error, prefix string) {
	t.Helper()
	var fault *wire.Error
	if !errors.As(err, &fault) || !strings.HasPrefix(err.Error(), prefix) {
		t.Errorf("error is %v, want %s…", err, prefix)
	}
}

func TestSortedKeys(t *testing.T) {
	m := map[string]int{"b": 1, "c": 2, "a": 3}
	if got := wire.SortedKeys(nil, m); strings.Join(got, "") != "abc" {
		t.Errorf("keys are %v", got)
	}
	if n := testing.AllocsPerRun(10, func() { wire.SortedKeys(make([]string, 0, 8), m) }); n != 0 {
		t.Errorf("%v allocations for a small map", n)
	}
}

func TestFormatUUID(t *testing.T) {
	u := [16]byte{0x01, 0x92, 0xf0, 0xc1, 0x7a, 0x3e, 0x7c, 0x55, 0x9d, 0x2b, 0x4f, 0x8e, 0x1a, 0x6b, 0x3c, 0x70}
	if got := wire.FormatUUID(u); got != "0192f0c1-7a3e-7c55-9d2b-4f8e1a6b3c70" {
		t.Error(got)
	}
}
