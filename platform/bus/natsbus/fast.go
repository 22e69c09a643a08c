package natsbus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// A message of a fast batch says in its reply subject what it is:
//
//	<inbox>.<batch>.<flow>.<gap mode>.<sequence>.<operation>.$FI
//
// With the gap mode fail the server appends message after message, and ends
// the batch at the first one that is not the next. It acknowledges on the way,
// about every flow messages, and in the end how many it has. Nothing is staged,
// so what precedes a gap stays.
const (
	fastFlow   = "100"
	fastMode   = ".fail."
	fastSuffix = ".$FI"

	fastStart  = ".0"
	fastAppend = ".1"
	fastCommit = ".2"
)

// errCutShort says that a batch ended before its last message.
var errCutShort = errors.New("the stream took only the beginning of a batch")

// A fastBatch waits for what the server answers.
type fastBatch struct {
	id       string
	progress chan struct{} // holds one token when the server has shown life
	answer   chan fastAnswer
}

// fastReplies receives the answers of all batches of a connection.
type fastReplies struct {
	mu      sync.Mutex
	inbox   string // "" before the first batch
	waiting map[string]*fastBatch
}

// begin registers a batch, and listens from the first one on.
func (f *fastReplies) begin(nc *nats.Conn) (*fastBatch, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.inbox == "" {
		inbox := nc.NewInbox()
		if _, err := nc.Subscribe(inbox+".>", f.receive); err != nil {
			return nil, err
		}
		f.inbox, f.waiting = inbox, make(map[string]*fastBatch)
	}
	b := &fastBatch{id: nuid.Next(), progress: make(chan struct{}, 1), answer: make(chan fastAnswer, 1)}
	f.waiting[b.id] = b
	return b, nil
}

func (f *fastReplies) end(b *fastBatch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.waiting, b.id)
}

// receive hands an answer to its batch. Only the first that says how a batch
// ends counts: what the server says of gaps and errors on the way precedes an
// acknowledgement of what it has.
func (f *fastReplies) receive(msg *nats.Msg) {
	id, _, _ := strings.Cut(msg.Subject[len(f.inbox)+1:], ".")
	f.mu.Lock()
	b := f.waiting[id]
	f.mu.Unlock()
	if b == nil {
		return
	}
	answer := readFastAnswer(msg)
	if answer.Type != "" {
		signal(b.progress)
		return
	}
	select {
	case b.answer <- answer:
	default:
	}
}

// A fastAnswer is what the server says about a batch. One without a type is the
// last.
type fastAnswer struct {
	Type  string              `json:"type"`
	Count int                 `json:"count"` // messages that the stream has
	Error *jetstream.APIError `json:"error"`

	unread error
}

func readFastAnswer(msg *nats.Msg) (a fastAnswer) {
	if len(msg.Data) == 0 {
		return fastAnswer{unread: nats.ErrNoResponders}
	}
	if err := json.Unmarshal(msg.Data, &a); err != nil {
		return fastAnswer{unread: fmt.Errorf("the stream's acknowledgement: %w", err)}
	}
	return a
}

// outcome is nil when the stream has all n messages of the batch.
func (a *fastAnswer) outcome(n int) error {
	switch {
	case a.unread != nil:
		return a.unread
	case a.Error != nil:
		return a.Error
	case a.Count != n:
		return fmt.Errorf("%w: %d of %d messages", errCutShort, a.Count, n)
	}
	return nil
}

// sendFast sends a fast batch once, and returns nil when the stream has all of
// it. On an error the stream has a beginning of it, or will have.
func (c *Conn) sendFast(ctx context.Context, batch []*nats.Msg) error {
	b, err := c.replies.begin(c.nc)
	if err != nil {
		return err
	}
	defer c.replies.end(b)
	address(batch, c.replies.inbox+"."+b.id+"."+fastFlow+fastMode)
	for _, msg := range batch {
		if err := c.nc.PublishMsg(msg); err != nil {
			return err
		}
	}
	return b.wait(ctx, len(batch))
}

// address gives each message of a batch its reply subject. All are cut from one
// string.
func address(batch []*nats.Msg, prefix string) {
	const digits = 4 // of batchRecords
	size := len(prefix) + digits + len(fastAppend) + len(fastSuffix)
	texts := make([]byte, 0, len(batch)*size)
	for i := range batch {
		op := fastAppend
		switch i {
		case 0:
			op = fastStart
		case len(batch) - 1:
			op = fastCommit
		}
		texts = append(texts, prefix...)
		texts = strconv.AppendInt(texts, int64(i+1), 10)
		texts = append(append(texts, op...), fastSuffix...)
	}
	cut(batch, string(texts))
}

// cut shares out the reply subjects, each of which ends with fastSuffix.
func cut(batch []*nats.Msg, texts string) {
	for _, msg := range batch {
		end := strings.Index(texts, fastSuffix) + len(fastSuffix)
		msg.Reply, texts = texts[:end], texts[end:]
	}
}

// wait returns when the stream has n messages, or has ended the batch, or has
// shown no life for ackWithin.
func (b *fastBatch) wait(ctx context.Context, n int) error {
	idle := time.NewTimer(ackWithin)
	defer idle.Stop()
	for {
		select {
		case answer := <-b.answer:
			return answer.outcome(n)
		case <-b.progress:
			idle.Reset(ackWithin)
		case <-idle.C:
			return errNoAnswer
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
