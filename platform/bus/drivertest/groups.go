package drivertest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

var groupTests = []test{
	{"no record is lost or moved while members come and go", func(s *suite) {
		conn := s.open()
		topic := s.topic(conn, "rebalance", 6)
		l := newLedger(s)
		first := newConsumer("first", l)
		m1 := s.join(conn, "g", topic, first)
		first.waitHolds(6)

		var wg sync.WaitGroup
		published := s.stream(conn, topic, &wg)
		second := newConsumer("second", l)
		s.join(s.open(), "g", topic, second)
		second.waitHolds(3)
		first.waitHolds(3)
		third := newConsumer("third", l)
		m3 := s.join(s.open(), "g", topic, third)
		third.waitHolds(2)
		s.close(m1)
		first.waitHolds(0)
		s.close(m3)
		second.waitHolds(6)
		close(published.stop)
		wg.Wait()
		s.countsUp(l.wait(published.n))
	}},
	{"a member without partitions is ready", func(s *suite) {
		conn := s.open()
		topic := s.topic(conn, "idle", 1)
		l := newLedger(s)
		busy := newConsumer("busy", l)
		s.join(conn, "g", topic, busy)
		busy.waitHolds(1)
		idle := s.join(s.open(), "g", topic, newConsumer("idle", l))
		s.eventually("the idle member is ready", func() bool { return idle.Ready() == nil })
	}},
	{"a revoked partition says so", func(s *suite) {
		conn := s.open()
		topic := s.topic(conn, "revoked", 1)
		m := newManual()
		member := s.join(conn, "g", topic, m)
		p := s.assigned(m)
		s.seek(p, driver.Latest)
		pending := make(chan error, 1)
		go func() {
			_, err := p.Fetch(s.ctx, 1, 1)
			pending <- err
		}()
		s.close(member)
		if err := <-pending; !errors.Is(err, driver.ErrRevoked) {
			s.Errorf("a pending fetch returned %v, want ErrRevoked", err)
		}
		if _, err := p.Fetch(s.ctx, 1, 1); !errors.Is(err, driver.ErrRevoked) {
			s.Errorf("a later fetch returned %v, want ErrRevoked", err)
		}
		if _, err := p.Seek(s.ctx, 0); !errors.Is(err, driver.ErrRevoked) {
			s.Errorf("a later seek returned %v, want ErrRevoked", err)
		}
		p.Commit(1) // harmless
		select {
		case <-m.revoked:
		default:
			s.Error("the member closed before the handler heard of the revocation")
		}
	}},
	{"closing waits for the handler", func(s *suite) {
		conn := s.open()
		topic := s.topic(conn, "slow", 1)
		h := &slow{manual: newManual(), release: make(chan struct{})}
		member := s.join(conn, "g", topic, h)
		s.assigned(h.manual)
		ctx, cancel := context.WithTimeout(s.ctx, time.Second)
		defer cancel()
		if err := member.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			s.Errorf("close while the handler works returned %v, want the context's error", err)
		}
		close(h.release)
		s.close(member)
	}},
	{"the broker has a copy of the position", func(s *suite) {
		s.need(s.broker.Committed != nil, "copy of positions")
		conn := s.open()
		topic := s.topic(conn, "copy", 1)
		s.publish(conn, keyed(topic, 0, 0), keyed(topic, 0, 1), keyed(topic, 0, 2))
		m := newManual()
		member := s.join(conn, "g", topic, m)
		p := s.assigned(m)
		s.seek(p, driver.Earliest)
		s.fetch(p, 3)
		p.Commit(2)
		s.eventually("the copy is 2", func() bool { return s.broker.Committed(s.T, "g", topic, 0) == 2 })
		p.Commit(3)
		s.close(member)
		if got := s.broker.Committed(s.T, "g", topic, 0); got != 3 {
			s.Errorf("after closing the copy is %d, want 3", got)
		}
	}},
	{"the copy decides nothing", func(s *suite) {
		conn := s.open()
		topic := s.topic(conn, "decides", 1)
		s.publish(conn, keyed(topic, 0, 0), keyed(topic, 0, 1))
		m := newManual()
		member := s.join(conn, "g", topic, m)
		p := s.assigned(m)
		s.seek(p, driver.Earliest)
		s.fetch(p, 2)
		p.Commit(2)
		s.close(member)
		s.join(conn, "g", topic, m)
		p = s.assigned(m)
		s.nothing(p, "the partition was not sought")
		s.seeks(p, 1, 1)
	}},
	{"the context of a join ends the member", func(s *suite) {
		conn := s.open()
		topic := s.topic(conn, "context", 1)
		m := newManual()
		ctx, cancel := context.WithCancel(s.ctx)
		if _, err := conn.Join(ctx, "g", []string{topic}, m); err != nil {
			s.Fatal(err)
		}
		s.assigned(m)
		cancel()
		select {
		case <-m.revoked:
		case <-s.ctx.Done():
			s.Error("the partition was not revoked")
		}
	}},
}

type slow struct {
	*manual
	release chan struct{}
}

func (h *slow) Revoked(p driver.Partition) {
	<-h.release
	h.manual.Revoked(p)
}

type stream struct {
	stop chan struct{}
	n    int // read after the publisher has ended
}

// stream publishes until it is stopped.
func (s *suite) stream(conn driver.Conn, topic string, wg *sync.WaitGroup) *stream {
	st := &stream{stop: make(chan struct{})}
	wg.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-st.stop:
				return
			case <-tick.C:
			}
			var batch []*driver.Record
			for key := range 12 {
				batch = append(batch, keyed(topic, key, i))
			}
			if err := conn.Publish(s.ctx, batch); err != nil {
				s.Errorf("publish: %v", err)
				return
			}
			st.n += len(batch)
		}
	})
	return st
}

// eventually polls a condition that nothing signals.
func (s *suite) eventually(what string, holds func() bool) {
	s.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-s.ctx.Done():
			s.Fatalf("never: %s", what)
		}
	}
}
