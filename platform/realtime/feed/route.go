package feed

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/platform/avro/avrojson"
	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
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

// message is the JSON that listeners are sent of an event.
func (r *route) message(channel string, rec *driver.Record, d *bus.Delivery) ([]byte, error) {
	datum, err := d.Message.AppendBinary(nil)
	if err != nil {
		return nil, err
	}
	b := append(make([]byte, 0, 256+2*len(datum)), `{"type":"event","channel":`...)
	b = appendText(b, channel)
	b = append(b, `,"event":`...)
	b = appendText(b, r.Type.Topic)
	b = append(b, `,"id":`...)
	b = appendText(b, d.Event.ID)
	if d.Event.Subject != "" {
		b = appendText(append(b, `,"subject":`...), d.Event.Subject)
	}
	if !d.Event.Time.IsZero() {
		b = append(b, `,"time":"`...)
		b = append(d.Event.Time.UTC().AppendFormat(b, time.RFC3339Nano), '"')
	}
	b = strconv.AppendInt(append(b, `,"partition":`...), int64(rec.Partition), 10)
	b = strconv.AppendInt(append(b, `,"offset":`...), rec.Offset, 10)
	b, err = r.printer.Append(append(b, `,"data":`...), datum, r.Personal)
	return append(b, '}'), err
}

func appendText(b []byte, text string) []byte {
	quoted, _ := json.Marshal(text) // text cannot fail
	return append(b, quoted...)
}
