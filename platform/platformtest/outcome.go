package platformtest

import (
	"database/sql"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
)

// An outcome is what a run has left behind: how many rows each table has, and
// how many different events each topic.
type outcome map[string]int

func (o outcome) compare(t *testing.T, got outcome) {
	t.Helper()
	names := maps.Clone(o)
	maps.Copy(names, got)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if o[name] != got[name] {
			t.Errorf("%s: %d, want %d as in the undisturbed run", name, got[name], o[name])
		}
	}
}

func (h *Harness) outcome() outcome {
	h.T.Helper()
	o := outcome{}
	for _, d := range h.app.Definitions() {
		for _, table := range h.tables(d.Context) {
			o[fmt.Sprintf("rows of %s in %s", table, d.Context)] = h.count(d.Context, counted(table))
		}
		for _, t := range d.Publishes {
			o["different events on "+t.Topic] = h.different(t.Topic)
		}
	}
	return o
}

// settling are the platform's tables whose rows say what has happened, and not
// how: an event that was applied, one that was published, one that is held.
var settling = []string{"pl_inbox", "pl_outbox", "pl_hold", "pl_saga"}

// tables returns the context's own tables and those of the platform that
// settle something.
func (h *Harness) tables(context string) (names []string) {
	h.T.Helper()
	err := database.Each(h.T.Context(), h.dbs[context].Reading(),
		`SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`, nil, func(rows *sql.Rows) error {
			var name string
			err := rows.Scan(&name)
			if own := !strings.HasPrefix(name, "pl_") && !strings.HasPrefix(name, "sqlite_"); own || slices.Contains(settling, name) {
				names = append(names, name)
			}
			return err
		})
	h.must("list the tables of "+context, err)
	return names
}

// counted returns a table as it is counted: an event that came again while it
// was held is held once.
func counted(table string) string {
	if table == "pl_hold" {
		return `(SELECT DISTINCT consumer, event_source, event_id FROM pl_hold)`
	}
	return table
}

func (h *Harness) count(context, rows string) (n int) {
	h.T.Helper()
	_, err := database.Scan(h.T.Context(), h.dbs[context].Reading(), `SELECT count(*) FROM `+rows, nil, &n)
	h.must("count the rows of "+rows, err)
	return n
}

// different returns how many ids the events of a topic have.
func (h *Harness) different(topic string) int {
	h.T.Helper()
	ids := map[string]bool{}
	for _, record := range h.records(topic) {
		envelope, _, err := event.ParseKafka(headers(record), record.Value)
		h.must("read "+topic, err)
		ids[envelope.ID] = true
	}
	return len(ids)
}

// serve serves HTTP until the server is closed.
func serve(l net.Listener, handler http.Handler) *http.Server {
	server := &http.Server{Handler: handler}
	go func() { _ = server.Serve(l) }()
	return server
}
