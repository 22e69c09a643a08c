package kafkabus

import (
	"sync"
	"unsafe"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/event"
)

// fromKafka converts records in two allocations, and counts their bytes. The
// headers stay where they are.
func fromKafka(records []*kgo.Record) (out []*driver.Record, bytes int) {
	out = make([]*driver.Record, len(records))
	slab := make([]driver.Record, len(records))
	for i, r := range records {
		slab[i] = driver.Record{
			Topic: r.Topic, Partition: r.Partition, Offset: r.Offset,
			Key: r.Key, Value: r.Value, Time: r.Timestamp, Headers: fromKafkaHeaders(r.Headers),
		}
		out[i] = &slab[i]
		bytes += size(out[i])
	}
	return out, bytes
}

// An outgoing is what one publish hands to the client.
type outgoing struct {
	records []*kgo.Record
	slab    []kgo.Record
}

// maxOutgoing bounds what is kept for the next publish, in records.
const maxOutgoing = 4096

var outgoings = sync.Pool{New: func() any { return new(outgoing) }}

// toKafka converts records, mostly without an allocation. Their memory is the
// client's too until it has settled them.
func toKafka(records []*driver.Record) *outgoing {
	o := outgoings.Get().(*outgoing)
	if cap(o.slab) < len(records) {
		o.records, o.slab = make([]*kgo.Record, len(records)), make([]kgo.Record, len(records))
	}
	o.records, o.slab = o.records[:len(records)], o.slab[:len(records)]
	for i, r := range records {
		o.slab[i] = kgo.Record{
			Topic: r.Topic, Key: r.Key, Value: r.Value, Timestamp: r.Time, Headers: toKafkaHeaders(r.Headers),
		}
		o.records[i] = &o.slab[i]
	}
	return o
}

// release keeps o for the next publish. The client must have settled all of
// it: what it has settled, with whatever outcome, it reads no more. A batch that
// it gives up while a request with it is being written is taken out of that
// request under a lock.
func (o *outgoing) release() {
	if cap(o.slab) > maxOutgoing {
		return
	}
	clear(o.slab)
	outgoings.Put(o)
}

// The client's headers and the driver's are one type with two names. Were it
// not so, this line would not compile.
var _ = kgo.RecordHeader(event.Header{})

// fromKafkaHeaders returns the same memory under the other name. Copying it
// costs as much as all else that the driver does with a record.
func fromKafkaHeaders(h []kgo.RecordHeader) []event.Header {
	return unsafe.Slice((*event.Header)(unsafe.SliceData(h)), len(h))
}

// toKafkaHeaders is the inverse of fromKafkaHeaders.
func toKafkaHeaders(h []event.Header) []kgo.RecordHeader {
	return unsafe.Slice((*kgo.RecordHeader)(unsafe.SliceData(h)), len(h))
}

// size is what a record counts for in limits.
func size(r *driver.Record) int {
	n := len(r.Key) + len(r.Value)
	for i := range r.Headers {
		n += len(r.Headers[i].Key) + len(r.Headers[i].Value)
	}
	return n
}
