package platformtest

import (
	"context"

	"github.com/pulselearn/campus-hub/platform/tx"
)

// InTx runs f in a transaction of a context's database, as a command runs, for
// a test that needs rows which no call or event of the context stores. The
// test ends when f or the transaction fails.
//
//	h.InTx("library", func(ctx context.Context, core *tx.Tx) error {
//		tx := libraryservice.NewTx(core)
//		return tx.Loan.Create().SetID(tx.NewID()).SetCreatedAt(tx.Now()).Exec(ctx)
//	})
func (h *Harness) InTx(name string, f func(ctx context.Context, core *tx.Tx) error) {
	h.T.Helper()
	db, ok := h.dbs[name]
	if !ok {
		h.T.Fatalf("context %s is not part of the test; register it", name)
	}
	service := tx.Service{Context: name}
	for _, d := range h.app.Definitions() {
		if d.Context == name {
			service.Publishes = d.Publishes
		}
	}
	_, _, err := tx.NewStore(db, service).Command(h.T.Context(), tx.Command{Method: "platformtest.InTx"}, inTx(f))
	h.must("run a transaction of "+name, err)
}

func inTx(f func(ctx context.Context, t *tx.Tx) error) func(ctx context.Context, t *tx.Tx) ([]byte, error) {
	return func(ctx context.Context, t *tx.Tx) ([]byte, error) { return nil, f(ctx, t) }
}
