package codectest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/big"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	hamba "github.com/hamba/avro/v2"
	twmb "github.com/twmb/avro"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/platform/avro/wire"
	common "github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/event/testdata/corpus/gen/event/common/v1"
	shapes "github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/event/testdata/corpus/gen/event/shapes/v1"
)

// valid returns an event with every required value set.
func valid() *shapes.EveryType {
	at := time.Date(2026, 7, 1, 8, 30, 0, 0, time.UTC)
	return &shapes.EveryType{
		ID: "id-1", UUID: "0192f0c1-7a3e-7c55-9d2b-4f8e1a6b3c70", Grade: common.GradeB, Color: shapes.ColorDarkBlue,
		AtNanos: at, LocalNanos: at, Price: big.NewRat(1999, 100), Rate: big.NewRat(1, 2),
		Options: map[string]shapes.EveryTypeOptionsValue{"a": shapes.EveryTypeOptionsValueOfLong(1)},
		Shape:   shapes.EveryTypeShapeOfCircle(&shapes.Circle{Radius: 2}),
	}
}

func TestKeyAndSubject(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{valid().EventKey(), "id-1"},
		{valid().EventSubject(), "B"},
		{(&shapes.KeyedByLong{Number: -42, Small: 7}).EventKey(), "-42"},
		{(&shapes.KeyedByLong{Number: -42, Small: 7}).EventSubject(), "7"},
		{(&shapes.KeyedByEnum{Color: shapes.ColorRed, UUID: "u"}).EventKey(), "RED"},
		{(&shapes.KeyedByEnum{Color: shapes.ColorRed, UUID: "u"}).EventSubject(), "u"},
		{new(shapes.Unordered).EventKey() + new(shapes.Unordered).EventSubject(), ""},
		{new(shapes.EveryType).EventType().Topic, "pl.shapes.every_type.v1"},
		{new(shapes.EveryType).EventType().Key, "id"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

// TestRedaction prints an event full of personal data in every way that logs
// have.
func TestRedaction(t *testing.T) {
	const secret = "Erika Mustermann"
	person := common.Person{PersonID: "p-1", FullName: secret, Mentor: &common.Person{FullName: secret}}
	e, text := valid(), secret
	e.Person, e.MaybePerson, e.People = person, &person, []common.Person{person}
	e.ByName = map[string]common.Person{"a": person}
	e.OnlyPeople = []common.Person{person}
	e.Shape = shapes.EveryTypeShapeOfPerson(&person)
	e.Secret, e.SecretScalar = &text, shapes.EveryTypeSecretScalarOfString(secret)

	var out bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		log := slog.New(handler)
		log.Info("event", "pointer", e, "value", *e, "person", person, "shape", e.Shape)
		log.Info("event", "group", slog.GroupValue(slog.Any("e", e)))
	}
	for _, v := range []any{e, *e, person, &person, e.Shape, []any{e, person}, e.People, e.ByName} {
		fmt.Fprintf(&out, "%v %+v %#v %s %q\n", v, v, v, v, v)
	}
	fmt.Fprintln(&out, errors.New("wrapped: "+e.String()))
	if strings.Contains(out.String(), secret) {
		t.Errorf("personal data in:\n%s", out.String())
	}
	for _, want := range []string{"p-1", "id-1", wire.Redacted} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}

func TestJSON(t *testing.T) {
	e := valid()
	e.Mixed = []shapes.EveryTypeMixedItem{{}, shapes.EveryTypeMixedItemOfString("a")}
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"shape":{"radius":2}`, `"mixed":[null,"a"]`, `"maybeText":null`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}

func TestUnion(t *testing.T) {
	u := shapes.EveryTypeScalarOfLong(5)
	if v, ok := u.AsLong(); !ok || v != 5 || u.IsNull() {
		t.Errorf("long is %d, %t", v, ok)
	}
	if _, ok := u.AsInt(); ok {
		t.Error("a long is an int, too")
	}
	if !(shapes.EveryTypeScalar{}).IsNull() {
		t.Error("the zero union is not null")
	}
}

// TestNullAndEmpty checks that null and empty stay different where a nil
// stands for null, and are both nil where it does not.
func TestNullAndEmpty(t *testing.T) {
	e := valid()
	e.MaybeBytes, e.MaybeArray, e.MaybeMap = []byte{}, []*string{}, map[string]*int32{}
	e.Raw, e.Names, e.Counts = []byte{}, []string{}, map[string]int64{}
	data, err := e.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	var back shapes.EveryType
	if err := back.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	if back.MaybeBytes == nil || back.MaybeArray == nil || back.MaybeMap == nil {
		t.Error("empty became null")
	}
	if back.Raw != nil || back.Names != nil || back.Counts != nil {
		t.Error("empty is not nil")
	}
}

// TestUnpublishable checks what AppendBinary refuses, that it names the field
// and never the value, and that the buffer stays as it was.
func TestUnpublishable(t *testing.T) {
	loop := &shapes.Node{}
	loop.Left, loop.Children = loop, []shapes.Node{{Left: loop}, {Left: loop}}
	for field, change := range map[string]func(e *shapes.EveryType){
		"id":              func(e *shapes.EveryType) { e.ID = "private\xff" },
		"uuid":            func(e *shapes.EveryType) { e.UUID = "private" },
		"grade":           func(e *shapes.EveryType) { e.Grade = "private" },
		"color":           func(e *shapes.EveryType) { e.Color = "" },
		"price":           func(e *shapes.EveryType) { e.Price = big.NewRat(1, 1000) },
		"rate":            func(e *shapes.EveryType) { e.Rate = nil },
		"timeMillis":      func(e *shapes.EveryType) { e.TimeMillis = 25 * time.Hour },
		"atNanos":         func(e *shapes.EveryType) { e.AtNanos = time.Time{} },
		"shape":           func(e *shapes.EveryType) { e.Shape = shapes.EveryTypeShape{} },
		"Person.fullName": func(e *shapes.EveryType) { e.Person.FullName = "private\xff" },
		"options":         func(e *shapes.EveryType) { e.Options["private\xff"] = shapes.EveryTypeOptionsValueOfLong(1) },
		"voids":           func(e *shapes.EveryType) { e.Voids = make([]struct{}, wire.MaxEmptyItems+1) },
		"Node":            func(e *shapes.EveryType) { e.Tree = *loop },
	} {
		t.Run(field, func(t *testing.T) {
			e := valid()
			change(e)
			b, err := e.AppendBinary([]byte("before"))
			if err == nil || !strings.HasPrefix(err.Error(), "encode pl.shapes.every_type.v1: field "+field+": ") || strings.Contains(err.Error(), "private") {
				t.Errorf("error is %v", err)
			}
			if string(b) != "before" {
				t.Errorf("buffer is %q", b)
			}
		})
	}
	e := valid()
	e.Shape = shapes.EveryTypeShapeOfCircle(nil)
	if _, err := e.AppendBinary(nil); err == nil {
		t.Error("accepts a nil record in a union")
	}
}

func TestRefusedLeavesZero(t *testing.T) {
	data, err := valid().AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	e := valid()
	if err := e.UnmarshalBinary(data[:len(data)-1]); err == nil {
		t.Fatal("accepts a message without its last byte")
	}
	if !reflect.DeepEqual(e, new(shapes.EveryType)) {
		t.Error("a refused message left something behind")
	}
}

// TestHostile sends messages that promise more than they hold, as large as
// the platform lets a message be, and bounds what refusing them costs.
func TestHostile(t *testing.T) {
	s := subjects(t)[0]
	r := reference{rand.New(rand.NewPCG(1, 9))}
	at := func(field string) []byte { // the message up to a field
		var b []byte
		for _, f := range s.schema.Fields {
			if f.Name == field {
				break
			}
			b = r.encode(b, f.Type, r.value(f.Type, 7), false)
		}
		return b
	}
	tail := make([]byte, 900<<10)
	long := func(b []byte, v int64) []byte { return binary.AppendVarint(b, v) }
	for name, data := range map[string][]byte{
		"terabyte of text":   append(long(nil, 1<<40), tail...),
		"billion names":      append(long(at("names"), 1e9), tail...),
		"names of size zero": append(long(long(at("names"), -900_000), 1), bytes.Repeat([]byte{0xff}, 900<<10)...),
		"billion voids":      long(at("voids"), 1e9),
		"voids again":        append(at("voids"), bytes.Repeat(long(nil, 60_000), 1000)...),
		"billion people":     append(long(at("people"), 300_000), bytes.Repeat([]byte{0xff}, 900<<10)...),
		"map":                append(long(at("counts"), 400_000), bytes.Repeat([]byte{0xff}, 900<<10)...),
		"depth of the left":  append(at("tree"), bytes.Repeat([]byte{0, 2}, 400<<10)...),
		"depth of children":  append(at("tree"), bytes.Repeat([]byte{0, 0, 2}, 300<<10)...),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := new(shapes.EveryType).UnmarshalBinary(data)
			runtime.ReadMemStats(&after)
			var fault *wire.Error
			if !errors.As(err, &fault) {
				t.Fatalf("error is %v", err)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 256<<10 {
				t.Errorf("refused (%v) after allocating %d bytes", err, n)
			}
			if took := fastestRefusal(data); took > refusalTime {
				t.Errorf("refused (%v) after %s at best, want %s", err, took, refusalTime)
			}
		})
	}
}

// fastestRefusal decodes data several times and returns the shortest time,
// which a busy machine delays least.
func fastestRefusal(data []byte) time.Duration {
	best := time.Duration(math.MaxInt64)
	for range 20 {
		begin := time.Now()
		_ = new(shapes.EveryType).UnmarshalBinary(data)
		best = min(best, time.Since(begin))
	}
	return best
}

// TestTags fills the struct by its tags with two other libraries.
func TestTags(t *testing.T) {
	s, err := avro.Parse("tagged.avsc", []byte(shapes.TaggedType.Schema), nil)
	if err != nil {
		t.Fatal(err)
	}
	h, err := hamba.Parse(shapes.TaggedType.Schema)
	if err != nil {
		t.Fatal(err)
	}
	w, err := twmb.Parse(shapes.TaggedType.Schema)
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(50) {
		r := reference{rand.New(rand.NewPCG(seed, 11))}
		data := r.encode(nil, s, r.value(s, 0), false)
		var ours, byHamba, byTwmb shapes.Tagged
		if err := errors.Join(ours.UnmarshalBinary(data), hamba.Unmarshal(h, data, &byHamba)); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Decode(data, &byTwmb); err != nil {
			t.Fatal(err)
		}
		want, err := ours.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, other := range map[string]*shapes.Tagged{"hamba": &byHamba, "twmb": &byTwmb} {
			if got, err := other.AppendBinary(nil); err != nil || !slices.Equal(got, want) {
				t.Errorf("seed %d, %s: %v\n got %x\nwant %x", seed, name, err, got, want)
			}
		}
	}
}

// TestAllocations pins what publishing and consuming cost the collector: an
// encoding nothing, a decoding what is behind pointers; its text shares memory
// with that of other messages.
func TestAllocations(t *testing.T) {
	e := &shapes.Moments{ID: "id-1", Moment: shapes.MomentsMomentOfLong(time.Unix(1e9, 0)), Moments: []shapes.MomentsMomentsItem{
		shapes.MomentsMomentsItemOfInt(time.Hour), shapes.MomentsMomentsItemOfString("0192f0c1-7a3e-7c55-9d2b-4f8e1a6b3c70"),
	}}
	buf := make([]byte, 0, 256)
	data, err := e.AppendBinary(buf)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = e.AppendBinary(buf) }); n != 0 {
		t.Errorf("encoding allocates %v times", n)
	}
	var back shapes.Moments
	if n := testing.AllocsPerRun(100, func() { _ = back.UnmarshalBinary(data) }); n != 1+decoderOnHeap {
		t.Errorf("decoding allocates %v times, want 1: the items", n)
	}
}
