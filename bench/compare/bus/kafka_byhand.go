package main

import (
	"errors"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	learning "github.com/pulselearn/campus-hub/bench/compare/gen/event/learning/v1"
	"github.com/pulselearn/campus-hub/bench/compare/limit"
	"github.com/pulselearn/campus-hub/platform/event"
)

// attributes are those of an event, as one would keep them by hand.
type attributes struct {
	id, subject, partitionKey string
	at                        time.Time
}

var errForeign = errors.New("not an event of this topic")

// byHandConsume does by hand what a typed consumer has to do and nothing else,
// for this one event: the least that an event of this kind costs.
func byHandConsume(b *stage, group string, c *counter) (func() error, error) {
	return pollInto(b, group, func(fetches kgo.Fetches) error {
		var partitions sync.WaitGroup
		var failed sync.Map
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			partitions.Go(func() {
				if err := byHand(p.Records); err != nil {
					failed.Store(p.Partition, err)
				}
				c.add(len(p.Records))
			})
		})
		partitions.Wait()
		var errs []error
		failed.Range(func(_, err any) bool { errs = append(errs, err.(error)); return true })
		return errors.Join(errs...)
	})
}

func byHand(records []*kgo.Record) error {
	for _, r := range records {
		var a attributes
		if err := a.read(r.Headers); err != nil {
			return err
		}
		data, err := unframe(r.Value)
		if err != nil {
			return err
		}
		e := new(learning.LessonCompleted)
		if err := limit.Read(e, data); err != nil {
			return err
		}
		if e.StudentID != a.partitionKey {
			return errForeign
		}
	}
	return nil
}

func (a *attributes) read(headers []kgo.RecordHeader) (err error) {
	const prefix = "ce_"
	t := learning.LessonCompletedType
	for i := range headers {
		h := &headers[i]
		ok := true
		switch h.Key {
		case "content-type":
			ok = string(h.Value) == event.ContentTypeAvro
		case prefix + "specversion":
			ok = string(h.Value) == "1.0"
		case prefix + "source":
			ok = string(h.Value) == t.Source()
		case prefix + "type":
			ok = string(h.Value) == t.Topic
		case prefix + "id":
			a.id = string(h.Value)
		case prefix + "subject":
			a.subject = string(h.Value)
		case prefix + "partitionkey":
			a.partitionKey = string(h.Value)
		case prefix + "time":
			a.at, err = time.Parse(time.RFC3339Nano, string(h.Value))
		}
		if !ok || err != nil {
			return errors.Join(errForeign, err)
		}
	}
	return nil
}
