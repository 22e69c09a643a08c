package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// A batch ends at this many records and bytes.
const (
	batchRecords = 100
	batchBytes   = 1 << 20
)

// abandonAfter is how long a worker whose transactions were given up may take
// to notice. After that the partition goes on without it, and the fence keeps
// it from writing.
const abandonAfter = 5 * time.Second

// fetchAtLeast is how long a worker that knows of held deliveries waits for
// fresh ones.
const fetchAtLeast = time.Millisecond

// A worker owns one assigned partition and works in one goroutine.
type worker struct {
	r     *Router
	route *Route
	part  driver.Partition
	pos   Position
	log   *slog.Logger

	work  context.Context // ends when the transaction in flight must be given up
	abort context.CancelFunc
	stop  context.Context // ends when no new batch may begin
	halt  context.CancelFunc
	done  chan struct{}

	claim  Claim
	fresh  []*Delivery // fetched under the claim, and not settled yet
	paused error       // why the store takes none of them
	wait   backoff
	again  func(context.Context, *Delivery) error // decodeAgain, made once
	state  atomic.Pointer[error]                  // why the worker is not ready
	idle   atomic.Pointer[context.CancelFunc]     // ends the fetch that is waiting
	woken  atomic.Bool                            // the store is to be asked before the next fetch
}

func newWorker(r *Router, route *Route, p driver.Partition) *worker {
	pos := Position{Consumer: route.Consumer, Topic: p.Topic(), Partition: p.Index()}
	w := &worker{
		r: r, route: route, part: p, pos: pos,
		log:  r.log.With("consumer", pos.Consumer, "topic", pos.Topic, "partition", pos.Partition),
		done: make(chan struct{}),
	}
	w.work, w.abort = context.WithCancel(r.work)
	w.stop, w.halt = context.WithCancel(r.stop)
	w.again = w.decodeAgain
	w.notReady(errors.New("not claimed yet"))
	return w
}

var errExit = errors.New("a handler ended its goroutine with runtime.Goexit, as t.FailNow does; it should return an error")

// run works until the partition is revoked or the router drains. When a
// handler ends the goroutine, another one goes on.
func (w *worker) run() {
	ended := false
	defer func() {
		if !ended {
			go w.restart()
			return
		}
		w.halt()
		close(w.done)
	}()
	w.serve()
	ended = true
}

func (w *worker) restart() {
	w.notReady(errExit)
	w.pause(errExit)
	w.run()
}

// serve runs one session after the other.
func (w *worker) serve() {
	for w.stop.Err() == nil {
		err := Contain(w.session)
		if w.stop.Err() != nil || errors.Is(err, driver.ErrRevoked) {
			return
		}
		w.notReady(err)
		w.pause(err)
	}
}

// session claims the position and serves it until something fails. Whatever
// was fetched or decoded before is dropped with it.
func (w *worker) session() error {
	w.fresh = nil
	defer w.resumed()
	if err := w.takeOver(); err != nil {
		return err
	}
	w.notReady(nil)
	for w.stop.Err() == nil {
		plan, err := w.r.cfg.Store.Plan(w.work, &w.claim)
		if err != nil {
			return fmt.Errorf("plan: %w", err)
		}
		plan.Next = soon(plan.Next)
		if err := w.redeliver(plan.Due); err != nil {
			return err
		}
		if err := w.pausedBy(plan); err != nil {
			return err
		}
		if plan.Paused != nil {
			continue
		}
		if err := w.advance(&plan); err != nil {
			return err
		}
	}
	return w.stop.Err()
}

// planEvery is the longest from one plan to the next.
const planEvery = time.Minute

// soon returns the same moment on the monotonic clock, for the time of day may
// be set back by hours before a wait for it is over or has begun; and one that
// is already hours away is not waited for.
func soon(next time.Time) time.Time {
	if next.IsZero() {
		return next
	}
	return time.Now().Add(min(time.Until(next), planEvery))
}

// redeliver runs held deliveries that are due.
func (w *worker) redeliver(due []*Delivery) error {
	if len(due) == 0 {
		return nil
	}
	for _, d := range due {
		d.Consumer, d.Decode = w.pos.Consumer, w.again
	}
	if err := w.decode(due); err != nil {
		return err
	}
	if err := Contain(func() error { return w.r.cfg.Store.Redeliver(w.work, &w.claim, due) }); err != nil {
		return fmt.Errorf("redeliver: %w", err)
	}
	w.wait.reset()
	return nil
}

// pausedBy notes whether fresh deliveries are taken, and while they are not
// waits until there may be something due. The process stays ready: its calls
// have nothing to do with what a handler cannot reach.
func (w *worker) pausedBy(plan Plan) error {
	switch {
	case plan.Paused == nil:
		w.resumed()
		return nil
	case w.paused == nil || w.paused.Error() != plan.Paused.Error():
		w.resumed()
		w.paused = plan.Paused
		w.log.Error("no fresh deliveries are taken; held ones go on", "error", plan.Paused)
		w.r.cfg.Hooks.pause(func(h PauseHook) { h.Paused(w.pos, plan.Paused) })
	}
	if w.stop.Err() != nil || len(plan.Due) > 0 {
		return w.stop.Err()
	}
	return sleep(w.stop, time.Until(plan.Next))
}

func (w *worker) resumed() {
	if w.paused == nil {
		return
	}
	w.paused = nil
	w.log.Info("fresh deliveries are taken again")
	w.r.cfg.Hooks.pause(func(h PauseHook) { h.Resumed(w.pos) })
}

// advance fetches fresh deliveries, unless there are some, and applies them.
func (w *worker) advance(plan *Plan) error {
	if len(w.fresh) == 0 {
		records, err := w.fetch(plan)
		if err != nil {
			return fmt.Errorf("fetch: %w", err)
		}
		batch := w.deliveries(records)
		if err = w.decode(batch); err != nil {
			return err
		}
		w.fresh = batch
	}
	if len(w.fresh) == 0 {
		return nil
	}
	return w.commit()
}

// fetch waits for records, but not longer than until a held delivery is due.
func (w *worker) fetch(plan *Plan) ([]*driver.Record, error) {
	ctx, cancel := context.WithCancel(w.stop)
	defer cancel()
	if !plan.Next.IsZero() {
		var expire context.CancelFunc
		ctx, expire = context.WithDeadline(ctx, latest(plan.Next, time.Now().Add(fetchAtLeast)))
		defer expire()
	}
	w.idle.Store(&cancel)
	defer w.idle.Store(nil)
	if w.woken.Swap(false) {
		return nil, nil
	}
	records, err := w.part.Fetch(ctx, batchRecords, batchBytes)
	if err != nil && ctx.Err() != nil && w.stop.Err() == nil && !errors.Is(err, driver.ErrRevoked) {
		return nil, nil
	}
	return records, err
}

// wake makes the worker ask its store for a plan again, when it is not at work.
func (w *worker) wake() {
	w.woken.Store(true)
	if end := w.idle.Load(); end != nil {
		(*end)()
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// takeOver claims the position, seeks there, and settles where that is.
func (w *worker) takeOver() error {
	claim, err := w.r.cfg.Store.Claim(w.stop, w.route, w.pos.Partition)
	if err != nil {
		return fmt.Errorf("claim: %w", err)
	}
	w.claim = claim
	at, err := w.part.Seek(w.stop, claim.Next)
	if err != nil {
		return fmt.Errorf("seek to %d: %w", claim.Next, err)
	}
	if at != claim.Next {
		if err := w.settle(at); err != nil {
			return err
		}
	}
	w.r.cfg.Hooks.assigned(w.claim)
	return nil
}

// settle records that the position is at an offset other than the claim's.
func (w *worker) settle(at int64) error {
	if was := w.claim.Next; was >= 0 {
		w.log.Error("the broker no longer has the records at the consumer's position; events may be missing",
			"position", was, "continuing_at", at)
	}
	if err := w.r.cfg.Store.Move(w.work, &w.claim, at); err != nil {
		return fmt.Errorf("move position to %d: %w", at, err)
	}
	return nil
}

var errMiscount = errors.New("the store gave no error and settled none of the batch, or more than all")

// commit applies the fresh deliveries once. A store that has paused the
// position leaves the rest of them for later.
func (w *worker) commit() error {
	start, done := time.Now(), 0
	err := Contain(func() (err error) {
		done, err = w.r.cfg.Store.Apply(w.work, &w.claim, w.fresh)
		return err
	})
	if done < 0 || done > len(w.fresh) || done == 0 && err == nil {
		return fmt.Errorf("apply: %w", errMiscount)
	}
	if done > 0 {
		w.wait.reset()
		w.r.cfg.Hooks.batchApplied(w.pos, done, time.Since(start))
		w.part.Commit(w.claim.Next)
	}
	w.fresh = w.fresh[done:]
	if err != nil && !errors.Is(err, ErrPaused) {
		return fmt.Errorf("apply: %w", err)
	}
	return nil
}

// pause waits before the position is claimed again.
func (w *worker) pause(err error) {
	delay := w.wait.next(infraLimit)
	attrs := []any{"retry_in", delay, "error", err}
	var p *PanicError
	if errors.As(err, &p) {
		attrs = append(attrs, "stack", string(p.Stack))
	}
	w.log.Warn("claiming the partition again", attrs...)
	_ = sleep(w.stop, delay) // run looks at stop itself
}

// release stops the worker and waits for it: for the transaction in flight as
// long as one delivery may take, then for it to notice that it was given up.
func (w *worker) release() {
	w.halt()
	if !w.finished(w.route.Deadline()) {
		w.log.Warn("giving up the batch in flight: the partition is revoked", "waited", w.route.Deadline())
		w.abort()
		if !w.finished(abandonAfter) {
			w.log.Error("a handler does not return; its partition goes on without it", "waited", abandonAfter)
		}
	}
	w.abort()
	w.r.cfg.Hooks.revoked(w.pos)
}

func (w *worker) finished(within time.Duration) bool {
	t := time.NewTimer(within)
	defer t.Stop()
	select {
	case <-w.done:
		return true
	case <-t.C:
		return false
	}
}

func (w *worker) notReady(err error) {
	if err != nil {
		err = fmt.Errorf("%s: %w", w.pos, err)
	}
	w.state.Store(&err)
}

func (w *worker) ready() error { return *w.state.Load() }
