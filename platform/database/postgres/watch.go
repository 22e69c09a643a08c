package postgres

import (
	"context"
	"database/sql"

	"github.com/pulselearn/campus-hub/platform/database"
)

// Watch implements [database.Watcher]. The server counts by itself; what it has
// counted for earlier transactions of the connection, and not reported yet, is
// taken off.
func (dialect) Watch(ctx context.Context, c database.Conn) (func(context.Context) ([]database.TableChange, error), error) {
	before, err := counted(ctx, c)
	if err != nil {
		return nil, err
	}
	earlier := map[database.TableChange]int64{}
	for _, t := range before {
		earlier[database.TableChange{Action: t.Action, Table: t.Table}] = t.Rows
	}
	return func(ctx context.Context) ([]database.TableChange, error) {
		now, err := counted(ctx, c)
		var changed []database.TableChange
		for _, t := range now {
			if t.Rows -= earlier[database.TableChange{Action: t.Action, Table: t.Table}]; t.Rows > 0 {
				changed = append(changed, t)
			}
		}
		return changed, err
	}, nil
}

func counted(ctx context.Context, c database.Conn) ([]database.TableChange, error) {
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
