package service

import (
	"context"
	"errors"
	"fmt"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/schema"
)

// schemas is the process's view of the Schema Registry: the ids that its relays
// write, and the decoding of what its routers read.
type schemas struct {
	ids     *schema.IDs
	decoder *schema.Decoder
}

// newSchemas takes ids from the lock that cfg names, and otherwise from
// registry, where it registers schemas if the process provisions.
func newSchemas(registry schema.Registry, cfg *Config) (*schemas, error) {
	s := &schemas{decoder: schema.NewDecoder(registry)}
	if cfg.RegistryLock == "" {
		s.ids = schema.NewIDs(registry, cfg.provisions())
		return s, nil
	}
	lock, err := schema.ReadLock(cfg.RegistryLock)
	if err != nil {
		return nil, &ConfigError{fmt.Errorf("PL_REGISTRY_LOCK: %w", err)}
	}
	s.ids = schema.NewLockedIDs(lock, registry)
	return s, nil
}

// SchemaID implements [outbox.SchemaIDs].
func (s *schemas) SchemaID(ctx context.Context, fingerprint uint64, subject, text string) (int, error) {
	if id, ok := s.ids.ID(fingerprint); ok {
		return id, nil
	}
	return s.ids.Find(ctx, subject, text)
}

// Decode implements [bus.Decoder].
func (s *schemas) Decode(ctx context.Context, r *bus.Route, rec *driver.Record, d *bus.Delivery) error {
	var data []byte
	data, d.Err = d.Event.ParseKafka(rec.Headers, rec.Value)
	if d.Err != nil {
		return nil
	}
	if d.Event.Type != r.Type.Topic {
		d.Err = fmt.Errorf("topic %s holds an event of another type; only that one belongs there", r.Type.Topic)
		return nil
	}
	m := d.Empty(r)
	err := s.decoder.Decode(ctx, rec.Headers, data, m)
	switch {
	case err == nil:
		d.Message = m
	case errors.Is(err, schema.ErrUnavailable) || ctx.Err() != nil:
		return err
	default:
		d.Err = err
	}
	return nil
}
