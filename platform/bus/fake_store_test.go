package bus_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/event"
)

var errDatabase = errors.New("the database is away")

// fakeStore keeps positions and effects in memory and commits them together,
// with the fence of the real one.
type fakeStore struct {
	mu      sync.Mutex
	rows    map[bus.Position]bus.Claim // Epoch and Next as committed
	effects map[int32][]int64          // offsets in the order of their commit, by partition
	runs    []run

	// handle is the handler; nil succeeds.
	handle func(ctx context.Context, d *bus.Delivery) error
	// faults are consumed one a call of Apply; none means that all goes well.
	faults []fault
	claims int
	sizes  []int // of the batches that Apply got
}

type run struct {
	offset  int64
	attempt int
	at      time.Time
}

type fault int

const (
	healthy   fault = iota
	refuse          // the database fails before the transaction
	uncertain       // the transaction commits and its outcome is lost
	usurp           // another member takes the position first
	explode         // the store panics
)

func newFakeStore() *fakeStore {
	return &fakeStore{rows: map[bus.Position]bus.Claim{}, effects: map[int32][]int64{}}
}

func (s *fakeStore) Claim(_ context.Context, r *bus.Route, partition int32) (bus.Claim, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.claims++
	pos := bus.Position{Consumer: r.Consumer, Topic: r.Type.Topic, Partition: partition}
	row, known := s.rows[pos]
	if !known {
		row = bus.Claim{Position: pos, Next: driver.Earliest}
		if r.Latest {
			row.Next = driver.Latest
		}
	}
	row.Epoch++
	s.rows[pos] = row
	return row, nil
}

func (s *fakeStore) Move(_ context.Context, c *bus.Claim, next int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.advance(c, next)
}

// advance is the fence; s.mu is held.
func (s *fakeStore) advance(c *bus.Claim, next int64) error {
	row := s.rows[c.Position]
	if row.Epoch != c.Epoch || row.Next != c.Next {
		return bus.ErrClaimLost
	}
	row.Next = next
	s.rows[c.Position], c.Next = row, next
	return nil
}

func (s *fakeStore) nextFault(size int) fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sizes = append(s.sizes, size)
	if len(s.faults) == 0 {
		return healthy
	}
	f := s.faults[0]
	s.faults = s.faults[1:]
	return f
}

func (s *fakeStore) Apply(ctx context.Context, c *bus.Claim, batch []*bus.Delivery) (int, error) {
	f := s.nextFault(len(batch))
	switch f {
	case refuse:
		return 0, errDatabase
	case explode:
		panic("the store is broken")
	case usurp:
		s.mu.Lock()
		row := s.rows[c.Position]
		row.Epoch++
		s.rows[c.Position] = row
		s.mu.Unlock()
	}
	for i, d := range batch {
		if err := s.applyOne(ctx, c, d); err != nil {
			var failed *bus.DeliveryError
			if errors.As(err, &failed) {
				failed.Index = i
			}
			return i, err
		}
	}
	if f == uncertain {
		return 0, fmt.Errorf("commit: %w", errDatabase)
	}
	return len(batch), nil
}

func (s *fakeStore) applyOne(ctx context.Context, c *bus.Claim, d *bus.Delivery) error {
	s.mu.Lock()
	s.runs = append(s.runs, run{d.Record.Offset, d.Attempt, time.Now()})
	handle := s.handle
	s.mu.Unlock()
	err := d.Err
	if err == nil && handle != nil {
		err = bus.Contain(func() error { return handle(ctx, d) })
	}
	if err != nil {
		return &bus.DeliveryError{Err: err}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.advance(c, d.Record.Offset+1); err != nil {
		return err
	}
	s.effects[c.Partition] = append(s.effects[c.Partition], d.Record.Offset)
	return nil
}

// applied returns the offsets whose effects are committed.
func (s *fakeStore) applied(partition int32) []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]int64(nil), s.effects[partition]...)
}

func (s *fakeStore) attempts(offset int64) (runs []run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.runs {
		if r.offset == offset {
			runs = append(runs, r)
		}
	}
	return runs
}

// fakeDecoder decodes everything, unless it is told otherwise.
type fakeDecoder struct {
	mu     sync.Mutex
	decode func(rec *driver.Record, d *bus.Delivery) error
}

func (f *fakeDecoder) set(decode func(rec *driver.Record, d *bus.Delivery) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.decode = decode
}

func (f *fakeDecoder) Decode(_ context.Context, _ *bus.Route, rec *driver.Record, d *bus.Delivery) error {
	f.mu.Lock()
	decode := f.decode
	f.mu.Unlock()
	if decode != nil {
		return decode(rec, d)
	}
	d.Event.ID = fmt.Sprintf("event-%d", rec.Offset)
	return nil
}

var quizCompleted = &event.Type{Topic: "pl.quiz.quiz_completed.v1"}

func route() bus.Route {
	return bus.Route{
		Consumer: "achievement.OnQuizCompleted", Type: quizCompleted,
		New: func() event.Message { return nil },
	}
}
