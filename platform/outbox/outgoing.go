package outbox

import (
	"encoding/binary"
	"fmt"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/event"
)

// An outgoing is the records of one publish, in memory that the next one uses
// again: it is filled anew only when the broker has all of the last.
type outgoing struct {
	records []*driver.Record
	slab    []driver.Record
	values  []byte
	headers event.HeaderBlock
	size    int // bytes of data
}

// maxKept bounds what a relay keeps for its next publish, in bytes of data.
const maxKept = 1 << 20

// begin empties o and makes room for rows.
func (o *outgoing) begin(rows int) {
	if len(o.slab) < rows {
		o.slab = make([]driver.Record, max(rows, relayRows))
	}
	o.records, o.values, o.size = o.records[:0], o.values[:0], 0
	o.headers.Reset()
}

// next returns the record for a row.
func (o *outgoing) next(row *outboxRow) *driver.Record {
	r := &o.slab[len(o.records)]
	*r = driver.Record{Topic: row.topic, Key: row.key, Time: row.envelope.Time}
	o.records = append(o.records, r)
	o.size += len(row.data)
	return r
}

// add frames the row's data with the registry's id, and adds its attributes as
// headers.
func (o *outgoing) add(row *outboxRow, id int) {
	r := o.next(row)
	start := len(o.values)
	o.values = binary.BigEndian.AppendUint32(append(o.values, 0), uint32(id))
	o.values = append(o.values, row.data...)
	r.Value = o.values[start:len(o.values):len(o.values)]
	r.Headers = o.attributes(&row.envelope)
}

// addRaw adds a record that is published as it is.
func (o *outgoing) addRaw(row *outboxRow) error {
	list, err := event.ParseHeaderList(row.raw[1:])
	if err != nil {
		return fmt.Errorf("record of sequence %d: %w", row.seq, err)
	}
	r := o.next(row)
	r.Headers = list
	if row.raw[0] != rawTombstone {
		r.Value = orEmpty(row.data) // SQLite's driver does not tell it from NULL
	}
	return nil
}

// attributes are the headers of an event, with its trace once more by the W3C's
// own names: there consumers look that know nothing of CloudEvents.
func (o *outgoing) attributes(e *event.Envelope) []event.Header {
	list := o.headers.AppendKafka(e)
	for _, name := range [...]string{event.ExtTraceParent, event.ExtTraceState} {
		if value := e.Extension(name); value != "" {
			start := len(o.values)
			o.values = append(o.values, value...)
			list = append(list, event.Header{Key: name, Value: o.values[start:len(o.values):len(o.values)]})
		}
	}
	return list
}
