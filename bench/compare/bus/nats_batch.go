package main

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
	"golang.org/x/sync/errgroup"
)

// rawNATSAtomic writes what is for one partition as one atomic batch, as many
// at a time as there are partitions: of a batch that fails nothing is written,
// so that no event overtakes an earlier one of its key.
func rawNATSAtomic(b *stage, topic string) (sender, error) {
	return rawNATSBatches(b, topic, rawAtomicBatch)
}

// rawNATSFast does so with fast batches: of a batch that fails no more is
// written than what comes before the gap.
func rawNATSFast(b *stage, topic string) (sender, error) {
	return rawNATSBatches(b, topic, rawFastBatch)
}

type batchWriter func(ctx context.Context, nc *nats.Conn, subject string, messages []message, p int) error

func rawNATSBatches(b *stage, topic string, write batchWriter) (sender, error) {
	nc, _, err := connect(b)
	if err != nil {
		return sender{}, err
	}
	return sender{
		workers: shards,
		call: func(ctx context.Context, _ int) (int, error) {
			group, ctx := errgroup.WithContext(ctx)
			for p := range natsPartitions {
				group.Go(func() error { return write(ctx, nc, natsSubject(topic, p), b.messages, p) })
			}
			return batch, group.Wait()
		},
		close: func() error { nc.Close(); return nil },
	}, nil
}

// rawAtomicBatch publishes every message whose place belongs to partition p.
func rawAtomicBatch(ctx context.Context, nc *nats.Conn, subject string, messages []message, p int) error {
	id, last := []string{nuid.Next()}, len(messages)/natsPartitions
	for n := 1; n <= last; n++ {
		msg := rawNATSMessage(subject, &messages[(n-1)*natsPartitions+p])
		msg.Header["Nats-Batch-Id"], msg.Header["Nats-Batch-Sequence"] = id, []string{strconv.Itoa(n)}
		if n < last {
			if err := nc.PublishMsg(msg); err != nil {
				return err
			}
			continue
		}
		msg.Header["Nats-Batch-Commit"] = []string{"1"}
		answer, err := nc.RequestMsgWithContext(ctx, msg)
		if err != nil {
			return err
		}
		if bytes.Contains(answer.Data, []byte(`"error"`)) {
			return fmt.Errorf("atomic batch: %s", answer.Data)
		}
	}
	return nil
}

// rawFastBatch publishes every message whose place belongs to partition p. What
// is answered before the batch's acknowledgement is the server's flow control.
func rawFastBatch(ctx context.Context, nc *nats.Conn, subject string, messages []message, p int) error {
	inbox, last := nats.NewInbox(), len(messages)/natsPartitions
	sub, err := nc.SubscribeSync(inbox + ".>")
	if err != nil {
		return err
	}
	defer sub.Unsubscribe()
	for n := 1; n <= last; n++ {
		const start, more, commit = "0", "1", "2"
		op := more
		switch n {
		case 1:
			op = start
		case last:
			op = commit
		}
		msg := rawNATSMessage(subject, &messages[(n-1)*natsPartitions+p])
		msg.Reply = inbox + ".1000.fail." + strconv.Itoa(n) + "." + op + ".$FI"
		if err := nc.PublishMsg(msg); err != nil {
			return err
		}
	}
	for {
		answer, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return err
		}
		if bytes.Contains(answer.Data, []byte(`"count"`)) {
			return nil
		}
		if !bytes.Contains(answer.Data, []byte(`"type":"ack"`)) {
			return fmt.Errorf("fast batch: %s", answer.Data)
		}
	}
}
