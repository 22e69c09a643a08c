// Package drivertest is the conformance suite of package driver: an adapter
// for a broker is done when [Run] passes against it.
//
// The suite needs a broker that nothing else uses. It never sleeps; it waits
// for what must happen, and fails after [Harness].Patience.
package drivertest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// A Harness is the broker under test. The fields that are functions of one
// feature may be nil when the broker has no such thing; the cases that need
// them are then skipped by name.
type Harness struct {
	// Broker starts a broker of its own for one case, and stops it at the end
	// of t.
	Broker func(t *testing.T) Broker
	// Around runs one case; nil calls it. It may be synctest.Test.
	Around func(t *testing.T, f func(t *testing.T))
	// Patience is how long anything may take that the suite waits for; 30
	// seconds when 0.
	Patience time.Duration
	// Features says where brokers honestly differ.
	Features Features
	// Only are the parts of the suite to run: topics, admin, publish, content,
	// seek, tail, group, failure and network. All of them when nil.
	Only []string
}

// Features are differences between brokers that are no defects.
type Features struct {
	// Tombstones: a nil value is kept apart from an empty one.
	Tombstones bool
	// EmptyKeys: an empty key is kept apart from a nil one.
	EmptyKeys bool
	// NilHeaderValues: a nil header value is kept apart from an empty one.
	NilHeaderValues bool
	// UnorderedHeaders: headers keep the order of the values of one name, but
	// not that of the names.
	UnorderedHeaders bool
	// Compaction: topics can keep the last record of each key.
	Compaction bool
}

// A Broker is one running broker.
type Broker struct {
	// Open returns a new connection, which the case closes.
	Open func(t *testing.T) driver.Conn
	// Stop takes the broker down, and Start brings it back with all its
	// records at the same address.
	Stop, Start func(t *testing.T)
	// Truncate removes the records of a partition below an offset.
	Truncate func(t *testing.T, topic string, partition int32, below int64)
	// Committed returns the broker's copy of a position, or -1.
	Committed func(t *testing.T, group, topic string, partition int32) int64
	// Network is what every connection of Open goes through, and nil where
	// nothing can disturb it.
	Network Network
}

// A Network lies between connections and their broker.
type Network interface {
	// Latency delays everything by mean-jitter to mean+jitter each way.
	Latency(mean, jitter time.Duration) error
	// Drop ends all connections, once.
	Drop() error
	// Cut ends all connections and refuses new ones, until Mend.
	Cut()
	// Freeze loses whatever is sent without ending connections, until Mend.
	Freeze() error
	// Mend ends all disturbances.
	Mend() error
}

type test struct {
	name string
	run  func(s *suite)
}

// Run runs every case as a subtest.
func Run(t *testing.T, h Harness) {
	if h.Around == nil {
		h.Around = func(t *testing.T, f func(t *testing.T)) { f(t) }
	}
	if h.Patience == 0 {
		h.Patience = 30 * time.Second
	}
	for _, c := range h.tests() {
		t.Run(c.name, func(t *testing.T) {
			h.Around(t, func(t *testing.T) { c.run(newSuite(t, h)) })
		})
	}
}

func (h *Harness) tests() (tests []test) {
	for _, part := range []struct {
		name  string
		tests []test
	}{
		{"topics", topicTests}, {"admin", adminTests}, {"publish", publishTests}, {"content", contentTests},
		{"seek", seekTests}, {"tail", tailTests}, {"group", groupTests}, {"failure", failureTests}, {"network", networkTests},
	} {
		if h.Only == nil || slices.Contains(h.Only, part.name) {
			tests = append(tests, part.tests...)
		}
	}
	return tests
}

// A suite is what one case works with.
type suite struct {
	*testing.T
	h      Harness
	broker Broker
	ctx    context.Context // ends when patience does
}

func newSuite(t *testing.T, h Harness) *suite {
	ctx, cancel := context.WithTimeout(context.Background(), h.Patience)
	t.Cleanup(cancel)
	return &suite{T: t, h: h, broker: h.Broker(t), ctx: ctx}
}

// open returns a connection that ends with the case.
func (s *suite) open() driver.Conn {
	s.Helper()
	conn := s.broker.Open(s.T)
	s.Cleanup(func() {
		if err := conn.Close(); err != nil {
			s.Errorf("close connection: %v", err)
		}
	})
	return conn
}

// topic creates a topic and returns its name.
func (s *suite) topic(conn driver.Conn, name string, partitions int32) string {
	s.Helper()
	topic := driver.Topic{Name: "pl.drivertest." + name + ".v1", Partitions: partitions, Retention: 24 * time.Hour}
	if err := conn.EnsureTopics(s.ctx, []driver.Topic{topic}); err != nil {
		s.Fatalf("create topic: %v", err)
	}
	return topic.Name
}

// publish fails the case when it cannot.
func (s *suite) publish(conn driver.Conn, records ...*driver.Record) {
	s.Helper()
	if err := conn.Publish(s.ctx, records); err != nil {
		s.Fatalf("publish: %v", err)
	}
}

// join makes h a member of the group until the end of the case.
func (s *suite) join(conn driver.Conn, group, topic string, h driver.Handler) driver.Member {
	s.Helper()
	m, err := conn.Join(context.Background(), group, []string{topic}, h)
	if err != nil {
		s.Fatalf("join: %v", err)
	}
	s.Cleanup(func() { s.close(m) })
	return m
}

func (s *suite) close(m driver.Member) {
	s.Helper()
	if err := m.Close(context.Background()); err != nil {
		s.Errorf("close member: %v", err)
	}
}

// need skips the case when the broker lacks a feature.
func (s *suite) need(have bool, feature string) {
	s.Helper()
	if !have {
		s.Skipf("SKIPPED: the broker under test has no %s", feature)
	}
}
