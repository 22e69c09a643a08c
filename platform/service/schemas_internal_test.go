package service

import (
	"context"
	"testing"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/schema"
)

// oneSchema is a registry that has one schema under every id.
type oneSchema struct {
	schema.Registry
	text string
}

func (r oneSchema) Schema(context.Context, schema.Frame) (schema.Document, error) {
	return schema.Document{Text: r.text}, nil
}

var ticked = &event.Type{Topic: "pl.clock.ticked.v1", Schema: `{"type":"record","name":"Ticked","fields":[]}`}

type tick struct{}

func (*tick) EventType() *event.Type                { return ticked }
func (*tick) EventKey() string                      { return "" }
func (*tick) EventSubject() string                  { return "" }
func (*tick) AppendBinary(b []byte) ([]byte, error) { return b, nil }
func (*tick) UnmarshalBinary([]byte) error          { return nil }

// A router that drains while it decodes still applies the batch: no delivery
// may be without both its message and an error.
func TestDecodeWhileDraining(t *testing.T) {
	s := &schemas{decoder: schema.NewDecoder(oneSchema{text: ticked.Schema})}
	route := &bus.Route{Type: ticked, New: func() event.Message { return new(tick) }}
	e := event.Envelope{ID: "1", Source: "/pulselearn/clock", Type: ticked.Topic, DataContentType: event.ContentTypeAvro}
	rec := &driver.Record{Headers: event.AppendKafkaHeaders(nil, &e), Value: []byte{0, 0, 0, 0, 1}}
	ctx, drain := context.WithCancel(t.Context())
	defer drain()
	for range 2 {
		var d bus.Delivery
		if err := s.Decode(ctx, route, rec, &d); err != nil || d.Err != nil || d.Message == nil {
			t.Errorf("got message %v, %v, %v", d.Message, d.Err, err)
		}
		drain()
	}
}
