package platformtest_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"

	"connectrpc.com/connect/v2"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/internal/relayrace"
	"github.com/pulselearn/campus-hub/platform/platformtest"
	"github.com/pulselearn/campus-hub/platform/rpc"
	"github.com/pulselearn/campus-hub/platform/service"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// A leg handles one baton that arrives.
type leg func(ctx context.Context, t *tx.Tx, runner string) error

// track registers a context whose handler is made anew for every process.
func track(handler func() leg) func(app *service.App) {
	return func(app *service.App) {
		run := handler()
		app.Add(service.Definition{
			Context:   "race",
			Publishes: []*event.Type{new(relayrace.Handed).EventType(), new(relayrace.Carried).EventType()},
			Consumers: []tx.Consumer{{
				Route: bus.Route{
					Consumer: "race.OnHanded", Type: new(relayrace.Handed).EventType(),
					New: func() event.Message { return &relayrace.Handed{} },
				},
				Handle: func(ctx context.Context, t *tx.Tx, m event.Message) error {
					return run(ctx, t, m.(*relayrace.Handed).Runner)
				},
			}},
			Migrations: fstest.MapFS{"sqlite/0001_legs.sql": {Data: []byte("CREATE TABLE legs (id TEXT PRIMARY KEY, runner TEXT NOT NULL)")}},
			Methods:    func(*connect.Server, *rpc.Core, *rpc.Directory) {},
		})
	}
}

func store(ctx context.Context, t *tx.Tx, id any, runner string) error {
	_, err := t.Conn().ExecContext(ctx, "INSERT INTO legs VALUES ($1, $2) ON CONFLICT DO NOTHING", id, runner)
	return err
}

func carry(ctx context.Context, t *tx.Tx, runner string) error {
	c := new(relayrace.Carried)
	c.Runner = runner
	return t.Publish(ctx, c)
}

// twoLegs hands the baton over twice, one after the other.
func twoLegs(h *platformtest.Harness) {
	h.Given(relayrace.NewHanded("ada"))
	h.Given(relayrace.NewHanded("grace"))
}

func TestCrashEverywherePasses(t *testing.T) {
	t.Run("events", func(t *testing.T) {
		handler := func() leg {
			return func(ctx context.Context, t *tx.Tx, runner string) error {
				if err := store(ctx, t, t.NewID(), runner); err != nil {
					return err
				}
				return carry(ctx, t, runner)
			}
		}
		platformtest.CrashEverywhere(t, track(handler), twoLegs, nil)
	})
	t.Run("commands", func(t *testing.T) {
		platformtest.CrashEverywhere(t, new(relayrace.Race).Register, func(h *platformtest.Harness) {
			if err := relayrace.Start(h.T.Context(), h.Client("race", platformtest.Admin("coach")), "ada"); err != nil {
				h.T.Fatal(err)
			}
		}, func(h *platformtest.Harness) {
			if n := runs(h, "ada"); n != 1 {
				h.T.Errorf("ada ran %d times, want once", n)
			}
		})
	})
}

// arrived outlives the processes of a test, as every variable of a package.
var arrived = map[string]bool{}

// mistakes are handlers that a crash puts in the wrong, each with the run that
// shows it and what that run says.
var mistakes = map[string]struct {
	handler   func() leg
	run, says string
}{
	"numbers rows from memory": {
		handler: func() leg {
			n := 0
			return func(ctx context.Context, t *tx.Tx, runner string) error {
				n++
				return store(ctx, t, n, runner)
			}
		},
		run: "consume.6-committed/1", says: "rows of legs in race: 1, want 2",
	},
	"collects events in memory": {
		handler: func() leg {
			var waiting []string
			return func(ctx context.Context, t *tx.Tx, runner string) error {
				if waiting = append(waiting, runner); len(waiting) < 2 {
					return nil
				}
				return carry(ctx, t, strings.Join(waiting, " and "))
			}
		},
		run: "consume.6-committed/1", says: "different events on pl.race.carried.v1: 0, want 1",
	},
	"remembers in a variable of its package": {
		handler: func() leg {
			return func(ctx context.Context, t *tx.Tx, runner string) error {
				if arrived[runner] {
					return nil
				}
				arrived[runner] = true
				return store(ctx, t, t.NewID(), runner)
			}
		},
		run: "consume.4-handled/1", says: "rows of legs in race: 0, want 2",
	},
}

// mistakeVar names, in a process of its own, the mistake whose suite has to
// fail.
const mistakeVar = "PL_TEST_MISTAKE"

func TestCrashEverywhereCatches(t *testing.T) {
	if name := os.Getenv(mistakeVar); name != "" {
		platformtest.CrashEverywhere(t, track(mistakes[name].handler), twoLegs, nil)
		return
	}
	for name, m := range mistakes {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestCrashEverywhereCatches$/"+m.run)
			cmd.Env = append(os.Environ(), mistakeVar+"="+name)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: TestCrashEverywhereCatches/"+m.run) || !strings.Contains(string(out), m.says) {
				t.Errorf("the suite did not say %q at %s: %v\n%s", m.says, m.run, err, out)
			}
		})
	}
}
