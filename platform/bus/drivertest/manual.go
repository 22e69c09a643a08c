package drivertest

import (
	"context"
	"errors"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// manual is a handler whose partitions the case itself works on.
type manual struct {
	partitions chan driver.Partition
	revoked    chan driver.Partition
}

func newManual() *manual {
	return &manual{partitions: make(chan driver.Partition, 64), revoked: make(chan driver.Partition, 64)}
}

func (m *manual) Assigned(p driver.Partition) { m.partitions <- p }
func (m *manual) Revoked(p driver.Partition)  { m.revoked <- p }

// assigned waits for a partition.
func (s *suite) assigned(m *manual) driver.Partition {
	s.Helper()
	select {
	case p := <-m.partitions:
		return p
	case <-s.ctx.Done():
		s.Fatal("no partition was assigned")
		return nil
	}
}

// only joins a group that reads a topic of one partition, and returns that.
func (s *suite) only(conn driver.Conn, topic string) driver.Partition {
	s.Helper()
	m := newManual()
	s.join(conn, "pl.drivertest.only", topic, m)
	return s.assigned(m)
}

func (s *suite) seek(p driver.Partition, offset int64) int64 {
	s.Helper()
	at, err := p.Seek(s.ctx, offset)
	if err != nil {
		s.Fatalf("seek to %d: %v", offset, err)
	}
	return at
}

// fetch returns exactly n records, however many fetches that takes.
func (s *suite) fetch(p driver.Partition, n int) []*driver.Record {
	s.Helper()
	var all []*driver.Record
	for len(all) < n {
		records, err := p.Fetch(s.ctx, n-len(all), 1<<20)
		if err != nil {
			s.Fatalf("fetch after %d of %d records: %v", len(all), n, err)
		}
		if len(records) == 0 {
			s.Fatal("fetch returned no record and no error")
		}
		all = append(all, records...)
	}
	if len(all) > n {
		s.Fatalf("fetched %d records, asked for %d", len(all), n)
	}
	return all
}

// nothing checks that no record comes for a while.
func (s *suite) nothing(p driver.Partition, why string) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, 500*time.Millisecond)
	defer cancel()
	records, err := p.Fetch(ctx, 10, 1<<20)
	if len(records) > 0 {
		s.Fatalf("fetched offset %d: %s", records[0].Offset, why)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		s.Fatalf("fetch with nothing to fetch returned %v, want the context's error", err)
	}
}
