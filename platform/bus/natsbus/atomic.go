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
)

// Headers of atomic batches, which the server defines.
const (
	headerBatch    = "Nats-Batch-Id"
	headerSequence = "Nats-Batch-Sequence"
	headerCommit   = "Nats-Batch-Commit"
)

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
		msg.Reply = "" // of a fast batch before
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
