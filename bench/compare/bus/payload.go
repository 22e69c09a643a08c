package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	learning "github.com/pulselearn/campus-hub/bench/compare/gen/event/learning/v1"
	"github.com/pulselearn/campus-hub/bench/compare/lesson"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/schema"
)

const (
	// batch is what the relay publishes at once.
	batch = 1000
	// schemaID is the id that the registry of this benchmark gives.
	schemaID = 7
	// partitions of every topic.
	partitions = 12
)

// A message is an event as it is on the wire, prepared for those rows that
// only carry bytes.
type message struct {
	key     []byte
	value   []byte // framed
	headers []event.Header
	time    time.Time

	natsHeaders []event.Header // the same for NATS
}

// lessons are as many events as a batch has, each with its own key.
func lessons() []*learning.LessonCompleted {
	list := make([]*learning.LessonCompleted, batch)
	for i := range list {
		list[i] = lesson.Sample()
		list[i].StudentID = fmt.Sprintf("0192f0c1-7a3e-7c55-9d2b-4f8e1a6b%04x", i)
	}
	return list
}

// envelope has the attributes that make the eight headers: content-type,
// specversion, id, source, type, subject, time and partitionkey.
func envelope(m event.Message, at time.Time, extensions []event.Extension) event.Envelope {
	t := m.EventType()
	return event.Envelope{
		ID: event.NewIDAt(at), Source: t.Source(), Type: t.Topic, Subject: m.EventSubject(),
		Time: at, DataContentType: event.ContentTypeAvro,
		Extensions: append(extensions, event.Extension{Name: event.ExtPartitionKey, Value: m.EventKey()}),
	}
}

// prepared are the bytes of lessons.
func prepared() ([]message, error) {
	list := make([]message, batch)
	for i, e := range lessons() {
		data, err := e.AppendBinary(schema.AppendFrame(nil, schemaID))
		if err != nil {
			return nil, err
		}
		env := envelope(e, time.Now().UTC().Truncate(time.Microsecond), nil)
		list[i] = message{[]byte(e.EventKey()), data, event.AppendKafkaHeaders(nil, &env), env.Time, event.AppendNATSHeaders(nil, &env)}
	}
	return list, nil
}

// A staticRegistry has one schema, and is asked for it once.
type staticRegistry struct{ schema.Registry }

// Schema implements [schema.Registry].
func (staticRegistry) Schema(context.Context, schema.Frame) (schema.Document, error) {
	return schema.Document{Text: learning.LessonCompletedType.Schema}, nil
}

// unframe returns the datum of a value that was written with schemaID.
func unframe(value []byte) ([]byte, error) {
	if len(value) < 5 || value[0] != 0 || binary.BigEndian.Uint32(value[1:]) != schemaID {
		return nil, fmt.Errorf("value is not framed with schema id %d", schemaID)
	}
	return value[5:], nil
}
