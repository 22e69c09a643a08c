package service

import (
	"context"
	"errors"
	"fmt"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/schema"
)

// schemas is the process's view of the Schema Registry: the ids that its relays
// write, and the decoding of what its routers read.
type schemas struct {
	ids     *schema.IDs
	decoder *schema.Decoder
}

func newSchemas(registry schema.Registry, register bool) *schemas {
	return &schemas{ids: schema.NewIDs(registry, register), decoder: schema.NewDecoder(registry)}
}

// SchemaID implements [tx.SchemaIDs].
func (s *schemas) SchemaID(ctx context.Context, fingerprint uint64, subject, text string) (int, error) {
	if id, ok := s.ids.ID(fingerprint); ok {
		return id, nil
	}
	return s.ids.Find(ctx, subject, text)
}

// Decode implements [bus.Decoder].
func (s *schemas) Decode(ctx context.Context, r *bus.Route, rec *driver.Record, d *bus.Delivery) error {
	var data []byte
	d.Event, data, d.Err = event.ParseKafka(rec.Headers, rec.Value)
	if d.Err != nil {
		return nil
	}
	if d.Event.Type != r.Type.Topic {
		d.Err = fmt.Errorf("topic %s holds an event of another type; only that one belongs there", r.Type.Topic)
		return nil
	}
	m := r.New()
	err := s.decoder.Decode(ctx, rec.Headers, data, m)
	if errors.Is(err, schema.ErrUnavailable) || ctx.Err() != nil {
		return err
	}
	if err != nil {
		d.Err = err
		return nil
	}
	d.Message = m
	return nil
}
