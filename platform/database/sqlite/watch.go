package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/pulselearn/campus-hub/platform/database"
)

// Watch implements [database.Watcher]: triggers count, which go with the
// transaction.
func (*dialect) Watch(ctx context.Context, c database.Conn) (func(context.Context) ([]database.TableChange, error), error) {
	if err := addTriggers(ctx, c); err != nil {
		return nil, err
	}
	return func(ctx context.Context) ([]database.TableChange, error) { return counted(ctx, c) }, nil
}

func addTriggers(ctx context.Context, c database.Conn) error {
	var tables []string
	err := database.Each(ctx, c, `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'pl\_%' ESCAPE '\' AND name NOT LIKE 'sqlite\_%' ESCAPE '\'`, nil,
		func(rows *sql.Rows) error {
			var name string
			err := rows.Scan(&name)
			tables = append(tables, name)
			return err
		})
	if err != nil {
		return err
	}
	if _, err := c.ExecContext(ctx, `CREATE TEMP TABLE pl_watched (tbl TEXT, action TEXT)`); err != nil {
		return err
	}
	for i, table := range tables {
		for _, action := range []string{"insert", "update", "delete"} {
			if _, err := c.ExecContext(ctx, trigger(i, table, action)); err != nil {
				return err
			}
		}
	}
	return nil
}

func trigger(n int, table, action string) string {
	return fmt.Sprintf(`CREATE TEMP TRIGGER pl_watch_%d_%s AFTER %s ON main."%s" BEGIN INSERT INTO pl_watched VALUES ('%s', '%s'); END`,
		n, action, strings.ToUpper(action), strings.ReplaceAll(table, `"`, `""`), strings.ReplaceAll(table, `'`, `''`), action)
}

func counted(ctx context.Context, c database.Conn) ([]database.TableChange, error) {
	var found []database.TableChange
	err := database.Each(ctx, c, `SELECT tbl, action, count(*) FROM temp.pl_watched GROUP BY tbl, action ORDER BY tbl, action`, nil, func(rows *sql.Rows) error {
		var t database.TableChange
		err := rows.Scan(&t.Table, &t.Action, &t.Rows)
		found = append(found, t)
		return err
	})
	return found, err
}
