package kafkabus

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kgo"
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
		m.awaitAppetite(t.ctx)
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
