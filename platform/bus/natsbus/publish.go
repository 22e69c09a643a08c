package natsbus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
	"golang.org/x/sync/errgroup"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

const (
	// A server takes at most this many messages in one atomic batch.
	batchRecords = 1000
	// batchBytes keeps a batch from being cut off by a slow connection.
	batchBytes = 4 << 20
	// publishStreams bounds how many partitions one publish writes at a time.
	publishStreams = 16

	retryFirst = 20 * time.Millisecond
	retryLimit = time.Second

	// ackWithin is how long the first attempt to write a batch waits for its
	// answer, which a leader takes along when it dies. Each further attempt
	// waits twice as long, up to answerWithin.
	ackWithin = 2 * time.Second
)

// Codes of the server that the client has no names for.
const (
	codeDuplicateInFlight = 10158
	codeIncomplete        = 10176
	codeDuplicates        = 10201
	codeManyInFlight      = 10210
	codeNoFastBatches     = 10205
)

// A run is what one publish writes to one partition, in order.
type run struct {
	topic     string
	partition int32
	subject   string
	messages  []*nats.Msg
	sizes     []int // of the messages, about
}

// Publish implements [driver.Conn]. While the server is away it waits for it,
// as long as ctx allows.
//
// The records of a partition are written in batches, one after another: fast
// ones, of which a failure leaves a beginning and no more, or atomic ones, of
// which it leaves nothing. So no record overtakes an earlier one of its key. A
// batch whose outcome is unknown is sent again as an atomic one, and the stream
// recognizes what it has of it within two minutes.
func (c *Conn) Publish(ctx context.Context, records []*driver.Record) error {
	runs, err := c.runs(ctx, records)
	defer release(runs)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(publishStreams)
	for _, r := range runs {
		group.Go(func() error { return c.write(ctx, r) })
	}
	return group.Wait()
}

// runs sorts records by partition. Every message gets an id under which its
// stream recognizes it.
func (c *Conn) runs(ctx context.Context, records []*driver.Record) ([]*run, error) {
	type place struct {
		topic     string
		partition int32
	}
	var list []*run
	byPlace := make(map[place]*run)
	id := nuid.Next()
	for i, rec := range records {
		count, err := c.awaitTopic(ctx, rec.Topic)
		if err != nil {
			return list, err
		}
		at := place{rec.Topic, partitionOf(rec.Key, count)}
		r := byPlace[at]
		if r == nil {
			r = &run{topic: at.topic, partition: at.partition, subject: subject(at.topic, at.partition)}
			byPlace[at] = r
			list = append(list, r)
		}
		msg, err := toNATS(rec, r.subject)
		if err != nil {
			return list, fmt.Errorf("nats: publish to %s: %w", rec.Topic, err)
		}
		msg.Header[nats.MsgIdHdr] = []string{id + "-" + strconv.Itoa(i)}
		r.messages, r.sizes = append(r.messages, msg), append(r.sizes, size(rec))
	}
	return list, nil
}

// release gives back the headers of messages that nobody sends any more.
func release(runs []*run) {
	for _, r := range runs {
		for _, msg := range r.messages {
			clear(msg.Header)
			headers.Put(msg.Header)
		}
	}
}

// headers are maps of messages that were sent: a new one costs as much as what
// is written into it.
var headers = sync.Pool{New: func() any { return make(nats.Header, usualHeaders) }}

// awaitTopic returns a topic's partition count, and waits for a server that is
// away.
func (c *Conn) awaitTopic(ctx context.Context, topic string) (int32, error) {
	for {
		n, err := c.knownPartitions(ctx, topic)
		if !errors.Is(err, driver.ErrUnreachable) || ctx.Err() != nil {
			return n, err
		}
		if err := pause(ctx, retryLimit); err != nil {
			return 0, err
		}
	}
}

func (c *Conn) write(ctx context.Context, r *run) error {
	way := c.way(ctx, r)
	for at := 0; at < len(r.messages); {
		n := batchOf(r.sizes[at:])
		kind, n := way.choose(r.messages[at:at+n], r.sizes[at:at+n], time.Now())
		if err := c.writeAs(ctx, kind, r, r.messages[at:at+n], way); err != nil {
			return c.publishError(r.topic, err)
		}
		at += n
	}
	return nil
}

// writeAs writes a batch of a kind. A fast batch that does not succeed at once
// goes on as an atomic one.
func (c *Conn) writeAs(ctx context.Context, kind kind, r *run, batch []*nats.Msg, way *way) error {
	begin := time.Now()
	if kind == fast {
		err := c.once(ctx, func(ctx context.Context) error { return c.sendFast(ctx, batch) })
		if err == nil {
			way.took(fast, len(batch), time.Since(begin))
			return nil
		}
		if ctx.Err() != nil {
			return errors.Join(err, context.Cause(ctx))
		}
		way.avoid(err, time.Now())
		c.log.Debug("a fast batch did not succeed; writing the rest of it otherwise", "subject", r.subject, "error", err)
	}
	err := c.writeBatch(ctx, r, batch)
	if err == nil && kind == atomically {
		way.took(atomically, len(batch), time.Since(begin))
	}
	return err
}

// batchOf returns how many of the messages of these sizes make one batch.
func batchOf(sizes []int) int {
	n, bytes := 0, 0
	for n < len(sizes) && n < batchRecords {
		bytes += sizes[n]
		if n > 0 && bytes > batchBytes {
			break
		}
		n++
	}
	return n
}

// writeBatch sends a batch until its stream has it or refuses it.
func (c *Conn) writeBatch(ctx context.Context, r *run, batch []*nats.Msg) error {
	wait, patience := retryFirst, ackWithin
	for {
		err := c.once(ctx, func(ctx context.Context) error { return c.sendWithin(ctx, patience, batch) })
		patience = min(2*patience, answerWithin)
		switch {
		case err == nil:
			return nil
		case codeOf(err) == codeDuplicates && len(batch) > 1:
			return c.writeSingly(ctx, r, batch)
		case ctx.Err() != nil:
			return errors.Join(err, context.Cause(ctx))
		case errors.Is(err, nats.ErrNoResponders):
			if err := c.stillThere(ctx, r); err != nil {
				return err
			}
		case !again(err):
			return err
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
		wait = min(2*wait, retryLimit)
	}
}

// writeSingly completes a batch that the stream knows from an earlier attempt.
// All of it should be there; whatever is not, after a crash of the server, is
// written behind it.
func (c *Conn) writeSingly(ctx context.Context, r *run, batch []*nats.Msg) error {
	for i, msg := range batch {
		for _, name := range [...]string{headerBatch, headerSequence, headerCommit} {
			delete(msg.Header, name)
		}
		if err := c.writeBatch(ctx, r, batch[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

// again tells whether a batch may be sent once more after an error.
func again(err error) bool {
	switch codeOf(err) {
	case codeDuplicateInFlight, codeIncomplete, codeManyInFlight:
		return true
	}
	return unreachable(err)
}

// stillThere tells a topic that was deleted from a server that is starting.
func (c *Conn) stillThere(ctx context.Context, r *run) error {
	_, err := c.streamInfo(ctx, r.topic, r.partition)
	if errors.Is(err, errNoTopic) {
		c.forgetTopic(r.topic)
		return err
	}
	return nil
}

func (c *Conn) publishError(topic string, err error) error {
	if errors.Is(err, nats.ErrMaxPayload) {
		return fmt.Errorf("nats: publish to %s: a record with its headers is larger than the server allows (max_payload): %w", topic, err)
	}
	if errors.Is(err, errNoTopic) {
		return err
	}
	return c.explain("publish to "+topic, err)
}

func codeOf(err error) jetstream.ErrorCode {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return api.ErrorCode
	}
	return 0
}

// pause waits, or returns why ctx ended.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
