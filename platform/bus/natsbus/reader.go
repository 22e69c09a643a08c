package natsbus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

const (
	// pullMessages is how many messages the client fetches ahead.
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
	// checkEvery is after how many idle intervals a reader without messages
	// asks whether the stream still has what it waits for.
	checkEvery = 10
)

// A reader fills a partition's queue from one Seek to the next.
type reader struct {
	p        *partition
	next     int64
	messages jetstream.MessagesContext
	done     chan struct{}

	watch context.Context // ends when it is time to see whether messages came
	end   context.CancelFunc
	until jetstream.NextOpt // watch ends
	came  bool              // messages, since watch began

	memory memory
}

// read begins to read a partition at an offset. The consumer is ordered: the
// client makes a new one where the old one ended when the server loses it.
func (c *Conn) read(ctx context.Context, p *partition, at int64) (*reader, error) {
	r := &reader{p: p, next: at, done: make(chan struct{})}
	return r, r.open(ctx)
}

func (r *reader) open(ctx context.Context) error {
	p, c := r.p, r.p.m.conn
	return c.call(ctx, "read "+p.id.String(), func(ctx context.Context) error {
		consumer, err := c.js.OrderedConsumer(ctx, streamName(p.id.topic, p.id.partition), jetstream.OrderedConsumerConfig{
			DeliverPolicy: jetstream.DeliverByStartSequencePolicy,
			OptStartSeq:   uint64(r.next) + 1,

			InactiveThreshold: inactive,
			// The client's own attempts cannot be ended.
			MaxResetAttempts: 1,
		})
		if err != nil {
			return err
		}
		r.messages, err = consumer.Messages(
			jetstream.PullMaxMessagesWithBytesLimit(pullMessages, int(c.nc.MaxPayload())+headroom),
			// Two heartbeats missed mean that the server has lost the consumer.
			jetstream.PullHeartbeat(min(max(c.cfg.Idle, minHeartbeat), pullExpiry/3)), jetstream.PullExpiry(pullExpiry))
		return err
	})
}

// afterHole returns the offset of the first record at or after at. They differ
// when somebody has deleted single records.
func (c *Conn) afterHole(ctx context.Context, id topicPartition, info *jetstream.StreamInfo, at int64) (int64, error) {
	if info.State.NumDeleted == 0 || at >= int64(info.State.LastSeq) {
		return at, nil
	}
	err := c.call(ctx, "find the record after offset "+strconv.FormatInt(at, 10)+" of "+id.String(), func(ctx context.Context) error {
		s, err := c.js.Stream(ctx, info.Config.Name)
		if err != nil {
			return err
		}
		msg, err := s.GetMsg(ctx, uint64(at)+1, jetstream.WithGetMsgSubject(subject(id.topic, id.partition)))
		if err == nil {
			at = int64(msg.Sequence) - 1
		}
		return err
	})
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return int64(info.State.LastSeq), nil
	}
	return at, err
}

// run reads until ctx ends or records are missing.
func (r *reader) run(ctx context.Context) {
	defer close(r.done)
	defer func() { r.messages.Stop() }()
	r.rewatch(ctx)
	defer func() { r.end() }()
	for {
		err := r.step(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			r.p.fail(ctx, err)
			return
		}
	}
}

// step reads one message, or checks the stream when none has come for long. A
// timer for each message would cost as much as the message.
func (r *reader) step(ctx context.Context) error {
	msg, err := r.messages.Next(r.until)
	switch {
	case err == nil:
		r.came = true
		return r.take(ctx, msg)
	case r.watch.Err() != nil:
		came := r.came
		r.rewatch(ctx)
		if came {
			return nil
		}
		return r.watchdog(ctx)
	case errors.Is(err, nats.ErrTimeout):
		return nil
	}
	return r.reopen(ctx)
}

// rewatch begins a watch. Two of them without a message are what checkEvery
// allows.
func (r *reader) rewatch(ctx context.Context) {
	if r.end != nil {
		r.end()
	}
	r.watch, r.end = context.WithTimeout(ctx, checkEvery*r.p.m.conn.cfg.Idle/2)
	r.until = jetstream.NextContext(r.watch)
	r.came = false
}

// reopen goes on where the reader was, as soon as there is a server.
func (r *reader) reopen(ctx context.Context) error {
	r.messages.Stop()
	for wait := retryFirst; ; wait = min(2*wait, retryLimit) {
		err := r.open(ctx)
		if err == nil {
			_, err = r.check(ctx)
			return err
		}
		if !errors.Is(err, driver.ErrUnreachable) {
			return err
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}

func (r *reader) take(ctx context.Context, msg jetstream.Msg) error {
	meta, err := msg.Metadata()
	if err != nil {
		return fmt.Errorf("nats: read %s: %w", r.p.id, err)
	}
	offset := int64(meta.Sequence.Stream) - 1
	if offset != r.next {
		return r.missing(offset)
	}
	rec := fromNATS(&r.memory, msg.Headers(), msg.Data(), meta.Timestamp)
	rec.Topic, rec.Partition, rec.Offset = r.p.id.topic, r.p.id.partition, offset
	r.next++
	return r.p.push(ctx, rec)
}

// watchdog looks why no message comes. When there are some, the consumer is
// made anew.
func (r *reader) watchdog(ctx context.Context) error {
	behind, err := r.check(ctx)
	if err != nil || !behind {
		return err
	}
	return r.reopen(ctx)
}

// check finds out that the record to come was dropped, or that the stream has
// lost what was read from it, and whether there is something to read.
func (r *reader) check(ctx context.Context) (behind bool, err error) {
	info, err := r.p.m.conn.streamInfo(ctx, r.p.id.topic, r.p.id.partition)
	if errors.Is(err, driver.ErrUnreachable) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	first, end := bounds(&info.State)
	if r.next < first || r.next > end {
		return false, r.missing(first)
	}
	return r.next < end, nil
}

func (r *reader) missing(left int64) error {
	return fmt.Errorf("nats: read %s: the stream has no record at offset %d and goes on at %d", r.p.id, r.next, left)
}
