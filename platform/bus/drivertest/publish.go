package drivertest

import (
	"fmt"
	"sync"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/event"
)

var publishTests = []test{
	{"records of one key keep their order", func(s *suite) {
		conn := s.open()
		topic := s.topic(conn, "order", 3)
		var all []*driver.Record
		for i := range 300 {
			all = append(all, keyed(topic, i%10, i/10))
		}
		for from := 0; from < len(all); from += 75 {
			s.publish(conn, all[from:from+75]...)
		}
		s.ordered(conn, topic, len(all))
	}},
	{"concurrent publishers keep each key's order", func(s *suite) {
		conn := s.open()
		topic := s.topic(conn, "concurrent", 3)
		const publishers, records = 8, 30
		var wg sync.WaitGroup
		for p := range publishers {
			wg.Go(func() {
				for i := range records {
					if err := conn.Publish(s.ctx, []*driver.Record{keyed(topic, p, i)}); err != nil {
						s.Errorf("publish: %v", err)
					}
				}
			})
		}
		wg.Wait()
		s.ordered(conn, topic, publishers*records)
	}},
	{"the partition is murmur2 of the key", func(s *suite) {
		conn := s.open()
		topic := s.topic(conn, "partitioner", 12)
		var all []*driver.Record
		for i := range 200 {
			all = append(all, keyed(topic, i*7919, 0))
		}
		s.publish(conn, all...)
		for _, r := range s.consumeAll(conn, topic, len(all)) {
			if want := PartitionOf(r.Key, 12); r.Partition != want {
				s.Errorf("key %s is in partition %d, want %d", r.Key, r.Partition, want)
			}
		}
	}},
	{"after success the records are the caller's again", func(s *suite) {
		conn := s.open()
		topic := s.topic(conn, "reuse", 1)
		header := []byte("0000")
		r := &driver.Record{Topic: topic, Key: []byte("k"), Value: []byte("0000"), Headers: []event.Header{{Key: "n", Value: header}}}
		const times = 200
		for i := range times {
			copy(r.Value, fmt.Sprintf("%04d", i))
			copy(header, r.Value)
			s.publish(conn, r)
		}
		for i, got := range s.consumeAll(conn, topic, times) {
			if want := fmt.Sprintf("%04d", i); string(got.Value) != want || string(got.Headers[0].Value) != want {
				s.Errorf("record %d has the value %q and the header %q", i, got.Value, got.Headers[0].Value)
			}
		}
	}},
	{"publishing nothing is no error", func(s *suite) {
		s.publish(s.open())
	}},
}

// keyed is the nth record of a key.
func keyed(topic string, key, n int) *driver.Record {
	return &driver.Record{Topic: topic, Key: fmt.Appendf(nil, "key-%d", key), Value: fmt.Append(nil, n)}
}

// consumeAll reads n records of a topic with one member.
func (s *suite) consumeAll(conn driver.Conn, topic string, n int) []*driver.Record {
	s.Helper()
	l := newLedger(s)
	s.join(conn, "pl.drivertest.all", topic, newConsumer("the member", l))
	return l.wait(n)
}

// ordered checks that the values of every key count up from 0.
func (s *suite) ordered(conn driver.Conn, topic string, n int) {
	s.Helper()
	s.countsUp(s.consumeAll(conn, topic, n))
}

func (s *suite) countsUp(records []*driver.Record) {
	s.Helper()
	next := make(map[string]int)
	partition := make(map[string]int32)
	for _, r := range records {
		key := string(r.Key)
		if want := fmt.Sprint(next[key]); string(r.Value) != want {
			s.Errorf("%s at %d/%d is number %s, want %s", key, r.Partition, r.Offset, r.Value, want)
		}
		if p, seen := partition[key]; seen && p != r.Partition {
			s.Errorf("%s is in partitions %d and %d", key, p, r.Partition)
		}
		next[key]++
		partition[key] = r.Partition
	}
}
