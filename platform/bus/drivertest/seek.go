package drivertest

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

var seekTests = []test{
	{"nothing arrives before the first seek", func(s *suite) {
		conn := s.open()
		topic := s.topic(conn, "unsought", 1)
		s.publish(conn, keyed(topic, 0, 0))
		p := s.only(conn, topic)
		s.nothing(p, "the partition was not sought")
		s.seek(p, driver.Earliest)
		s.fetch(p, 1)
	}},
	{"seek goes to an offset, and says where it is", func(s *suite) {
		p := s.numbered(20)
		for _, c := range []struct{ to, at int64 }{
			{driver.Earliest, 0}, {0, 0}, {7, 7}, {19, 19}, {3, 3},
		} {
			s.seeks(p, c.to, c.at)
		}
	}},
	{"latest is the next record", func(s *suite) {
		conn := s.open()
		topic := s.topic(conn, "latest", 1)
		s.publish(conn, keyed(topic, 0, 0), keyed(topic, 0, 1))
		p := s.only(conn, topic)
		if at := s.seek(p, driver.Latest); at != 2 {
			s.Errorf("latest is %d, want 2", at)
		}
		s.publish(conn, keyed(topic, 0, 2))
		if r := s.fetch(p, 1)[0]; r.Offset != 2 {
			s.Errorf("fetched offset %d, want 2", r.Offset)
		}
	}},
	{"the end is an offset like others", func(s *suite) {
		p := s.numbered(3)
		if at := s.seek(p, 3); at != 3 {
			s.Errorf("at %d, want 3", at)
		}
		s.nothing(p, "it is before the position")
	}},
	{"beyond the end begins at the oldest record", func(s *suite) {
		s.seeks(s.numbered(3), 50, 0)
	}},
	{"a dropped offset begins at the oldest that is left", func(s *suite) {
		s.need(s.broker.Truncate != nil, "way to drop records")
		p := s.numbered(20)
		s.broker.Truncate(s.T, p.Topic(), 0, 8)
		s.seeks(p, 2, 8)
		s.seeks(p, driver.Earliest, 8)
		s.seeks(p, 12, 12)
	}},
	{"dropped records are an error and never a silent gap", func(s *suite) {
		s.need(s.broker.Truncate != nil, "way to drop records")
		conn := s.open()
		topic := s.topic(conn, "overtaken", 1)
		const n = 12 // more than a driver should fetch ahead
		for i := range n {
			s.publish(conn, &driver.Record{Topic: topic, Key: []byte("k"), Value: noise(600<<10 + i)})
		}
		p := s.only(conn, topic)
		s.seek(p, driver.Earliest)
		s.fetch(p, 1)
		s.broker.Truncate(s.T, topic, 0, n)
		next := int64(1)
		for next < n {
			records, err := p.Fetch(s.ctx, 1, 1<<20)
			if err != nil {
				break
			}
			if records[0].Offset != next {
				s.Fatalf("offset %d follows %d without an error", records[0].Offset, next-1)
			}
			next++
		}
		if s.ctx.Err() != nil {
			s.Fatalf("fetch from an offset that was dropped waits for ever")
		}
		s.publish(conn, keyed(topic, 0, 0))
		s.seeks(p, next, n)
	}},
	{"seeking again drops what was fetched ahead", func(s *suite) {
		conn := s.open()
		topic := s.topic(conn, "again", 1)
		more := func() { s.publish(conn, counted(topic, 200)...) }
		more()
		p := s.only(conn, topic)
		random := rand.New(rand.NewPCG(1, 2))
		for range 60 {
			at := random.Int64N(195)
			s.seeks(p, at, at)
			var wg sync.WaitGroup
			wg.Go(more) // arrives while the next seek is under way
			next := random.Int64N(195)
			s.seeks(p, next, next)
			wg.Wait()
		}
	}},
	{"fetch keeps its limits", func(s *suite) {
		conn := s.open()
		topic := s.topic(conn, "limits", 1)
		for i := range 10 {
			s.publish(conn, &driver.Record{Topic: topic, Key: []byte("k"), Value: noise(1000 * (i + 1))})
		}
		p := s.only(conn, topic)
		s.seek(p, driver.Earliest)
		for next := int64(0); next < 10; {
			records, err := p.Fetch(s.ctx, 3, 5000)
			if err != nil {
				s.Fatal(err)
			}
			bytes := 0
			for _, r := range records {
				bytes += len(r.Key) + len(r.Value)
				if r.Offset != next {
					s.Fatalf("offset %d, want %d", r.Offset, next)
				}
				next++
			}
			if len(records) > 3 || len(records) > 1 && bytes > 5000 {
				s.Errorf("%d records of %d bytes, asked for 3 and 5000", len(records), bytes)
			}
		}
	}},
	{"a fetch ends with its context, returns what is at hand, and loses nothing", func(s *suite) {
		conn := s.open()
		topic := s.topic(conn, "deadline", 1)
		p := s.only(conn, topic)
		s.seek(p, driver.Earliest)
		s.nothing(p, "none was published")
		const n = 400
		var wg sync.WaitGroup
		wg.Go(func() {
			for batch := range slices.Chunk(counted(topic, n), 4) {
				if err := conn.Publish(s.ctx, batch); err != nil {
					s.Errorf("publish: %v", err)
				}
			}
		})
		for next := int64(0); next < n; {
			next = s.hurried(p, next)
		}
		wg.Wait()
		s.publish(conn, keyed(topic, 0, n), keyed(topic, 0, n+1))
		s.fetch(p, 1)
		ended, cancel := context.WithCancel(s.ctx)
		cancel()
		s.eventually("an ended context still gets what is at hand", func() bool {
			records, err := p.Fetch(ended, 10, 1<<20)
			if err != nil && !errors.Is(err, context.Canceled) {
				s.Fatalf("fetch with an ended context: %v", err)
			}
			return len(records) == 1 && records[0].Offset == n+1
		})
	}},
	{"a partition that is not fetched holds up no other", func(s *suite) {
		conn := s.open()
		topic := s.topic(conn, "backpressure", 2)
		m := newManual()
		s.join(conn, "g", topic, m)
		parts := map[int32]driver.Partition{}
		for range 2 {
			p := s.assigned(m)
			s.seek(p, driver.Earliest)
			parts[p.Index()] = p
		}
		full, free := keyFor(0, 2), keyFor(1, 2)
		const n = 12
		for i := range n {
			s.publish(conn, &driver.Record{Topic: topic, Key: full, Value: noise(600 << 10)},
				&driver.Record{Topic: topic, Key: free, Value: []byte{byte(i)}})
			s.fetch(parts[1], 1)
		}
		for i, r := range s.fetch(parts[0], n) {
			if r.Offset != int64(i) {
				s.Errorf("offset %d, want %d", r.Offset, i)
			}
		}
	}},
}

// hurried fetches with next to no time, and returns what is next afterwards.
func (s *suite) hurried(p driver.Partition, next int64) int64 {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, time.Millisecond)
	defer cancel()
	begin := time.Now()
	records, err := p.Fetch(ctx, 7, 1<<20)
	if took := time.Since(begin); took > time.Second {
		s.Errorf("a fetch with a millisecond of time took %s", took)
	}
	if len(records) == 0 && !errors.Is(err, context.DeadlineExceeded) || len(records) > 0 && err != nil {
		s.Fatalf("a fetch with a deadline returned %d records and %v", len(records), err)
	}
	for _, r := range records {
		if r.Offset != next {
			s.Fatalf("offset %d, want %d", r.Offset, next)
		}
		next++
	}
	return next
}

// numbered returns the only partition of a topic with n records.
func (s *suite) numbered(n int) driver.Partition {
	s.Helper()
	conn := s.open()
	topic := s.topic(conn, "numbered", 1)
	s.publish(conn, counted(topic, n)...)
	return s.only(conn, topic)
}

// counted returns n records of one key.
func counted(topic string, n int) []*driver.Record {
	var all []*driver.Record
	for i := range n {
		all = append(all, keyed(topic, 0, i))
	}
	return all
}

// seeks checks where a seek leads, by what it says and by what comes next.
func (s *suite) seeks(p driver.Partition, to, want int64) {
	s.Helper()
	if at := s.seek(p, to); at != want {
		s.Errorf("seek to %d says %d, want %d", to, at, want)
	}
	if r := s.fetch(p, 1)[0]; r.Offset != want {
		s.Fatalf("seek to %d fetched offset %d, want %d", to, r.Offset, want)
	}
}

// keyFor returns a key of a partition.
func keyFor(partition, partitions int32) []byte {
	for i := byte(0); ; i++ {
		if key := []byte{'k', i}; PartitionOf(key, partitions) == partition {
			return key
		}
	}
}
