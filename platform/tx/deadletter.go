package tx

import (
	"encoding/binary"
	"strconv"
	"time"

	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/hold"
	"github.com/pulselearn/campus-hub/platform/outbox"
)

// DeadLetters returns the topic of what a context could not handle of a topic.
// It has the partition count of the topic.
func DeadLetters(topic, context string) string { return topic + "." + context + ".dlq" }

// Headers that a dead letter's copy has besides those of its record.
const (
	headerCause     = "pl-cause"
	headerConsumer  = "pl-consumer"
	headerPartition = "pl-partition"
	headerOffset    = "pl-offset"
	headerAttempts  = "pl-attempts"
	headerFailedAt  = "pl-failed-at"
	headerOmitted   = "pl-omitted" // why the copy has no value
)

// maxCopy is the size of the largest record that a copy is made of; with its
// headers it still fits into the batch of a producer.
const maxCopy = MaxEventSize + maxAttributes

// deadLetter returns the copy of a dead row's record for other tools. Its
// value, headers and key are the record's own. Of a record that would be too
// large with more headers the value is left out, and a key or headers of that
// size too; the row has them.
func (s *Store) deadLetter(row *hold.Row) outbox.Event {
	copied := outbox.Event{
		Topic: DeadLetters(row.Topic, s.service.Context), Key: row.Key, Data: row.Value,
		Envelope: event.Envelope{ID: event.NewID(), Time: row.LastFailedAt},
	}
	size := len(row.Key)
	if size > maxCopy {
		copied.Key = nil
	}
	for _, h := range row.Headers {
		size += len(h.Key) + len(h.Value) + 2*binary.MaxVarintLen32
	}
	if size <= maxCopy {
		copied.Headers = append(copied.Headers, row.Headers...)
	}
	add := func(name, value string) {
		copied.Headers = append(copied.Headers, event.Header{Key: name, Value: []byte(value)})
	}
	add(headerCause, row.Cause)
	add(headerConsumer, row.Consumer)
	add(headerPartition, strconv.Itoa(int(row.Partition)))
	add(headerOffset, strconv.FormatInt(row.Offset, 10))
	add(headerAttempts, strconv.Itoa(row.Attempts))
	add(headerFailedAt, row.LastFailedAt.Format(time.RFC3339Nano))
	if size+len(row.Value) > maxCopy {
		copied.Data = nil
		add(headerOmitted, "the record is too large to be copied whole; the hold of "+row.Consumer+" has it")
	}
	return copied
}
