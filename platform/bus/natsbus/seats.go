package natsbus

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Seats are the partitions that a member has. All decisions are made by the
// goroutine of run, so that they need no lock.
type seats struct {
	m      *member
	wake   chan struct{} // holds one token when there is something to decide
	joined atomic.Bool   // the group was seen once

	view   *view
	held   map[topicPartition]*seat
	vacant chan *seat // given back completely
	giving sync.WaitGroup
}

// A seat is a partition that the handler has, until Revoked has returned.
type seat struct {
	part     *partition
	revision uint64 // of the lease
	leaving  bool
}

func newSeats(m *member) *seats {
	total := 0
	for _, n := range m.topics {
		total += int(n)
	}
	return &seats{
		m: m, wake: make(chan struct{}, 1),
		view: newView(m.ttl()), held: make(map[topicPartition]*seat),
		vacant: make(chan *seat, total),
	}
}

// run watches the group and takes and gives back partitions until the member
// leaves. It watches anew whenever the connection has changed.
func (s *seats) run() {
	wait := retryFirst
	for s.m.stop.Err() == nil {
		err := s.watch()
		if s.m.stop.Err() != nil {
			return
		}
		s.m.report(err)
		s.settle()
		_ = pause(s.m.stop, wait)
		if wait = min(2*wait, retryLimit); err == nil {
			wait = retryFirst
		}
	}
}

// watch follows the group as long as one connection lasts.
func (s *seats) watch() error {
	ctx, cancel := context.WithCancel(s.m.stop)
	defer cancel()
	changed := s.m.conn.link.next()
	_, release, err := s.m.conn.link.wait(ctx, s.m.conn.cfg.Idle)
	if err != nil {
		return err
	}
	release()
	var watcher jetstream.KeyWatcher
	err = s.m.conn.once(ctx, func(within context.Context) (err error) {
		// The watcher ends with the context that it was made with.
		stop := context.AfterFunc(within, cancel)
		defer stop()
		watcher, err = s.m.bucket.WatchFiltered(ctx, watched(s.m.group))
		return err
	})
	if err != nil {
		return err
	}
	defer func() { _ = watcher.Stop() }()
	return s.follow(watcher, changed)
}

var errWatchEnded = errors.New("the watch of the group's bucket has ended")

// follow decides at every change.
func (s *seats) follow(watcher jetstream.KeyWatcher, changed <-chan struct{}) error {
	for complete := false; ; {
		select {
		case e, ok := <-watcher.Updates():
			switch {
			case !ok:
				return errWatchEnded
			case e == nil:
				complete = true
				s.joined.Store(true)
			default:
				s.view.apply(e, time.Now())
			}
		case seat := <-s.vacant:
			delete(s.held, seat.part.id)
		case <-s.wake:
		case <-changed:
			return nil
		case <-s.m.stop.Done():
			return nil
		}
		if complete && len(watcher.Updates()) == 0 {
			s.decide()
		}
	}
}

// settle keeps time while nothing can be watched: a member that nobody sees
// gives up what it has.
func (s *seats) settle() {
	for {
		select {
		case seat := <-s.vacant:
			delete(s.held, seat.part.id)
			continue
		default:
		}
		break
	}
	if !s.m.alive() {
		s.giveUp()
	}
}

// decide brings what the member has in line with what it may have.
func (s *seats) decide() {
	s.bury()
	if !s.m.alive() {
		s.giveUp()
		return
	}
	for id, seat := range s.held {
		if l := s.view.leases[id]; l.owner != s.m.id && l.revision > seat.revision {
			s.revoke(seat, false)
		}
	}
	for topic, partitions := range s.m.topics {
		s.balance(topic, partitions)
	}
}

// bury removes what members have left that died, so that it does not pile up.
func (s *seats) bury() {
	for _, id := range s.view.expired(s.m.id, time.Now()) {
		s.m.log.Info("a member of the group shows no life; its partitions are free", "member", id)
		err := s.brief(func(ctx context.Context) error { return s.m.bucket.Purge(ctx, memberKey(s.m.group, id)) })
		if err != nil {
			s.m.log.Debug("a dead member's key was not removed", "member", id, "error", err)
		}
	}
}

func (s *seats) giveUp() {
	for _, seat := range s.held {
		s.revoke(seat, false)
	}
}

// balance takes or gives back partitions of one topic.
func (s *seats) balance(topic string, partitions int32) {
	share := s.view.share(s.m.id, topic, partitions)
	mine := s.active(topic)
	for p := partitions - 1; p >= 0 && mine > share; p-- {
		if seat := s.held[topicPartition{topic, p}]; seat != nil && !seat.leaving {
			s.revoke(seat, true)
			mine--
		}
	}
	for p := int32(0); p < partitions && mine < share; p++ {
		id := topicPartition{topic, p}
		if s.held[id] == nil && s.view.free(id, s.m.id) && s.take(id) {
			mine++
		}
	}
	if mine >= share {
		s.disown(topic)
	}
}

// disown gives back leases of partitions that the member does not have: those
// it had before its session broke, and those that could not be given back.
func (s *seats) disown(topic string) {
	for id, l := range s.view.leases {
		if id.topic != topic || l.owner != s.m.id || s.held[id] != nil {
			continue
		}
		err := s.brief(func(ctx context.Context) error {
			return s.m.bucket.Delete(ctx, leaseKey(s.m.group, id), jetstream.LastRevision(l.revision))
		})
		if err != nil {
			s.m.log.Debug("a lease was not given back", "partition", id, "error", err)
		}
	}
}

func (s *seats) active(topic string) (n int) {
	for id, seat := range s.held {
		if id.topic == topic && !seat.leaving {
			n++
		}
	}
	return n
}

// take writes the lease, unless it has changed since it was seen.
func (s *seats) take(id topicPartition) bool {
	var revision uint64
	err := s.brief(func(ctx context.Context) (err error) {
		revision, err = s.m.bucket.Update(ctx, leaseKey(s.m.group, id), []byte(s.m.id), s.view.leases[id].revision)
		return err
	})
	if err != nil {
		if !errors.Is(err, jetstream.ErrKeyExists) && !errors.Is(err, jetstream.ErrKeyRevisionMismatch) {
			s.m.report(err)
		}
		return false
	}
	s.view.own(id, lease{s.m.id, revision})
	seat := &seat{part: newPartition(s.m, id), revision: revision}
	s.held[id] = seat
	s.m.handler.Assigned(seat.part)
	return true
}

// revoke takes a partition from the handler, and gives back the lease when it
// is the member's to give.
func (s *seats) revoke(seat *seat, giveBack bool) {
	if seat.leaving {
		return
	}
	seat.leaving = true
	seat.part.revoke()
	s.giving.Go(func() {
		s.m.handler.Revoked(seat.part)
		ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
		defer cancel()
		if giveBack {
			s.free(ctx, seat)
		} else {
			s.m.commits.forget(seat.part)
		}
		s.vacant <- seat
	})
}

// free copies the position and gives back the lease.
func (s *seats) free(ctx context.Context, seat *seat) {
	err := s.m.conn.once(ctx, func(ctx context.Context) error {
		s.m.commits.last(ctx, seat.part)
		return s.m.bucket.Delete(ctx, leaseKey(s.m.group, seat.part.id), jetstream.LastRevision(seat.revision))
	})
	if err != nil {
		s.m.log.Warn("a partition was given up without telling the server", "partition", seat.part.id, "error", err)
	}
}

// leave gives back everything and waits for the handler. run has ended.
func (s *seats) leave() {
	for _, seat := range s.held {
		s.revoke(seat, true)
	}
	s.giving.Wait()
}

// brief asks the server something that must not keep the member from noticing
// that it is not alive any more.
func (s *seats) brief(ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(s.m.stop, s.m.conn.cfg.Idle)
	defer cancel()
	return s.m.conn.once(ctx, ask)
}
