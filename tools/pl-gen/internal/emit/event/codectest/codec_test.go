package codectest

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	hamba "github.com/hamba/avro/v2"
	twmb "github.com/twmb/avro"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/platform/avro/wire"
	"github.com/pulselearn/campus-hub/platform/event"
	shapes "github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/event/testdata/corpus/gen/event/shapes/v1"
)

// A subject is an event type under test.
type subject struct {
	fresh  func() event.Message
	schema *avro.Schema
}

func subjects(t testing.TB) []subject {
	t.Helper()
	var list []subject
	for _, fresh := range []func() event.Message{
		func() event.Message { return new(shapes.EveryType) },
		func() event.Message { return new(shapes.Moments) },
		func() event.Message { return new(shapes.KeyedByEnum) },
		func() event.Message { return new(shapes.KeyedByLong) },
		func() event.Message { return new(shapes.Unordered) },
	} {
		s, err := avro.Parse("schema", []byte(fresh().EventType().Schema), nil)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, subject{fresh, s})
	}
	return list
}

// recode decodes data and encodes what was decoded.
func (s subject) recode(data []byte) ([]byte, error) {
	e := s.fresh()
	if err := e.UnmarshalBinary(data); err != nil {
		return nil, err
	}
	return e.AppendBinary(nil)
}

func (s subject) topic() string { return s.fresh().EventType().Topic }

func TestRoundTrip(t *testing.T) {
	for _, s := range subjects(t) {
		for seed := range uint64(300) {
			r := reference{rand.New(rand.NewPCG(seed, 0))}
			v := r.value(s.schema, 0)
			want := r.encode(nil, s.schema, v, false)
			for _, data := range [][]byte{want, r.encode(nil, s.schema, v, true)} {
				got, err := s.recode(data)
				if err != nil {
					t.Fatalf("%s, seed %d: %v", s.topic(), seed, err)
				}
				if !bytes.Equal(got, want) {
					t.Fatalf("%s, seed %d:\n got %x\nwant %x", s.topic(), seed, got, want)
				}
			}
		}
	}
}

// TestAgainstOthers checks that two other libraries read what we write, and
// that we read what they write.
func TestAgainstOthers(t *testing.T) {
	for _, s := range subjects(t) {
		for _, other := range others(t, s.fresh().EventType().Schema) {
			if other.name == "hamba" && s.topic() == shapes.MomentsTopic {
				continue // it decodes two branches to time.Time and encodes the first
			}
			for seed := range uint64(100) {
				r := reference{rand.New(rand.NewPCG(seed, 1))}
				want := r.encode(nil, s.schema, r.value(s.schema, 0), false)
				theirs, err := other.recode(want)
				if err != nil {
					t.Fatalf("%s, seed %d: %s does not take what we write: %v", s.topic(), seed, other.name, err)
				}
				got, err := s.recode(theirs)
				if err != nil {
					t.Fatalf("%s, seed %d: we do not take what %s writes: %v", s.topic(), seed, other.name, err)
				}
				if !bytes.Equal(got, want) {
					t.Fatalf("%s, seed %d, %s:\n got %x\nwant %x", s.topic(), seed, other.name, got, want)
				}
			}
		}
	}
}

// An other is another implementation: it decodes and encodes again.
type other struct {
	name   string
	recode func(data []byte) ([]byte, error)
}

func others(t testing.TB, schema string) []other {
	t.Helper()
	h, err := hamba.Parse(schema)
	if err != nil {
		t.Fatalf("hamba: %v", err)
	}
	w, err := twmb.Parse(schema)
	if err != nil {
		t.Fatalf("twmb: %v", err)
	}
	return []other{
		{"hamba", func(data []byte) ([]byte, error) {
			var v any
			if err := hamba.Unmarshal(h, data, &v); err != nil {
				return nil, err
			}
			return hamba.Marshal(h, v)
		}},
		{"twmb", func(data []byte) ([]byte, error) {
			var v any
			if _, err := w.Decode(data, &v, twmb.TaggedUnions()); err != nil {
				return nil, err
			}
			return w.Encode(v)
		}},
	}
}

// TestBroken cuts and changes messages: whatever the bytes, the codec either
// refuses them with an error that says where, or reads a value that it can
// write.
func TestBroken(t *testing.T) {
	for _, s := range subjects(t) {
		for seed := range uint64(3) {
			r := reference{rand.New(rand.NewPCG(seed, 2))}
			data := r.encode(nil, s.schema, r.value(s.schema, 0), false)
			for n := range data {
				if _, err := s.recode(data[:n]); err == nil {
					t.Fatalf("%s, seed %d: accepts the first %d of %d bytes", s.topic(), seed, n, len(data))
				}
				changed := bytes.Clone(data)
				changed[n] ^= byte(1 + r.IntN(255))
				s.checkRecode(t, changed)
			}
			if _, err := s.recode(append(data, 0)); err == nil {
				t.Fatalf("%s, seed %d: accepts a byte after the end", s.topic(), seed)
			}
		}
	}
}

// checkRecode checks that bytes from anywhere are refused properly or read as
// a value whose encoding is stable.
func (s subject) checkRecode(t *testing.T, data []byte) {
	t.Helper()
	e := s.fresh()
	if err := e.UnmarshalBinary(data); err != nil {
		var fault *wire.Error
		if !errors.As(err, &fault) || fault.Type != s.topic() || fault.Offset < 0 || fault.Offset > len(data) {
			t.Fatalf("error is %v", err)
		}
		return
	}
	first, err := e.AppendBinary(nil)
	if err != nil {
		t.Fatalf("cannot write what it read: %v", err)
	}
	second, err := s.recode(first)
	if err != nil || !bytes.Equal(first, second) {
		t.Fatalf("second encoding differs: %v\n%x\n%x", err, first, second)
	}
}

func FuzzUnmarshal(f *testing.F) {
	s := subjects(f)[0]
	for seed := range uint64(10) {
		r := reference{rand.New(rand.NewPCG(seed, 3))}
		v := r.value(s.schema, 0)
		f.Add(r.encode(nil, s.schema, v, false))
		f.Add(r.encode(nil, s.schema, v, true))
	}
	f.Fuzz(s.checkRecode)
}
