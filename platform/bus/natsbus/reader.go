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
	"github.com/pulselearn/campus-hub/platform/bus/natsbus/internal/wire"
)

// checkEvery is after how many idle intervals a reader without messages asks
// whether the stream still has what it waits for.
const checkEvery = 10

// burst is how many records are queued at once at most.
const burst = 100

// A reader fills a partition's queue from one Seek to the next.
type reader struct {
	p    *partition
	next int64
	pull *pull
	done chan struct{}

	heard time.Time // when the server last showed life, or was not listened to
	came  time.Time // when messages came, or it was seen why none did

	taken  []*driver.Record // not yet queued
	memory memory
}

// read begins to read a partition at an offset.
func (c *Conn) read(ctx context.Context, p *partition, at int64) (*reader, error) {
	r := &reader{p: p, next: at, done: make(chan struct{})}
	return r, r.open(ctx)
}

func (r *reader) open(ctx context.Context) error {
	p, c := r.p, r.p.m.conn
	return c.call(ctx, "read "+p.id.String(), func(ctx context.Context) error {
		pull, err := c.pull(ctx, streamName(p.id.topic, p.id.partition), uint64(r.next)+1)
		if err != nil {
			return err
		}
		r.pull, r.heard = pull, time.Now()
		r.came = r.heard
		return nil
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
	defer func() { r.pull.stop() }()
	tick := time.NewTicker(r.p.m.conn.heartbeat())
	defer tick.Stop()
	for ctx.Err() == nil {
		if err := r.step(ctx, tick.C); err != nil {
			r.p.fail(ctx, err)
			return
		}
	}
}

// step reads what has come, or finds out why nothing does. A consumer that
// cannot be read is replaced.
func (r *reader) step(ctx context.Context, tick <-chan time.Time) error {
	select {
	case msg := <-r.pull.messages:
		err := r.take(ctx, msg)
		if errors.Is(err, errDeliveryLost) {
			return r.reopen(ctx)
		}
		return err
	case <-tick:
		return r.watch(ctx)
	case <-r.pull.session.Done():
		return r.reopen(ctx)
	case <-ctx.Done():
		return nil
	}
}

// watch finds out whether the server has lost the consumer, when it shows no
// life, and whether the stream has what is read next, when nothing has come
// for long.
func (r *reader) watch(ctx context.Context) error {
	switch c := r.p.m.conn; {
	case time.Since(r.heard) > 2*c.heartbeat():
		return r.reopen(ctx)
	case time.Since(r.came) > checkEvery*c.cfg.Idle:
		r.came = time.Now()
		return r.watchdog(ctx)
	}
	return nil
}

// reopen goes on where the reader was, as soon as there is a server.
func (r *reader) reopen(ctx context.Context) error {
	r.pull.stop()
	if r.pull.delivered == 0 { // the next one may end as this one
		if err := pause(ctx, retryFirst); err != nil {
			return err
		}
	}
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

// take queues the records that have come, as far as they follow one another.
func (r *reader) take(ctx context.Context, msg *nats.Msg) error {
	err := r.collect(msg)
	if len(r.taken) > 0 {
		r.came = time.Now()
		if err := r.p.push(ctx, r.taken); err != nil {
			return err
		}
		clear(r.taken)
		r.taken = r.taken[:0]
	}
	r.heard = time.Now()
	if err != nil {
		return err
	}
	return r.pull.ask()
}

// collect takes a message and those that came with it.
func (r *reader) collect(msg *nats.Msg) error {
	for {
		if err := r.record(msg); err != nil || len(r.taken) == burst {
			return err
		}
		select {
		case msg = <-r.pull.messages:
		default:
			return nil
		}
	}
}

func (r *reader) record(msg *nats.Msg) error {
	d, ok, err := r.pull.read(msg)
	if !ok {
		return err
	}
	offset := int64(d.Sequence) - 1
	if offset != r.next {
		return r.missing(offset)
	}
	rec := r.content(d, msg)
	rec.Topic, rec.Partition, rec.Offset = r.p.id.topic, r.p.id.partition, offset
	r.next++
	r.taken = append(r.taken, rec)
	return nil
}

func (r *reader) content(d wire.Delivery, msg *nats.Msg) *driver.Record {
	stored := time.Unix(0, d.Nanos)
	if n := d.Headers; n >= 0 && n <= len(msg.Data) {
		return fromBlock(&r.memory, msg.Data[:n:n], msg.Data[n:], stored)
	}
	return fromNATS(&r.memory, msg.Header, msg.Data, stored)
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
