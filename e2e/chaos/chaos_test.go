//go:build unix

package chaos

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/hold"
)

var (
	seed     = flag.Uint64("seed", 0, "the seed of the faults; 0: a new one")
	duration = flag.Duration("duration", 15*time.Second, "how long everything is disturbed")
	engine   = flag.String("engine", "kafka", "the broker: kafka or nats")
	brokers  = flag.Int("brokers", 0, "how many servers the broker has; 0: Kafka is embedded, and NATS has one")
)

// A run is what one test disturbs.
type run struct {
	binary  string // of the victims
	engine  string // of the broker: kafka or nats
	servers int    // of the broker; 0: Kafka is embedded, and NATS has one
	seed    uint64
	lasts   time.Duration
	data    string // where the database is; "": anywhere
	records string // where the embedded broker has its records; "": anywhere
}

// TestChaos lets students take quizzes and buy courses while the services, the
// broker, the registry, the database and the network fail at random and
// handlers are ill. When everything is mended and quiet, a program checks what
// is left; then the dead letters are sent through again, some are dropped, and
// it checks once more.
//
// The seed chooses the faults and their order; the moments depend on the
// machine.
func TestChaos(t *testing.T) { prove(t, *engine, *brokers) }

// TestChaosOnNATS is TestChaos on a nats-server.
func TestChaosOnNATS(t *testing.T) { prove(t, "nats", 1) }

// prove wants the checker to find nothing.
func prove(t *testing.T, engine string, servers int) {
	t.Helper()
	r := run{binary: os.Args[0], engine: engine, servers: servers, seed: *seed, lasts: *duration}
	if r.seed == 0 {
		r.seed = rand.Uint64()
	}
	t.Logf("report: chaos with seed %d; replay with make chaos SEED=%d DURATION=%s ENGINE=%s BROKERS=%d", r.seed, r.seed, r.lasts, engine, servers)
	v, after := r.chaos(t)
	t.Logf("report: after the faults: %s", v)
	t.Logf("report: after the redrive: %s", after)
	for _, v := range []*verdict{v, after} {
		if len(v.violations) > 0 {
			t.Error(v.report())
		}
	}
	if v.tally["applied"] == 0 || v.tally["dead"] == 0 {
		t.Errorf("the run proves nothing: %s", v)
	}
	if after.tally["dead"]+after.tally["parked"]+after.tally["held"]+after.tally["undecodable"] > 0 {
		t.Errorf("the redrive has left something: %s", after)
	}
}

// chaos disturbs a world and returns what the checker finds afterwards, and
// after dead letters were redriven.
func (r run) chaos(t *testing.T) (before, after *verdict) {
	w := newWorld(t, r)
	c := newCampus(w)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		c.study(rand.New(rand.NewPCG(r.seed, 2)), stop)
	}()
	s := newSchedule(w, r.seed)
	s.run(r.lasts)
	close(stop)
	s.reviveUntil(done)
	w.Logf("report: faults: %s", counted(s.done))
	w.quiet()
	before = w.check(c)
	if len(before.violations) > 0 {
		return before, before
	}
	w.heal()
	random := rand.New(rand.NewPCG(r.seed, 3))
	for n := 0; n < redrives && w.decide(random) > 0; n++ {
		w.quiet()
	}
	return before, w.check(c)
}

// redrives is how often a person tries, at most: on a slow machine a healthy
// handler may run out of time, and a delivery that is redriven has one attempt;
// and of records with one key that cannot be decoded, each waits until the one
// before it is dropped.
const redrives = 20

func counted(done map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(done)) {
		parts = append(parts, fmt.Sprintf("%s %d×", name, done[name]))
	}
	return strings.Join(parts, ", ")
}

// heal starts the services again with handlers that do not fail any more.
func (w *world) heal() {
	for group := range groups {
		p := w.victims[group]
		p.kill()
		p.set(envHealthy + "=1")
		p.start()
	}
	for group := range groups {
		w.victims[group].ready()
	}
}

// decide drops what can never be applied and one in four of the other dead and
// parked deliveries of achievement, and redrives the rest. It returns how many
// there were.
func (w *world) decide(random *rand.Rand) (n int) {
	by := hold.Author{Actor: "chaos", Reason: "the run is over"}
	for name, db := range w.dbs {
		for consumer := range w.consumers(name) {
			for _, row := range w.held(name, consumer) {
				if row.State == hold.Held {
					continue
				}
				seen := hold.Selection{Rows: []hold.Seen{{ID: row.ID, Version: row.Version}}}
				do := hold.Redrive
				if row.EventID == "" || name == "achievement" && random.IntN(4) == 0 {
					do = hold.Drop
				}
				_, err := do(w.Context(), db, seen, by)
				w.must("decide about "+row.ID.String(), err)
				n++
			}
		}
	}
	return n
}

// TestMutantsAreCaught runs services that lack one of the platform's guards,
// and wants the checker to see it, in every way that is named. What a run shows
// depends on chance, so that there are further ones until all was seen.
func TestMutantsAreCaught(t *testing.T) {
	const runs = 4
	for tag, wants := range map[string][]string{
		"mutant_publish_before_commit": {"want one each"},
		"mutant_retry_skips":           {"although one of its key", "notification.OnNotificationCreated: .* had its effect after"},
	} {
		t.Run(tag, func(t *testing.T) {
			binary := filepath.Join(t.TempDir(), "victim")
			if out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-tags", tag, "-o", binary, ".").CombinedOutput(); err != nil {
				t.Fatalf("build: %v\n%s", err, out)
			}
			t.Setenv(envLate, "1")
			for seed := uint64(1); len(wants) > 0 && seed <= runs; seed++ {
				t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
					v, _ := run{binary: binary, engine: "kafka", seed: seed, lasts: 10 * time.Second}.chaos(t)
					wants = v.without(t, wants)
				})
			}
			if len(wants) > 0 {
				t.Errorf("in %d runs the checker has not seen %q", runs, wants)
			}
		})
	}
}

// without returns the wants that no violation matches, and says what it found.
func (v *verdict) without(t *testing.T, wants []string) (left []string) {
	found := strings.Join(v.violations, "\n")
	for _, want := range wants {
		n := len(regexp.MustCompile(want).FindAllString(found, -1))
		t.Logf("report: %d violations: %s", n, want)
		if n == 0 {
			left = append(left, want)
			t.Log(v.report())
		}
	}
	return left
}
