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
