package kafkabus

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/event"
)

// A turn is one poll of the data client and the delivery of what it returned.
type turn struct {
	ctx  context.Context
	end  context.CancelFunc
	done chan struct{}
}

// poll moves records from the data client to the partitions' queues.
func (m *member) poll() {
	defer close(m.polling)
	for {
		t := m.nextTurn()
		fetches := m.data.PollFetches(t.ctx)
		t.end()
		m.deliver(fetches)
		close(t.done)
		if fetches.IsClientClosed() {
			return
		}
	}
}

func (m *member) nextTurn() *turn {
	t := &turn{done: make(chan struct{})}
	t.ctx, t.end = context.WithCancel(context.Background())
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turn = t
	return t
}

// finishTurn ends the poll in progress and waits until everything that it
// returned is in the queues. What the data client was told before it therefore
// holds for every record that is queued after it.
func (m *member) finishTurn() {
	m.mu.Lock()
	t := m.turn
	m.mu.Unlock()
	if t == nil {
		return
	}
	t.end()
	select {
	case <-t.done:
	case <-m.polling:
	}
}

func (m *member) deliver(fetches kgo.Fetches) {
	fetches.EachError(func(topic string, index int32, err error) {
		if p := m.partition(topic, index); p != nil {
			p.end(m.conn.explain("fetch", err))
		} else if topic == "" && !errors.Is(err, context.Canceled) && !errors.Is(err, kgo.ErrClientClosed) {
			m.log.Warn("fetching failed", "error", m.conn.explain("fetch", err))
		}
	})
	fetches.EachPartition(func(f kgo.FetchTopicPartition) {
		if p := m.partition(f.Topic, f.Partition); p != nil && len(f.Records) > 0 {
			p.push(fromKafka(f.Records))
		}
	})
}

func (m *member) partition(topic string, index int32) *partition {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.parts[topicPartition{topic, index}]
}

// fromKafka converts records in three allocations, and counts their bytes.
func fromKafka(records []*kgo.Record) (out []*driver.Record, bytes int) {
	n := 0
	for _, r := range records {
		n += len(r.Headers)
	}
	out = make([]*driver.Record, len(records))
	slab := make([]driver.Record, len(records))
	headers := make([]event.Header, 0, n)
	for i, r := range records {
		from := len(headers)
		for _, h := range r.Headers {
			headers = append(headers, event.Header(h))
		}
		slab[i] = driver.Record{
			Topic: r.Topic, Partition: r.Partition, Offset: r.Offset,
			Key: r.Key, Value: r.Value, Time: r.Timestamp,
			Headers: headers[from:len(headers):len(headers)],
		}
		out[i] = &slab[i]
		bytes += size(out[i])
	}
	return out, bytes
}

// size is what a record counts for in limits.
func size(r *driver.Record) int {
	n := len(r.Key) + len(r.Value)
	for i := range r.Headers {
		n += len(r.Headers[i].Key) + len(r.Headers[i].Value)
	}
	return n
}
