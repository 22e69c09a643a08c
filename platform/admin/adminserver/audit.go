package adminserver

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"

	"github.com/pulselearn/campus-hub/platform/admin"
	"github.com/pulselearn/campus-hub/platform/database"
)

// An entry is one line of the general audit.
type entry struct{ actor, action, subject, reason, detail string }

func entryOf(r *http.Request, action, subject, reason, detail string) entry {
	return entry{actor(r), action, subject, reason[:min(len(reason), maxReason)], detail}
}

func (e entry) write(ctx context.Context, c database.Conn) error {
	_, err := c.ExecContext(ctx, `INSERT INTO pl_audit (at, actor, action, subject, reason, detail) VALUES ($1, $2, $3, $4, $5, $6)`,
		database.Now(), e.actor, e.action, e.subject, e.reason, e.detail)
	if err != nil {
		return fmt.Errorf("write the audit: %w", err)
	}
	return nil
}

// audit records something in a transaction of its own, before it is done.
func (c *Context) audit(r *http.Request, action, subject, reason, detail string) error {
	return c.DB.InTx(r.Context(), func(u *database.Unit) error {
		return entryOf(r, action, subject, reason, detail).write(r.Context(), u)
	})
}

// audited returns the newest entries about a subject.
func (c *Context) audited(ctx context.Context, subject string, limit int) ([]admin.Audit, error) {
	var list []admin.Audit
	err := database.Each(ctx, c.DB.Reading(), fmt.Sprintf(`SELECT at, actor, action, reason, detail FROM pl_audit
		WHERE subject = $1 ORDER BY seq DESC LIMIT %d`, limit), []any{subject}, func(rows *sql.Rows) error {
		var a admin.Audit
		err := rows.Scan(&a.At, &a.Actor, &a.Action, &a.Reason, &a.Detail)
		a.At = a.At.UTC()
		list = append(list, a)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the audit: %w", err)
	}
	return list, nil
}
