package natsbus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/pulselearn/campus-hub/platform/bus/natsbus/internal/wire"
)

const (
	// pullMessages is how many messages are asked for and not yet read at most.
	pullMessages = 1000
	// headroom is what a message may be larger than max_payload says: its
	// subject, and what the protocol adds.
	headroom = 64 << 10
	// pullExpiry is how long the server keeps a request for messages, and
	// minHeartbeat how often it can show at most that it still does.
	pullExpiry   = 30 * time.Second
	minHeartbeat = 500 * time.Millisecond
	// inactive is when the server forgets a consumer that nobody reads. One
	// whose partition is not fetched for longer is made anew.
	inactive = 30 * time.Second
)

// errDeliveryLost says that a consumer cannot be read any more, and that
// another one can.
var errDeliveryLost = errors.New("the consumer's deliveries are not complete")

// A pull reads a stream through an ephemeral consumer of its own, which it asks
// for messages before those it asked for have run out. The client's iterators do
// the same, for a timer and several locks a message.
type pull struct {
	conn     *Conn
	requests string          // the subject of requests
	session  context.Context // ends with the connection that the consumer was made over
	messages chan *nats.Msg  // with room for all that was asked for, and for what is said about it
	sub      *nats.Subscription

	wanted    int    // messages that were asked for and have not come
	delivered uint64 // the number of the consumer's last delivery
}

// pull begins to read a stream at a sequence.
func (c *Conn) pull(ctx context.Context, stream string, start uint64) (*pull, error) {
	p := &pull{conn: c, session: c.link.current()}
	consumer, err := c.js.CreateConsumer(ctx, stream, jetstream.ConsumerConfig{
		Name:          wire.RawConsumer + nuid.Next(),
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: start,
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: inactive,
	})
	if err != nil {
		return nil, err
	}
	p.requests = jetstream.DefaultAPIPrefix + "CONSUMER.MSG.NEXT." + stream + "." + consumer.CachedInfo().Name
	p.messages = make(chan *nats.Msg, 2*pullMessages)
	if p.sub, err = c.nc.ChanSubscribe(c.nc.NewInbox(), p.messages); err != nil {
		return nil, err
	}
	if err := p.ask(); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// heartbeat is how often the server shows that it has a request.
func (c *Conn) heartbeat() time.Duration { return min(max(c.cfg.Idle, minHeartbeat), pullExpiry/3) }

// ask asks for messages, once half of them have come. The error matches
// errDeliveryLost.
func (p *pull) ask() error {
	if p.wanted > pullMessages/2 {
		return nil
	}
	request := fmt.Appendf(nil, `{"batch":%d,"max_bytes":%d,"expires":%d,"idle_heartbeat":%d}`,
		pullMessages-p.wanted, p.conn.nc.MaxPayload()+headroom, pullExpiry, p.conn.heartbeat())
	p.wanted = pullMessages
	if err := p.conn.nc.PublishRequest(p.requests, p.sub.Subject, request); err != nil {
		return fmt.Errorf("%w: %w", errDeliveryLost, err)
	}
	return nil
}

// stop ends reading. What is queued is lost, and the server forgets the
// consumer.
func (p *pull) stop() { _ = p.sub.Unsubscribe() }

// read tells what a message is: a delivery, or what the server says of a
// request. The error matches errDeliveryLost.
func (p *pull) read(msg *nats.Msg) (d wire.Delivery, ok bool, err error) {
	if d, ok = wire.ParseDelivery(msg.Reply); !ok {
		return d, false, p.status(msg)
	}
	p.wanted--
	if d.Number != p.delivered+1 {
		return d, false, fmt.Errorf("%w: %d follows %d", errDeliveryLost, d.Number, p.delivered)
	}
	p.delivered = d.Number
	return d, true, nil
}

// status reads what the server says of a request: that it still has it, or that
// it ends and how many messages have not come. Everything else ends the
// consumer.
func (p *pull) status(msg *nats.Msg) error {
	const alive = "100"
	status := first(msg.Header["Status"])
	if status == alive {
		return nil
	}
	left, err := strconv.Atoi(first(msg.Header["Nats-Pending-Messages"]))
	if err != nil {
		return fmt.Errorf("%w: status %q %s", errDeliveryLost, status, first(msg.Header["Description"]))
	}
	p.wanted = max(p.wanted-left, 0)
	return nil
}
