package tx

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/hold"
)

// holdPoll is how often the owner of a position that has rows in the hold
// looks for what people have changed.
const holdPoll = time.Second

// A ledger is what a claim remembers of the hold. Only the owner of a position
// puts rows in, takes them out and changes whether they block, so that the
// ledger is right as long as the claim is.
type ledger struct {
	hold.Owner
	epoch    int64
	rows     int
	blocking map[string]int // rows that block, by key
	crowded  int            // keys with as many of them as are allowed
	outage   outage

	keyLimit, holdLimit int

	stale   atomic.Bool // somebody says that the database has changed
	checked time.Time   // when the claim was last known to be good

	now  time.Time           // of the last plan
	look time.Time           // when the hold is to be looked at again
	due  map[int64]*hold.Row // what the last plan gave out, by offset
}

func newLedger(db *database.DB, c *bus.Claim, r *bus.Route) *ledger {
	l := &ledger{Owner: hold.Owner{DB: db, Position: c.Position}, epoch: c.Epoch, blocking: map[string]int{}}
	l.checked = database.Now()
	l.keyLimit, l.holdLimit = r.Limits()
	return l
}

// load reads what is held, in the transaction that claims the position.
func (l *ledger) load(ctx context.Context, c database.Conn) error {
	err := l.Keys(ctx, c, func(key []byte, rows, blocking int) {
		l.rows += rows
		l.block(key, blocking)
	})
	if err != nil || l.rows == 0 {
		return err
	}
	return l.Wake(ctx, c, database.Now())
}

// blocked reports whether records of a key have to wait.
func (l *ledger) blocked(key []byte) bool { return key != nil && l.blocking[string(key)] > 0 }

// block adds n blocking rows of a key, or takes them off.
func (l *ledger) block(key []byte, n int) {
	if key == nil || n == 0 {
		return
	}
	before := l.blocking[string(key)]
	after := before + n
	if l.blocking[string(key)] = after; after <= 0 {
		delete(l.blocking, string(key))
	}
	if before < l.keyLimit && after >= l.keyLimit {
		l.crowded++
	}
	if before >= l.keyLimit && after < l.keyLimit {
		l.crowded--
	}
}

// paused says why no fresh deliveries may be applied, or nil. The limits are
// looked at between batches, so that one batch may exceed them.
func (l *ledger) paused() error {
	switch {
	case l.outage.stops():
		return bus.ErrOutage
	case l.rows >= l.holdLimit:
		return fmt.Errorf("%w: %d or more of the partition", bus.ErrHoldFull, l.holdLimit)
	case l.crowded > 0:
		return fmt.Errorf("%w: %d or more of one key", bus.ErrHoldFull, l.keyLimit)
	}
	return nil
}

// changed makes the next plan look at the hold.
func (l *ledger) changed() { l.look = time.Time{} }

// tick makes a plan look at everything when somebody says so, or when the clock
// was set back: times that were in a moment are now far away.
func (l *ledger) tick(now time.Time) {
	back := now.Before(l.now)
	l.now = now
	if back {
		l.outage.next = now
	}
	if back || l.stale.Swap(false) {
		l.changed()
		l.checked = time.Time{}
	}
}

// claimCheck is how long an idle owner goes without looking whether the position
// is still its own. It moves nothing without knowing; but one whose position a
// person has reset has to notice that there is something to do.
const claimCheck = time.Minute

// owned fails when the position belongs to somebody else.
func (l *ledger) owned(ctx context.Context, now time.Time) error {
	if now.Before(l.checked.Add(claimCheck)) {
		return nil
	}
	var epoch int64
	_, err := database.Scan(ctx, l.DB.Reading(), `SELECT epoch FROM pl_consumer_partition WHERE consumer = $1 AND topic = $2 AND partition = $3`,
		[]any{l.Consumer, l.Topic, l.Partition}, &epoch)
	if err == nil && epoch != l.epoch {
		err = bus.ErrClaimLost
	}
	if err == nil {
		l.checked = now
	}
	return err
}

// Refresh makes the store look at the database before it plans anything more:
// a person has changed what is held, or has reset a position.
func (s *Store) Refresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.ledgers {
		l.stale.Store(true)
	}
}

// ledger returns what the claim remembers. A claim that another one of this
// process has replaced is lost.
func (s *Store) ledger(c *bus.Claim) (*ledger, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.ledgers[c.Position]
	if l == nil || l.epoch != c.Epoch {
		return nil, bus.ErrClaimLost
	}
	return l, nil
}

func (s *Store) remember(l *ledger) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.ledgers[l.Position]; old == nil || old.epoch < l.epoch {
		s.ledgers[l.Position] = l
	}
}
