package feed

import (
	"fmt"
	"strconv"
	"time"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/platform/avro/avrojson"
	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/event"
)

// A route is a [Route] at work.
type route struct {
	*Route
	base    int // the place of its partition 0
	bus     bus.Route
	printer *avrojson.Printer
}

func newRoute(r *Route, base int) (*route, error) {
	s, err := avro.Parse(r.Type.Topic, []byte(r.Type.Schema), nil)
	if err != nil {
		return nil, fmt.Errorf("realtime: schema of %s: %w", r.Type.Topic, err)
	}
	return &route{
		Route: r, base: base, bus: bus.Route{Type: r.Type, New: r.New}, printer: avrojson.NewPrinter(s),
	}, nil
}

// append appends the JSON that listeners are sent of an event, whose payload
// in Avro is datum.
func (r *route) append(b []byte, channel string, rec *driver.Record, e *event.Envelope, datum []byte) ([]byte, error) {
	b = avrojson.AppendText(append(b, `{"type":"event","channel":`...), channel)
	b = avrojson.AppendText(append(b, `,"event":`...), r.Type.Topic)
	b = avrojson.AppendText(append(b, `,"id":`...), e.ID)
	if e.Subject != "" {
		b = avrojson.AppendText(append(b, `,"subject":`...), e.Subject)
	}
	if !e.Time.IsZero() {
		b = append(b, `,"time":"`...)
		b = append(e.Time.UTC().AppendFormat(b, time.RFC3339Nano), '"')
	}
	b = strconv.AppendInt(append(b, `,"partition":`...), int64(rec.Partition), 10)
	b = strconv.AppendInt(append(b, `,"offset":`...), rec.Offset, 10)
	b, err := r.printer.Append(append(b, `,"data":`...), datum, r.Personal)
	return append(b, '}'), err
}
