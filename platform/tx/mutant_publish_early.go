//go:build mutant_publish_before_commit

package tx

import (
	"context"

	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/outbox"
)

// rolledBack leaves what a handler has published in the outbox, as if it had
// been published when the handler asked for it.
func (r *run) rolledBack(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	_ = r.s.db.InTx(ctx, func(u *database.Unit) error {
		return outbox.Insert(ctx, r.s.db, u, r.today, r.out)
	})
}
