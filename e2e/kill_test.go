//go:build unix

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A plan says what happens to a deployment during a run.
type plan struct {
	seed     uint64
	mutants  map[string]string // build tags by context
	commands int
	students int
	quizzes  int
	// every is the time between two commands under fire.
	every time.Duration
	// kills says how often each program is killed at random moments.
	kills map[string]int
	// repeats is how often an event is forced to be published twice.
	repeats int
	// zombie makes a frozen consumer wake up after another has taken over and
	// the inbox has forgotten what it applied.
	zombie bool
}

// seedOf returns the seed of a run, which PL_E2E_SEED may choose.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("PL_E2E_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("PL_E2E_SEED: %v", err)
		}
	}
	t.Logf("report: seed %d; replay with PL_E2E_SEED=%d", seed, seed)
	return seed
}

// run carries out the plan and returns what the checker finds afterwards.
func (p plan) run(t *testing.T) *verdict {
	t.Helper()
	random := rand.New(rand.NewPCG(p.seed, 2))
	d := deploy(t, p.mutants)
	c := d.campus()
	k := c.newClass("class", p.students, p.quizzes)
	d.quiet(60 * time.Second)
	commands := newCommands(random, fmt.Sprint(p.seed), p.commands, k)
	rest := commands
	take := func(n int) []*command {
		taken := rest[:n]
		rest = rest[n:]
		return taken
	}
	l := &load{t: t, campus: c, class: k, clients: 8}
	if p.zombie {
		d.wakeZombie(l, take(2*p.students))
	}
	for range p.repeats {
		d.forceRepeat(l, take(p.students))
	}
	if len(p.kills) > 0 {
		d.underFire(p, random, l, rest)
	} else {
		l.send(rest)
	}
	d.quiet(120 * time.Second)
	return d.check(k, commands)
}

// underFire sends the commands while programs are killed.
func (d *deployment) underFire(p plan, random *rand.Rand, l *load, commands []*command) {
	d.t.Helper()
	l.every = p.every
	var killers sync.WaitGroup
	for _, name := range append([]string{"broker"}, services...) {
		if p.kills[name] == 0 {
			continue
		}
		own := rand.New(rand.NewPCG(random.Uint64(), 3))
		span := time.Duration(len(commands)) * p.every
		killers.Go(func() { d.killer(name, p.kills[name], span, own) })
	}
	l.send(commands)
	killers.Wait()
}

// killer kills one program at random moments of the span, and starts it again.
// Those that mostly consume are killed in the middle of a handler's
// transaction: at the first delivery after that moment.
func (d *deployment) killer(name string, times int, span time.Duration, random *rand.Rand) {
	slice := span / time.Duration(times)
	for range times {
		begin := time.Now()
		<-time.After(time.Duration(random.Int64N(int64(slice))))
		down := time.Duration(random.IntN(300)) * time.Millisecond
		if name == "broker" {
			d.broker.kill()
			<-time.After(down)
			d.startBroker()
		} else {
			d.killService(name, down)
		}
		<-time.After(time.Until(begin.Add(slice)))
	}
}

func (d *deployment) killService(name string, down time.Duration) {
	service := d.services[name]
	if name == "achievement" || name == "notification" {
		select {
		case <-service.log.next(`"msg":"handling"`):
		case <-time.After(15 * time.Second):
		}
	}
	service.kill()
	<-time.After(down)
	service.start()
}

const completedTopic = "pl.quiz.quiz_completed.v1"

// forceRepeat kills the quiz service at the one moment at which events are
// published twice: after the broker has them, and before the outbox knows.
//
// While the broker is frozen the relay waits for it. Then nobody can write the
// database any more, the broker goes on and stores the events, and the relay
// cannot mark them.
func (d *deployment) forceRepeat(l *load, commands []*command) {
	d.t.Helper()
	before := d.recordsIn(completedTopic)
	d.broker.signal(syscall.SIGSTOP)
	l.send(commands)
	release := d.writing("quiz")
	d.broker.signal(syscall.SIGCONT)
	await(d.t, 60*time.Second, func() error {
		if n := d.recordsIn(completedTopic); n == before {
			return fmt.Errorf("the broker still has %d records", n)
		}
		return nil
	})
	d.services["quiz"].kill()
	release()
	d.services["quiz"].startReady()
	d.quiet(60 * time.Second)
}

// wakeZombie freezes the achievement service when it has fetched events and
// its transactions are about to begin. Another process takes over and applies
// the events; the inbox forgets them, as it does after eight days; then the
// first one goes on with what it had fetched.
func (d *deployment) wakeZombie(l *load, commands []*command) {
	d.t.Helper()
	zombie := d.services["achievement"]
	before := d.recordsIn(completedTopic)
	release := d.writing("achievement")
	l.send(commands)
	await(d.t, 60*time.Second, func() error {
		if n := d.recordsIn(completedTopic) - before; n < len(commands)/2 {
			return fmt.Errorf("%d events of %d commands are published", n, len(commands))
		}
		return nil
	})
	<-time.After(time.Second) // the service fetches in milliseconds
	zombie.signal(syscall.SIGSTOP)
	release()
	heir := d.program("heir", filepath.Join(build(d.t, "", services...), "achievement"), nil, zombie.env[2:]...)
	heir.startReady()
	d.quiet(60 * time.Second)
	d.exec("achievement", "DELETE FROM pl_inbox")
	woken := zombie.log.next("claim")
	zombie.signal(syscall.SIGCONT)
	select {
	case <-woken:
	case <-time.After(5 * time.Second):
	}
	heir.kill()
	zombie.kill()
	zombie.startReady()
	d.quiet(60 * time.Second)
}

// TestNothingIsLostOrAppliedTwiceUnderKill kills the services and the broker
// with kill -9 at random moments of 1,000 commands whose clients send them
// again with the same Idempotency-Key.
func TestNothingIsLostOrAppliedTwiceUnderKill(t *testing.T) {
	t.Parallel()
	p := plan{
		seed: seedOf(t), commands: 1000, students: 25, quizzes: 10, every: 40 * time.Millisecond,
		kills:   map[string]int{"broker": 3, "quiz": 8, "achievement": 3, "notification": 3},
		repeats: 3, zombie: true,
	}
	v := p.run(t)
	t.Logf("report: %s", v)
	if len(v.violations) > 0 {
		t.Error(v.report())
	}
	if v.duplicates == 0 || v.redeliveries == 0 || v.resent == 0 {
		t.Errorf("the run proves nothing: %s", v)
	}
}

// TestMutantsAreCaught builds the platform without one of its guards and wants
// the same checks to fail. Whether a process does its wrong in time depends on
// the machine, so that there are further runs until it is seen.
func TestMutantsAreCaught(t *testing.T) {
	t.Parallel()
	const runs = 3
	for _, test := range []struct {
		name, tag string
		plan      plan
	}{
		{"without the inbox", "mutant_no_inbox", plan{repeats: 1}},
		{"without the fence", "mutant_no_fence", plan{zombie: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := test.plan
			p.seed, p.commands, p.students, p.quizzes = seedOf(t), 60, 10, 2
			p.mutants = map[string]string{"achievement": test.tag}
			caught := false
			for n := 1; !caught && n <= runs; n++ {
				t.Run(fmt.Sprint("run ", n), func(t *testing.T) {
					v := p.run(t)
					caught = contains(strings.Join(v.violations, "\n"), "achievement.OnQuizCompleted: ") == nil
					t.Logf("report: caught: %t; %s", caught, v.report())
				})
				p.seed++
			}
			if !caught {
				t.Errorf("in %d runs the checker has not seen that effects happened twice", runs)
			}
		})
	}
}
