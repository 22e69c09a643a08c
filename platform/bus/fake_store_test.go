package bus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/event"
)

var errDatabase = errors.New("the database is away")

// fakeStore keeps positions, effects and what failed in memory and commits
// them together, with the fence of the real one.
type fakeStore struct {
	mu      sync.Mutex
	rows    map[bus.Position]bus.Claim // Epoch and Next as committed
	effects map[int32][]int64          // offsets in the order of their commit, by partition
	held    map[int32][]*fakeRow       // by partition, in the order of their offsets
	runs    []run

	// handle is the handler; nil succeeds.
	handle func(ctx context.Context, d *bus.Delivery) error
	// faults are consumed one a call of Apply; none means that all goes well.
	faults []fault
	// paused is why Plan and Apply take nothing fresh.
	paused error
	// ahead is by how much the clock was ahead by which the next plan with a
	// time is made: it has been set back since.
	ahead  time.Duration
	claims int
}

// A fakeRow is a held delivery. It has no time while it waits behind another
// one of its key.
type fakeRow struct {
	record   *driver.Record
	attempts int
	next     time.Time
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
	return &fakeStore{rows: map[bus.Position]bus.Claim{}, effects: map[int32][]int64{}, held: map[int32][]*fakeRow{}}
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

func (s *fakeStore) nextFault() fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) == 0 {
		return healthy
	}
	f := s.faults[0]
	s.faults = s.faults[1:]
	return f
}

// strike makes a call fail; the error is nil when its outcome is to be lost.
func (s *fakeStore) strike(c *bus.Claim) (uncertainly bool, err error) {
	switch s.nextFault() {
	case refuse:
		return false, errDatabase
	case explode:
		panic("the store is broken")
	case usurp:
		s.mu.Lock()
		row := s.rows[c.Position]
		row.Epoch++
		s.rows[c.Position] = row
		s.mu.Unlock()
	case uncertain:
		return true, nil
	}
	return false, nil
}

func (s *fakeStore) Apply(ctx context.Context, c *bus.Claim, batch []*bus.Delivery) (int, error) {
	lost, err := s.strike(c)
	if err != nil {
		return 0, err
	}
	for i, d := range batch {
		if err := s.whyPaused(); err != nil {
			return i, err
		}
		if err := s.applyOne(ctx, c, d); err != nil {
			return i, err
		}
	}
	if lost {
		return 0, fmt.Errorf("commit: %w", errDatabase)
	}
	return len(batch), nil
}

func (s *fakeStore) applyOne(ctx context.Context, c *bus.Claim, d *bus.Delivery) error {
	s.mu.Lock()
	waits := slices.ContainsFunc(s.held[c.Partition], func(r *fakeRow) bool { return string(r.record.Key) == string(d.Record.Key) })
	s.mu.Unlock()
	var err error
	if !waits {
		err = s.runOne(ctx, d)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.advance(c, d.Record.Offset+1); err != nil {
		return err
	}
	switch {
	case waits:
		s.held[c.Partition] = append(s.held[c.Partition], &fakeRow{record: d.Record})
	case err != nil:
		s.held[c.Partition] = append(s.held[c.Partition], &fakeRow{d.Record, d.Attempt, again(err)})
	default:
		s.effects[c.Partition] = append(s.effects[c.Partition], d.Record.Offset)
	}
	return nil
}

func (s *fakeStore) pause(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = why
}

func (s *fakeStore) whyPaused() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.paused
}

func again(err error) time.Time {
	_, after := bus.OutcomeOf(err)
	return time.Now().Add(max(after, 500*time.Millisecond))
}

func (s *fakeStore) runOne(ctx context.Context, d *bus.Delivery) error {
	s.mu.Lock()
	s.runs = append(s.runs, run{d.Record.Offset, d.Attempt, time.Now()})
	handle := s.handle
	s.mu.Unlock()
	err := d.Err
	if err == nil && handle != nil {
		err = bus.Contain(func() error { return handle(ctx, d) })
	}
	return err
}

func (s *fakeStore) Plan(_ context.Context, c *bus.Claim) (bus.Plan, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	plan := bus.Plan{Paused: s.paused}
	for _, r := range s.held[c.Partition] {
		switch {
		case r.next.IsZero():
		case !r.next.After(time.Now()):
			plan.Due = append(plan.Due, &bus.Delivery{Record: r.record, Attempt: r.attempts + 1})
		case plan.Next.IsZero() || r.next.Before(plan.Next):
			plan.Next = r.next
		}
	}
	if (len(s.held[c.Partition]) > 0 || s.paused != nil) && plan.Next.IsZero() {
		plan.Next = time.Now().Add(time.Second)
	}
	if !plan.Next.IsZero() {
		plan.Next, s.ahead = plan.Next.Add(s.ahead), 0
	}
	return plan, nil
}

func (s *fakeStore) Redeliver(ctx context.Context, c *bus.Claim, due []*bus.Delivery) error {
	lost, err := s.strike(c)
	if err != nil {
		return err
	}
	for _, d := range due {
		if err := s.redeliverOne(c, d, s.runOne(ctx, d)); err != nil {
			return err
		}
	}
	if lost {
		return fmt.Errorf("commit: %w", errDatabase)
	}
	return nil
}

func (s *fakeStore) redeliverOne(c *bus.Claim, d *bus.Delivery, failed error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.advance(c, c.Next); err != nil {
		return err
	}
	rows := s.held[c.Partition]
	at := slices.IndexFunc(rows, func(r *fakeRow) bool { return r.record == d.Record })
	if failed != nil {
		rows[at].attempts, rows[at].next = d.Attempt, again(failed)
		return nil
	}
	rows = slices.Delete(rows, at, at+1)
	for _, r := range rows {
		if string(r.record.Key) == string(d.Record.Key) {
			r.next = time.Now()
			break
		}
	}
	s.held[c.Partition] = rows
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
