package platformtest

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/kafkabus"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/service"
)

// CutBroker ends the process's connections to the broker, and lets it make no
// others until [Harness.Mend]. The test itself still publishes and reads.
//
//	h.CutBroker()
//	h.Publish(&quizv1event.QuizCompleted{StudentID: "ada", Score: 1})
//	h.Advance(6 * time.Hour)
//	h.Mend()
//	h.Quiet()
func (h *Harness) CutBroker() { h.faults.broker.cut() }

// BreakPublish makes the next times that the process publishes go wrong;
// [Always] until [Harness.Mend]. An outbox publishes its events in batches.
// Those that are [Lost] are on their topics twice in the end.
func (h *Harness) BreakPublish(fault Fault, times int) {
	h.faults.plan("publish", fault, times)
}

// Repeat publishes all events of type E that are on their topic once more, the
// newest first: every consumer gets duplicates, out of order with what has come
// since.
func Repeat[E interface {
	*T
	event.Message
}, T any](h *Harness) {
	h.T.Helper()
	var again []*driver.Record
	for _, r := range h.records(E(new(T)).EventType().Topic) {
		again = append(again, &driver.Record{Topic: r.Topic, Key: r.Key, Value: r.Value, Headers: headers(r), Time: r.Timestamp})
	}
	slices.Reverse(again)
	h.must("publish again", h.conn.Publish(h.T.Context(), again))
}

// ownClient is the name of the harness's own connection.
const ownClient = "platformtest"

// dialKafka connects the process.
func (f *faults) dialKafka(h *Harness) func(context.Context, service.Kafka) (driver.Conn, error) {
	return func(_ context.Context, to service.Kafka) (driver.Conn, error) {
		dial := h.network.Dial
		if to.Client != ownClient {
			dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				return f.broker.dial(ctx, h.network.Dial, network, address)
			}
		}
		conn, err := kafkabus.Open(kafkabus.Config{Brokers: to.Brokers, ClientID: to.Client, Logger: to.Log, Dial: dial, Idle: idle})
		if err != nil || to.Client == ownClient {
			return conn, err
		}
		return &faultyConn{conn, f}, nil
	}
}

// A faultyConn is a connection whose publishes can go wrong.
type faultyConn struct {
	*kafkabus.Conn
	faults *faults
}

// Publish implements [driver.Conn].
func (c *faultyConn) Publish(ctx context.Context, records []*driver.Record) error {
	switch c.faults.hit("publish") {
	case Refused:
	case Lost:
		if err := c.Conn.Publish(ctx, records); err != nil {
			return err
		}
	case Stuck:
		<-ctx.Done()
		return context.Cause(ctx)
	default:
		return c.Conn.Publish(ctx, records)
	}
	return fmt.Errorf("publish %d records: %w: %w", len(records), errFault, driver.ErrUnreachable)
}

// A cutter is a network that can be cut.
type cutter struct {
	mu    sync.Mutex
	away  bool
	conns []net.Conn
}

func (c *cutter) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.away = true
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.conns = nil
}

func (c *cutter) mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.away = false
}

func (c *cutter) dial(
	ctx context.Context, next func(context.Context, string, string) (net.Conn, error), network, address string,
) (net.Conn, error) {
	if c.isAway() {
		return nil, &net.OpError{Op: "dial", Net: network, Err: errFault}
	}
	conn, err := next(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns = append(c.conns, conn)
	return conn, nil
}

func (c *cutter) isAway() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.away
}
