package outbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pulselearn/campus-hub/platform/database"
)

// leaseTime is how long a relay has a shard without renewing; a relay that
// takes longer is taken for dead. Clocks that differ cost duplicates, not
// order or loss.
const leaseTime = 5 * time.Second

// leaseWrong is how far ahead the end of a lease may be: a relay whose clock is
// ahead keeps its shard, and when it is gone nobody waits longer than this.
const leaseWrong = time.Minute

// A lease is the right to work on a shard. A newer one has a higher epoch.
type lease struct {
	epoch int64 // 0: none
	until time.Time
}

// current returns the lease. The transactions of a shard share it.
func (s *shard) current() lease {
	s.leasing.Lock()
	defer s.leasing.Unlock()
	return s.lease
}

// change replaces the lease of an epoch. A transaction that has begun under an
// earlier one changes nothing.
func (s *shard) change(epoch int64, l lease) {
	s.leasing.Lock()
	defer s.leasing.Unlock()
	if s.lease.epoch == epoch {
		s.lease = l
	}
}

// hold makes sure that the lease is good for a while.
func (s *shard) hold(ctx context.Context) error {
	l := s.current()
	if l.epoch != 0 && time.Until(l.until) > leaseTime/2 {
		return nil
	}
	return s.db.InTx(ctx, func(u *database.Unit) error {
		if l.epoch != 0 {
			return s.renew(ctx, u)
		}
		return s.acquire(ctx, u)
	})
}

// acquire takes a shard that nobody has. A lease that ends later than any can
// was given by a clock that is wrong, and is not waited for. On an engine whose
// only process this is, whoever had it is gone.
func (s *shard) acquire(ctx context.Context, u *database.Unit) error {
	next := lease{until: database.Now().Add(leaseTime)}
	free, wrong := database.Now(), database.Now().Add(leaseWrong)
	if s.db.Traits().SingleWriter {
		free = wrong // all leases
	}
	found, err := database.Scan(ctx, u, `INSERT INTO pl_relay AS r (shard, epoch, holder, leased_until) VALUES ($1, 1, $2, $3)
		ON CONFLICT (shard) DO UPDATE SET epoch = r.epoch + 1, holder = excluded.holder, leased_until = excluded.leased_until
		WHERE r.leased_until <= $4 OR r.leased_until > $5 RETURNING epoch`,
		[]any{s.n, s.holder, next.until, free, wrong}, &next.epoch)
	if err != nil {
		return fmt.Errorf("take over shard %d of the outbox: %w", s.n, err)
	}
	if !found {
		return errLeaseLost
	}
	s.change(0, next)
	return nil
}

// renew extends the lease in the transaction u, which may only commit when the
// lease still holds.
func (s *shard) renew(ctx context.Context, u *database.Unit) error {
	l := s.current()
	l.until = database.Now().Add(leaseTime)
	n, err := database.Changed(ctx, u, `UPDATE pl_relay SET leased_until = $3 WHERE shard = $1 AND epoch = $2`,
		s.n, l.epoch, l.until)
	if err != nil {
		return fmt.Errorf("renew the lease on shard %d of the outbox: %w", s.n, err)
	}
	if n == 0 {
		s.change(l.epoch, lease{})
		return errLeaseLost
	}
	s.change(l.epoch, l)
	return nil
}

// whileHeld calls f and renews the lease until it returns. The context of f
// ends when the lease is lost.
func (s *shard) whileHeld(ctx context.Context, f func(ctx context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() {
		for {
			database.Await(ctx, nil, leaseTime/3)
			if ctx.Err() != nil {
				return
			}
			err := s.db.InTx(ctx, func(u *database.Unit) error { return s.renew(ctx, u) })
			if errors.Is(err, errLeaseLost) {
				cancel(err)
			}
		}
	})
	err := f(ctx)
	if errors.Is(context.Cause(ctx), errLeaseLost) {
		err = errLeaseLost
	}
	cancel(nil)
	renewing.Wait()
	return err
}

// giveBack ends the lease, so that another relay need not wait for its end.
func (s *shard) giveBack() {
	l := s.current()
	if l.epoch == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := s.db.InTx(ctx, func(u *database.Unit) error {
		_, err := u.ExecContext(ctx, `UPDATE pl_relay SET leased_until = $3 WHERE shard = $1 AND epoch = $2`,
			s.n, l.epoch, database.Now())
		return err
	})
	if err != nil {
		s.log.Warn("outbox relay could not give its shard back; another waits until the lease ends",
			"shard", s.n, "error", err)
	}
}
