package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Between the process and the server there may be a pooler, such as PgBouncer,
// that gives each transaction another of the server's connections. Then
// nothing may outlive a transaction on a connection: no prepared statement,
// and no setting that the pooler does not carry over itself.

// carried are the settings that PgBouncer carries over to each connection.
// It refuses connections that begin with others.
var carried = []string{"application_name", "timezone"}

// beginSetting stands for settings that cannot be sent with the connection.
const beginSetting = "SET LOCAL idle_in_transaction_session_timeout = 60000"

// behindPooler reports whether a pooler answers. A pooler refuses settings
// that it does not know; or it lets them pass, and its connections have other
// process numbers than the server's.
func behindPooler(ctx context.Context, config *pgx.ConnConfig) (bool, error) {
	conn, err := pgx.ConnectConfig(ctx, config)
	if refusesSettings(err) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("reach the database: %w", err)
	}
	var pid uint32
	err = conn.QueryRow(ctx, "SELECT pg_backend_pid()", pgx.QueryExecModeSimpleProtocol).Scan(&pid)
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		return false, fmt.Errorf("ask the database for its connection: %w", err)
	}
	return pid != conn.PgConn().PID(), nil
}

func refusesSettings(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && strings.Contains(refused.Message, "unsupported startup parameter")
}

// execMode is the parameter of URLs that says how statements are run.
const execMode = "default_query_exec_mode"

// forPooler makes connections that work behind a pooler. Types of statements
// are remembered in the process; they are not prepared in the server, unless
// the URL asks for that. own are the settings that are not from the URL.
func forPooler(config *pgx.ConnConfig, url string, own map[string]string) {
	if !strings.Contains(url, execMode) {
		config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	for name := range own {
		delete(config.RuntimeParams, name)
	}
	for _, name := range carried {
		if value, ok := own[name]; ok {
			config.RuntimeParams[name] = value
		}
	}
}

// explain says what to do about a setting of the URL that a pooler refuses.
func explain(err error) error {
	if refusesSettings(err) {
		return fmt.Errorf("%w: the pooler in front of the database does not carry this setting of the URL; "+
			"take it out of the URL and give it to the role, with ALTER ROLE ... SET", err)
	}
	return err
}
