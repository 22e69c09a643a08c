package schema

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/singleflight"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/platform/event"
)

// A Decoder decodes record values into messages, whichever schema they were
// written with. Schemas and plans are kept, failures are not. It is safe for
// concurrent use.
type Decoder struct {
	registry Registry
	flight   singleflight.Group
	buffers  sync.Pool
	recent   [16]atomic.Pointer[planned] // those used last, by writer and reader
	mu       sync.RWMutex
	routes   map[route]*planned
	writers  map[Frame]*avro.Schema
}

// A route leads from a writer's schema to a reader's.
type route struct {
	writer Frame
	reader uint64
}

// A planned route has a plan, which is nil when the datum can be read as it is.
type planned struct {
	route
	plan *Plan
}

const (
	// maxKept bounds the schemas and plans that are kept.
	maxKept = 4096
	// maxPooled bounds the buffers that are kept, in bytes.
	maxPooled = 64 << 10
)

// NewDecoder returns a Decoder that asks registry for writers' schemas.
func NewDecoder(registry Registry) *Decoder {
	d := &Decoder{registry: registry, routes: map[route]*planned{}, writers: map[Frame]*avro.Schema{}}
	d.buffers.New = func() any { return new([]byte) }
	return d
}

// Decode replaces m with the value of a record. The value names its writer's
// schema; when that is not the schema of m's type, the datum is resolved.
// Neither headers nor value is kept. An error that matches ErrUnavailable, or
// that comes from ctx, says nothing about the record; any other means that it
// will never decode. A record without value is refused.
func (d *Decoder) Decode(ctx context.Context, headers []event.Header, value []byte, m event.Message) error {
	t := m.EventType()
	frame, datum, err := FrameOf(headers, value)
	if err == nil && frame.Format == FormatNone {
		err = malformed("the record has no value")
	}
	if err != nil {
		return fmt.Errorf("decode %s: %w", t.Topic, err)
	}
	plan, err := d.plan(ctx, frame.schema(), t)
	if err == nil {
		err = d.unmarshal(plan, datum, m)
	}
	if err != nil {
		return fmt.Errorf("decode %s, written with schema %s: %w", t.Topic, frame, err)
	}
	return nil
}

// Writer returns the schema that a record's value was written with, how the
// record names it, and the datum, which shares value's memory. Its errors are
// those of Decode.
func (d *Decoder) Writer(ctx context.Context, headers []event.Header, value []byte) (*avro.Schema, Frame, []byte, error) {
	frame, datum, err := FrameOf(headers, value)
	if err == nil && frame.Format == FormatNone {
		err = malformed("the record has no value")
	}
	if err != nil {
		return nil, frame, datum, err
	}
	s, err := d.writer(ctx, frame.schema())
	return s, frame, datum, err
}

func (d *Decoder) unmarshal(plan *Plan, datum []byte, m event.Message) error {
	if plan == nil {
		return asMalformed(m.UnmarshalBinary(datum))
	}
	buffer := d.buffers.Get().(*[]byte)
	defer d.release(buffer)
	resolved, err := plan.Append((*buffer)[:0], datum)
	if err != nil {
		return err
	}
	*buffer = resolved
	return asMalformed(m.UnmarshalBinary(resolved))
}

func (d *Decoder) release(buffer *[]byte) {
	if cap(*buffer) <= maxPooled {
		d.buffers.Put(buffer)
	}
}

func asMalformed(err error) error {
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}

// plan returns the plan of a route, and makes it at first use.
func (d *Decoder) plan(ctx context.Context, writer Frame, t *event.Type) (*Plan, error) {
	key := route{writer, t.Fingerprint}
	recent := &d.recent[(uint64(writer.ID)^key.reader)%uint64(len(d.recent))]
	if p := recent.Load(); p != nil && p.route == key {
		return p.plan, nil
	}
	p, err := d.planned(ctx, key, t)
	if err != nil {
		return nil, err
	}
	recent.Store(p)
	return p.plan, nil
}

func (d *Decoder) planned(ctx context.Context, key route, t *event.Type) (*planned, error) {
	d.mu.RLock()
	p := d.routes[key]
	d.mu.RUnlock()
	if p != nil {
		return p, nil
	}
	w, err := d.writer(ctx, key.writer)
	if err != nil {
		return nil, err
	}
	plan, err := newRoute(w, t)
	if err != nil {
		return nil, err
	}
	p = &planned{key, plan}
	d.mu.Lock()
	defer d.mu.Unlock()
	keep(d.routes, key, p)
	return p, nil
}

// keep stores a value in a bounded map. A full map starts again: what is in
// use comes back at once.
func keep[K comparable, V any](m map[K]V, key K, value V) {
	if len(m) >= maxKept {
		clear(m)
	}
	m[key] = value
}

// newRoute compares the schemas by their canonical forms: where those are
// equal, the same bytes mean the same.
func newRoute(w *avro.Schema, t *event.Type) (*Plan, error) {
	r, err := avro.Parse(t.Topic, []byte(t.Schema), nil)
	if err != nil {
		return nil, fmt.Errorf("schema of the reader: %w: %w", ErrIncompatible, err)
	}
	if bytes.Equal(avro.Canonical(w), avro.Canonical(r)) {
		return nil, nil
	}
	return NewPlan(w, r)
}

// writer returns the schema that frame names. Concurrent calls ask the
// registry once, and none of them waits longer than its ctx.
func (d *Decoder) writer(ctx context.Context, frame Frame) (*avro.Schema, error) {
	d.mu.RLock()
	s := d.writers[frame]
	d.mu.RUnlock()
	if s != nil {
		return s, nil
	}
	fetched := d.flight.DoChan(frame.String(), func() (any, error) {
		fetching, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
		defer cancel()
		s, err := d.fetch(fetching, frame)
		if err != nil && fetching.Err() != nil {
			err = fmt.Errorf("%w: no answer in %s", ErrUnavailable, requestTimeout)
		}
		return s, err
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case result := <-fetched:
		s, _ := result.Val.(*avro.Schema)
		return s, result.Err
	}
}

func (d *Decoder) fetch(ctx context.Context, frame Frame) (*avro.Schema, error) {
	document, err := d.registry.Schema(ctx, frame)
	if err != nil {
		return nil, err
	}
	s, err := document.parse()
	if err != nil {
		return nil, fmt.Errorf("schema of the writer: %w: %w", ErrIncompatible, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	keep(d.writers, frame, s)
	return s, nil
}

func (d Document) parse() (*avro.Schema, error) {
	if len(d.References) == 0 {
		return avro.Parse("writer", []byte(d.Text), nil)
	}
	files := []avro.File{{Name: "writer", Text: []byte(d.Text)}}
	for i, text := range d.References {
		files = append(files, avro.File{Name: fmt.Sprintf("reference %d", i+1), Text: []byte(text)})
	}
	schemas, err := avro.ParseFiles(files, nil)
	if err != nil {
		return nil, err
	}
	return schemas[0], nil
}
