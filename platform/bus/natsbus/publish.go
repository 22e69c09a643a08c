package natsbus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
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

// Headers of atomic batches, which the server defines.
const (
	headerBatch    = "Nats-Batch-Id"
	headerSequence = "Nats-Batch-Sequence"
	headerCommit   = "Nats-Batch-Commit"
)

// Codes of the server that the client has no names for.
const (
	codeDuplicateInFlight = 10158
	codeIncomplete        = 10176
	codeDuplicates        = 10201
	codeManyInFlight      = 10210
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
// The records of a partition are written in atomic batches, one after another:
// of a batch that fails nothing is written, so that no record overtakes an
// earlier one of its key. A batch whose outcome is unknown is sent again, and
// the stream recognizes it within two minutes.
func (c *Conn) Publish(ctx context.Context, records []*driver.Record) error {
	runs, err := c.runs(ctx, records)
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
			return nil, err
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
			return nil, fmt.Errorf("nats: publish to %s: %w", rec.Topic, err)
		}
		msg.Header[nats.MsgIdHdr] = []string{id + "-" + strconv.Itoa(i)}
		r.messages, r.sizes = append(r.messages, msg), append(r.sizes, size(rec))
	}
	return list, nil
}

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
	for at := 0; at < len(r.messages); {
		n := batchOf(r.sizes[at:])
		if err := c.writeBatch(ctx, r, r.messages[at:at+n]); err != nil {
			return c.publishError(r.topic, err)
		}
		at += n
	}
	return nil
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

func (c *Conn) sendWithin(ctx context.Context, patience time.Duration, batch []*nats.Msg) error {
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := c.send(within, batch)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return errNoAnswer
	}
	return err
}

// send sends a batch once. Only its last message is answered.
func (c *Conn) send(ctx context.Context, batch []*nats.Msg) error {
	if len(batch) > 1 {
		number(batch)
	}
	last := len(batch) - 1
	for _, msg := range batch[:last] {
		if err := c.nc.PublishMsg(msg); err != nil {
			return err
		}
	}
	answer, err := c.nc.RequestMsgWithContext(ctx, batch[last])
	if err != nil {
		return err
	}
	return acknowledged(answer.Data)
}

// number makes messages a batch under a name of its own: what is left of an
// earlier attempt must not mix with this one.
func number(batch []*nats.Msg) {
	id := []string{nuid.Next()}
	for i, msg := range batch {
		msg.Header[headerBatch] = id
		msg.Header[headerSequence] = sequences[i]
	}
	batch[len(batch)-1].Header[headerCommit] = []string{"1"}
}

// sequences are the values of headerSequence.
var sequences = func() (list [batchRecords][]string) {
	for i := range list {
		list[i] = []string{strconv.Itoa(i + 1)}
	}
	return list
}()

func acknowledged(answer []byte) error {
	var ack struct {
		Stream string              `json:"stream"`
		Error  *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(answer, &ack); err != nil {
		return fmt.Errorf("the stream's acknowledgement: %w", err)
	}
	if ack.Error != nil {
		return ack.Error
	}
	if ack.Stream == "" {
		return errors.New("the acknowledgement comes from no stream; does something else answer on its subject?")
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
