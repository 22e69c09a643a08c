package natsbus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
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
		Name:          rawConsumer + nuid.Next(),
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
func (p *pull) read(msg *nats.Msg) (d delivery, ok bool, err error) {
	if d, ok = parseDelivery(msg.Reply); !ok {
		return d, false, p.status(msg)
	}
	p.wanted--
	if d.number != p.delivered+1 {
		return d, false, fmt.Errorf("%w: %d follows %d", errDeliveryLost, d.number, p.delivered)
	}
	p.delivered = d.number
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

// A delivery is what the reply subject of a message says of it:
//
//	$JS.ACK.<stream>.<consumer>.<times delivered>.<sequence>.<number>.<time>.<messages left>
//
// Servers of today have <domain>.<account> before the stream, and may have more
// in the end. A raw message has its length of headers last.
type delivery struct {
	sequence uint64 // in the stream
	number   uint64 // of the consumer's deliveries
	nanos    int64  // when the stream took it, since 1970
	headers  int    // bytes of headers before the data; -1 when they are in the client's map
}

// Where a reply subject has the sequence, which the two other numbers follow,
// how many places it has after the prefix, and how many a server of today puts
// before them.
const (
	placeSequence = 3
	placesLeast   = 7
	placesBefore  = 2
)

func parseDelivery(reply string) (d delivery, ok bool) {
	rest, ok := strings.CutPrefix(reply, deliveredPrefix)
	d.headers = -1
	if !ok {
		if rest, ok = strings.CutPrefix(reply, rawPrefix); !ok {
			return d, false
		}
		last := max(strings.LastIndexByte(rest, '.'), 0)
		n, ok := parseNumber(strings.TrimPrefix(rest[last:], "."))
		if !ok {
			return d, false
		}
		rest, d.headers = rest[:last], int(n)
	}
	skip, places := placeSequence, strings.Count(rest, ".")+1
	switch {
	case places >= placesLeast+placesBefore:
		skip += placesBefore
	case places != placesLeast:
		return d, false
	}
	for range skip {
		_, rest, _ = strings.Cut(rest, ".")
	}
	var numbers [3]int64
	for i := range numbers {
		var token string
		token, rest, _ = strings.Cut(rest, ".")
		if numbers[i], ok = parseNumber(token); !ok {
			return d, false
		}
	}
	d.sequence, d.number, d.nanos = uint64(numbers[0]), uint64(numbers[1]), numbers[2]
	return d, true
}

// parseNumber reads what has only digits.
func parseNumber(digits string) (n int64, ok bool) {
	const most = len("9223372036854775807")
	if digits == "" || len(digits) > most {
		return 0, false
	}
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return 0, false
		}
		n = 10*n + int64(digits[i]-'0')
	}
	return n, n >= 0
}
