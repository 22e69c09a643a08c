package drivertest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

var tailTests = []test{
	{"a tail reads all partitions from a time on, and what comes", func(s *suite) {
		conn := s.open()
		first, second := s.topic(conn, "tail-one", 3), s.topic(conn, "tail-two", 1)
		for key := range 6 {
			s.publish(conn, keyed(first, key, 0), keyed(second, key, 0))
		}
		r := s.tail(conn, time.Now().Add(-time.Hour), first, second)
		r.wait(12)
		for n := range 5 {
			for key := range 6 {
				s.publish(conn, keyed(first, key, n+1), keyed(second, key, n+1))
			}
		}
		r.wait(72)
		r.begun(first, 0, 1, 2)
		r.begun(second, 0)
	}},
	{"a tail from now on reads nothing older", func(s *suite) {
		conn := s.open()
		topic := s.topic(conn, "tail-now", 2)
		for key := range 4 {
			s.publish(conn, keyed(topic, key, 0))
		}
		r := s.tail(conn, time.Now().Add(time.Minute), topic)
		r.begun(topic, 0, 1)
		for key := range 4 {
			s.publish(conn, keyed(topic, key, 1))
		}
		for _, rec := range r.wait(4) {
			if string(rec.Value) != "1" {
				s.Errorf("record %s is older than the tail", rec.Value)
			}
		}
	}},
	{"tails do not share, and no group hears of them", func(s *suite) {
		conn := s.open()
		topic := s.topic(conn, "tail-all", 2)
		one := s.tail(conn, time.Now().Add(-time.Hour), topic)
		two := s.tail(s.open(), time.Now().Add(-time.Hour), topic)
		for key := range 4 {
			s.publish(conn, keyed(topic, key, 0))
		}
		one.wait(4)
		two.wait(4)
		s.consumeAll(conn, topic, 4)
	}},
	{"a tail goes on after the broker was away", func(s *suite) {
		s.need(s.broker.Stop != nil, "way to stop it")
		conn := s.open()
		topic := s.topic(conn, "tail-restart", 3)
		r := s.tail(conn, time.Now().Add(-time.Hour), topic)
		for round := range 3 {
			for key := range 6 {
				s.publish(conn, keyed(topic, key, round))
			}
			r.wait(6 * (round + 1))
			s.broker.Stop(s.T)
			s.broker.Start(s.T)
		}
		s.publish(conn, keyed(topic, 0, 3))
		r.wait(19)
	}},
	{"a tail says what it could not read", func(s *suite) {
		s.need(s.broker.Truncate != nil && s.broker.Stop != nil, "way to drop records while nobody reads")
		conn := s.open()
		topic := s.topic(conn, "tail-hole", 1)
		s.publish(conn, keyed(topic, 0, 0), keyed(topic, 0, 1))
		r := s.tail(conn, time.Now().Add(-time.Hour), topic)
		r.wait(2)
		release := r.hold()
		s.publish(conn, keyed(topic, 0, 2))
		r.held()
		for n := 3; n < 9; n++ {
			s.publish(conn, &driver.Record{Topic: topic, Key: []byte("key-0"), Value: noise(900 << 10)})
		}
		s.broker.Stop(s.T)
		s.broker.Start(s.T)
		s.broker.Truncate(s.T, topic, 0, 9)
		s.publish(conn, keyed(topic, 0, 9))
		release()
		s.eventually("the record behind the hole arrives", func() bool { return r.last() == 9 })
		r.holesAreTold()
	}},
	{"a tail of a topic that is not there fails", func(s *suite) {
		conn := s.open()
		tailer, ok := conn.(driver.Tailer)
		s.need(ok, "tail")
		if err := tailer.Tail(s.ctx, []string{"pl.drivertest.nothing.v1"}, time.Now(), newTailed(s)); err == nil {
			s.Error("a tail of nothing succeeded")
		}
	}},
}

// tail reads the topics until the end of the case.
func (s *suite) tail(conn driver.Conn, since time.Time, topics ...string) *tailed {
	s.Helper()
	tailer, ok := conn.(driver.Tailer)
	s.need(ok, "tail")
	r := newTailed(s)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- tailer.Tail(ctx, topics, since, r) }()
	s.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			s.Errorf("the tail ended with %v", err)
		}
		if !r.end() {
			s.Error("the tail still reads after its end")
		}
	})
	s.eventually("the tail begins", func() bool { return r.partitions() > 0 })
	return r
}

// A tailed is what one tail has read. It checks the order as it comes.
type tailed struct {
	s    *suite
	mu   sync.Mutex
	all  []*driver.Record
	next map[string]map[int32]int64
	from []int64 // the offsets that From named
	busy bool
	gate sync.Mutex    // held while reading is to stand still
	at   chan struct{} // holds one token when a Read stands still
}

func newTailed(s *suite) *tailed {
	return &tailed{s: s, next: map[string]map[int32]int64{}, at: make(chan struct{}, 1)}
}

// From implements [driver.TailReader].
func (r *tailed) From(topic string, partition int32, next, end int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next[topic] == nil {
		r.next[topic] = map[int32]int64{}
	}
	if end < next {
		r.s.Errorf("%s/%d begins at %d, behind its end at %d", topic, partition, next, end)
	}
	r.next[topic][partition] = next
	r.from = append(r.from, next)
}

// Read implements [driver.TailReader].
func (r *tailed) Read(records []*driver.Record) {
	if !r.gate.TryLock() {
		select {
		case r.at <- struct{}{}:
		default:
		}
		r.gate.Lock()
	}
	defer r.gate.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy {
		r.s.Error("two reads at one time")
	}
	r.busy = true
	defer func() { r.busy = false }()
	for _, rec := range records {
		next, begun := r.next[rec.Topic][rec.Partition]
		if !begun || rec.Offset != next {
			r.s.Errorf("%s/%d: offset %d, want %d (begun: %v)", rec.Topic, rec.Partition, rec.Offset, next, begun)
		}
		r.next[rec.Topic][rec.Partition] = rec.Offset + 1
	}
	r.all = append(r.all, records...)
}

// hold makes the next Read stand still until release.
func (r *tailed) hold() (release func()) {
	r.gate.Lock()
	return r.gate.Unlock
}

func (r *tailed) held() {
	select {
	case <-r.at:
	case <-r.s.ctx.Done():
		r.s.Fatal("nothing was read")
	}
}

func (r *tailed) end() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.busy
}

func (r *tailed) partitions() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.next {
		n += len(p)
	}
	return n
}

func (r *tailed) last() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all) == 0 {
		return -1
	}
	return r.all[len(r.all)-1].Offset
}

// wait returns the records once there are n, and fails when there are more.
func (r *tailed) wait(n int) []*driver.Record {
	r.s.Helper()
	count := func() int {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.all)
	}
	r.s.eventually("the tail has read all", func() bool { return count() >= n })
	if got := count(); got != n {
		r.s.Fatalf("the tail has read %d records, want %d", got, n)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.all)
}

// begun checks which partitions the tail reads.
func (r *tailed) begun(topic string, partitions ...int32) {
	r.s.Helper()
	r.s.eventually("the tail begins everywhere", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.next[topic]) == len(partitions)
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range partitions {
		if _, ok := r.next[topic][p]; !ok {
			r.s.Errorf("the tail does not read %s/%d", topic, p)
		}
	}
}

// holesAreTold checks that the offsets that From named explain every gap, which
// Read has checked already, and that there was one.
func (r *tailed) holesAreTold() {
	r.s.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all) == 10 {
		r.s.Log("everything had been fetched ahead: no record was missing")
		return
	}
	if len(r.from) < 2 {
		r.s.Error("records are missing and nobody was told")
	}
}
