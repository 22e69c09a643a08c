package saga_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/saga"
)

// TestAnyHistory plays random histories of one instance: calls that are
// dropped, refused, late, or lose their answer, functions that fail, commits
// whose outcome is lost, engines that die, and leases that end while their
// engines are at work. Whatever happens, each effect
// happens at most once, and at the end there is access, or one refund, never
// both.
func TestAnyHistory(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		fails := &flaky{left: map[string]int{}}
		w.define(func(o *others) saga.Definition { return fails.wrap(enroll(o)) })
		n := 0
		rapid.Check(struct{ rapid.TB }{t}, func(rt *rapid.T) {
			if n++; !w.virtual && n > 25 {
				return // real time
			}
			(&play{T: rt, w: w, fails: fails, key: fmt.Sprintf("p%d", n)}).run()
		})
	})
}

// A play is one history.
type play struct {
	*rapid.T
	w     *world
	fails *flaky
	key   string
}

var someFault = rapid.SampledFrom([]fault{fine, dropped, lost, refused, broken, late, hanging})

func (p *play) run() {
	p.draw()
	p.w.deliver(captured, p.key, "")
	for p.dies() {
	}
	leases := rapid.IntRange(0, 3).Draw(p.T, "leases that end early")
	stop, other := p.w.run(), p.w.run()
	p.w.until("the end of "+p.key, func() bool {
		p.w.others.arrive()
		if leases--; leases >= 0 {
			p.w.expire()
		}
		return p.w.status(p.key).Ended()
	})
	stop()
	other()
	p.w.check(p.key)
	if p.w.t.Failed() {
		p.Fatalf("the history of %s is %q, its calls %q", p.key, whats(p.w.show(p.key)), p.w.others.calls(p.key))
	}
}

func (p *play) draw() {
	for method, most := range map[string]int{"course.Activate": 4, "course.Revoke": 4, "billing.Issue": 4, "payment.Refund": 4} {
		faults := rapid.SliceOfN(someFault, 0, most).Draw(p.T, method)
		if !p.w.virtual {
			for i := range faults {
				if faults[i] == hanging {
					faults[i] = lost // the same, without the wait
				}
			}
		}
		p.w.others.will(method+" "+p.key, faults...)
	}
	for _, name := range []string{"call request", "undo request", "done", "publish", "failed", "ended"} {
		if rapid.IntRange(0, 5).Draw(p.T, "chance of "+name) == 0 {
			p.fails.set(name, rapid.IntRange(1, 2).Draw(p.T, name))
		} else {
			p.fails.set(name, 0)
		}
	}
}

// dies runs an engine that may lose commits and dies at some step, and reports
// whether there is another one like it.
func (p *play) dies() bool {
	if rapid.IntRange(0, 2).Draw(p.T, "engine dies") > 0 || p.w.status(p.key).Ended() {
		return false
	}
	loses := rapid.IntRange(0, 15).Draw(p.T, "loses the commit")
	applied := rapid.Bool().Draw(p.T, "after it took effect")
	p.w.loses = func(s bus.Step) {
		if s != bus.CommandStored {
			return
		}
		if loses--; loses == 0 {
			p.w.lossy.lose(applied)
		}
	}
	p.w.crash(p.key, rapid.IntRange(1, 25).Draw(p.T, "dies at"))
	p.w.loses = nil
	return true
}
