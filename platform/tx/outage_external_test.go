package tx_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// External handlers run many at a time, so that more of them have failed when
// the outage is noticed. The first probe comes after a second all the same.
func TestOutageOfExternalHandlers(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.external().send = func(context.Context, *tx.Call, string) error { return errLater }
		c := w.claim()
		ids := make([]string, 40)
		for i := range ids {
			ids[i] = fmt.Sprintf("%02d", i)
		}
		if _, err := w.store.Apply(t.Context(), c, onKeys(deliveries(0, ids...), ids...)); !errors.Is(err, bus.ErrOutage) {
			t.Fatal(err)
		}
		if next := w.store.NextProbe(c); time.Until(next) > time.Second {
			t.Errorf("the first probe is in %v", time.Until(next))
		}
	})
}
