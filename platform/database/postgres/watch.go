package postgres

import (
	"context"
	"database/sql"

	"github.com/pulselearn/campus-hub/platform/database"
)

// Watch implements [database.Watcher]. The server counts by itself.
func (dialect) Watch(context.Context, database.Conn) error { return nil }

// Watched implements [database.Watcher].
func (dialect) Watched(ctx context.Context, c database.Conn) ([]database.TableChange, error) {
	var found []database.TableChange
	err := database.Each(ctx, c, `SELECT relname, action, rows FROM pg_stat_xact_user_tables,
			LATERAL (VALUES ('insert', n_tup_ins), ('update', n_tup_upd), ('delete', n_tup_del)) AS a (action, rows)
		WHERE rows > 0 AND relname NOT LIKE 'pl\_%' ORDER BY relname, action`, nil, func(rows *sql.Rows) error {
		var t database.TableChange
		err := rows.Scan(&t.Table, &t.Action, &t.Rows)
		found = append(found, t)
		return err
	})
	return found, err
}
