package tx_test

import (
	"testing"
	"time"
)

// A clock that is set back does not keep what is due waiting until it is where
// it was.
func TestClockIsSetBack(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.fail(map[string][]error{"a": {errLater}})
		c := w.claim()
		w.applyAll(c, onKeys(deliveries(0, "a"), "x"))
		w.exec(`UPDATE pl_hold SET next_at = $1`, day0.Add(-2*time.Hour))
		w.store.LookedAt(time.Now().Add(time.Hour))
		plan, err := w.store.Plan(t.Context(), c)
		if err != nil || len(plan.Due) != 1 {
			t.Errorf("%d are due, again at %v; %v", len(plan.Due), plan.Next, err)
		}
	})
}

// What failed while a clock was hours ahead does not wait for these hours when
// the clock is right again, also not in another process.
func TestClockWasAhead(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.fail(map[string][]error{"a": {errLater}, "b": {errLater}})
		c := w.claim()
		w.applyAll(c, onKeys(deliveries(0, "a", "b", "c"), "x", "y", "x"))
		later := time.Now().Add(5 * time.Hour).UTC()
		w.exec(`UPDATE pl_hold SET last_failed_at = $1, next_at = $2 WHERE next_at IS NOT NULL`, later, later.Add(time.Minute))
		c = w.claim()
		plan, err := w.store.Plan(t.Context(), c)
		if err != nil || len(plan.Due) != 3 {
			t.Errorf("%d are due, again at %v; want all three: %v", len(plan.Due), plan.Next, err)
		}
	})
}

// What has waited for another event of its key, and came to its turn by a clock
// that was hours ahead, does not wait either.
func TestClockWasAheadOfWhatWaited(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.fail(map[string][]error{"a": {errLater}})
		c := w.claim()
		w.applyAll(c, onKeys(deliveries(0, "a", "b"), "x", "x"))
		w.exec(`DELETE FROM pl_hold WHERE record_offset = 0`)
		w.exec(`UPDATE pl_hold SET next_at = $1`, time.Now().Add(5*time.Hour).UTC())
		c = w.claim()
		plan, err := w.store.Plan(t.Context(), c)
		if err != nil || len(plan.Due) != 1 {
			t.Errorf("%d are due, again at %v; want the one that waited: %v", len(plan.Due), plan.Next, err)
		}
	})
}

// What is put off for hours by a clock that is right waits.
func TestLongDelayIsKept(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.fail(map[string][]error{"a": {errLater}})
		c := w.claim()
		w.applyAll(c, onKeys(deliveries(0, "a"), "x"))
		w.exec(`UPDATE pl_hold SET next_at = $1`, time.Now().Add(5*time.Hour).UTC())
		c = w.claim()
		plan, err := w.store.Plan(t.Context(), c)
		if err != nil || len(plan.Due) != 0 {
			t.Errorf("%d are due, want none: %v", len(plan.Due), err)
		}
	})
}
