package drivertest

import (
	"context"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// Returning is a broker whose members can have a name that they keep when they
// are started again.
type Returning struct {
	// Open returns a connection of the instance, "" for one without a name, and
	// what makes it end without a word, as kill -9 of its process does.
	Open func(t *testing.T, instance string) (conn driver.Conn, kill func())
}

// returnWithin is how long a named member may wait for its partitions. It is
// far less than any session's time.
const returnWithin = 3 * time.Second

// Return checks that a named member that dies has its partitions at once when
// it is back, even though there is another member, and that one that leaves in
// good order gives them to the other at once.
func Return(t *testing.T, r Returning) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s := &suite{T: t, ctx: ctx}
	conn, _ := r.Open(t, "other")
	t.Cleanup(func() { _ = conn.Close() })
	topic := s.topic(conn, "return", 4)
	other := newManual()
	s.join(conn, "pl.drivertest.return", topic, other)
	s.takes(other, 4)

	named, kill := r.Open(t, "named")
	first := newManual()
	_, err := named.Join(ctx, "pl.drivertest.return", []string{topic}, first)
	s.must(err)
	s.takes(first, 2)
	kill()
	t.Cleanup(func() { go func() { _ = named.Close() }() }) // it takes its time, with nobody to talk to

	back, _ := r.Open(t, "named")
	t.Cleanup(func() { _ = back.Close() })
	second := newManual()
	begin := time.Now()
	member, err := back.Join(ctx, "pl.drivertest.return", []string{topic}, second)
	s.must(err)
	s.takes(second, 2)
	took := time.Since(begin)
	if took > returnWithin {
		t.Errorf("a member that is back has its partitions after %s, want less than %s", took, returnWithin)
	}
	for len(other.revoked) > 0 {
		<-other.revoked
	}
	for len(other.partitions) > 0 {
		<-other.partitions
	}
	begin = time.Now()
	s.close(member)
	s.takes(other, 2)
	if left := time.Since(begin); left > returnWithin {
		t.Errorf("the partitions of a member that left are taken over after %s, want less than %s", left, returnWithin)
	} else {
		t.Logf("back after %s, handed over after %s", took.Round(time.Millisecond), left.Round(time.Millisecond))
	}
}

// takes waits for n partitions.
func (s *suite) takes(m *manual, n int) {
	s.Helper()
	for range n {
		s.assigned(m)
	}
}
