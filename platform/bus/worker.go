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

	claim Claim
	wait  backoff
	again func(context.Context, *Delivery) error // decodeAgain, made once
	state atomic.Pointer[error]                  // why the worker is not ready
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
			go w.resume()
			return
		}
		w.halt()
		close(w.done)
	}()
	w.serve()
	ended = true
}

func (w *worker) resume() {
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
	if err := w.takeOver(); err != nil {
		return err
	}
	w.notReady(nil)
	for {
		records, err := w.part.Fetch(w.stop, batchRecords, batchBytes)
		if err != nil {
			return fmt.Errorf("fetch: %w", err)
		}
		batch, err := w.decode(records)
		if err != nil {
			return err
		}
		if err := w.apply(batch); err != nil {
			return err
		}
	}
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

// decode turns records into deliveries. While the registry cannot be reached
// it waits.
func (w *worker) decode(records []*driver.Record) ([]*Delivery, error) {
	batch := make([]*Delivery, len(records))
	made := make([]Delivery, len(records))
	for i, rec := range records {
		made[i] = Delivery{Consumer: w.pos.Consumer, Record: rec, Attempt: 1, Decode: w.again}
		if err := w.decodeOne(&made[i]); err != nil {
			return nil, err
		}
		batch[i] = &made[i]
	}
	return batch, nil
}

// decodeAgain is [Delivery.Decode].
func (w *worker) decodeAgain(ctx context.Context, d *Delivery) error {
	d.Message, d.Err = nil, nil
	return w.r.cfg.Decoder.Decode(ctx, w.route, d.Record, d)
}

func (w *worker) decodeOne(d *Delivery) error {
	var wait backoff
	for {
		var unreachable error
		d.Err = nil
		panicked := Contain(func() error {
			unreachable = w.r.cfg.Decoder.Decode(w.stop, w.route, d.Record, d)
			return nil
		})
		if panicked != nil {
			d.Message, d.Err = nil, panicked
		}
		if unreachable == nil {
			return nil
		}
		if w.stop.Err() != nil {
			return w.stop.Err()
		}
		delay := wait.next(infraLimit)
		w.notReady(unreachable)
		w.log.Warn("waiting to decode", "offset", d.Record.Offset, "retry_in", delay, "error", unreachable)
		if err := sleep(w.stop, delay); err != nil {
			return err
		}
		w.notReady(nil)
	}
}

// apply commits the whole batch. It returns only when that is done, the
// partition has to be claimed again, or the worker stops.
func (w *worker) apply(batch []*Delivery) error {
	for len(batch) > 0 {
		done, err := w.commit(batch)
		batch = batch[done:]
		if err == nil {
			continue
		}
		if len(batch) == 0 {
			return fmt.Errorf("apply: %w", err)
		}
		if err := w.retry(batch[0], err); err != nil {
			return err
		}
	}
	return nil
}

var errMiscount = errors.New("the store gave no error and committed none of the batch, or more than all")

// commit applies a batch once. The error is that of the first delivery that is
// not done, ready to be retried, or one that ends the session.
func (w *worker) commit(batch []*Delivery) (done int, failed error) {
	start := time.Now()
	if batch[0].Attempt > 1 {
		batch = batch[:1] // it failed before: keep it from undoing its neighbours
	}
	err := Contain(func() (err error) {
		done, err = w.r.cfg.Store.Apply(w.work, &w.claim, batch)
		return err
	})
	switch {
	case done > len(batch), done <= 0 && err == nil:
		return 0, errMiscount
	case done > 0:
		w.wait.reset()
		w.r.cfg.Hooks.batchApplied(w.pos, done, time.Since(start))
		w.part.Commit(w.claim.Next)
	}
	return done, err
}

// retry waits until a failed delivery may run again. An error that is not the
// delivery's own ends the session.
func (w *worker) retry(d *Delivery, err error) error {
	var failed *DeliveryError
	if !errors.As(err, &failed) {
		return fmt.Errorf("apply: %w", err)
	}
	outcome, delay := w.delay(d, failed.Err)
	w.logFailure(d, failed.Err, outcome, delay)
	w.r.cfg.Hooks.retrying(d, failed.Err, time.Now().Add(delay))
	if err := sleep(w.stop, delay); err != nil {
		return err
	}
	d.Attempt++
	if d.Err != nil {
		return w.decodeOne(d)
	}
	return nil
}

// delay returns what becomes of a failed delivery and when it runs again. One
// that cannot be decoded is dead: only a new schema or program can help.
func (w *worker) delay(d *Delivery, err error) (Outcome, time.Duration) {
	outcome, after := OutcomeOf(err)
	if outcome == Retry && d.Err != nil {
		outcome = Dead
	}
	if outcome != Retry {
		return outcome, max(jitter(personDelay), after)
	}
	return outcome, max(w.wait.next(handlerLimit), after)
}

func (w *worker) logFailure(d *Delivery, err error, outcome Outcome, delay time.Duration) {
	level := slog.LevelWarn
	if outcome != Retry {
		level = slog.LevelError
	}
	attrs := []any{
		"offset", d.Record.Offset, "event_id", d.Event.ID, "key", string(d.Record.Key),
		"attempt", d.Attempt, "outcome", outcome.String(),
		"next_attempt", time.Now().Add(delay).UTC(), "error", err,
	}
	var p *PanicError
	if errors.As(err, &p) {
		level, attrs = slog.LevelError, append(attrs, "stack", string(p.Stack))
	}
	w.log.Log(w.work, level, "delivery failed; its partition waits for it", attrs...)
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
