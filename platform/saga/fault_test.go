package saga_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/saga"
)

// faultCases are what goes wrong with the calls of one instance each, and how
// it ends.
var faultCases = []struct {
	name  string
	calls map[string][]fault
	want  saga.Status
	// parked says that the invoice is parked, and undone that the step that
	// failed was undone itself.
	parked, undone bool
}{
	{name: "nothing"},
	{name: "activate dropped", calls: map[string][]fault{"course.Activate": {dropped, dropped}}},
	{name: "activate lost", calls: map[string][]fault{"course.Activate": {lost, lost}}},
	{name: "activate panics", calls: map[string][]fault{"course.Activate": {broken}}},
	{name: "activate late, then done", calls: map[string][]fault{"course.Activate": {late, fine}}},
	{name: "activate refused", calls: map[string][]fault{"course.Activate": {refused}}, want: saga.StatusCompensated},
	{name: "activate refused after unknown", calls: map[string][]fault{"course.Activate": {late, refused}}, want: saga.StatusCompensated, undone: true},
	{name: "activate never answers", calls: map[string][]fault{"course.Activate": {lost, lost, lost}}, want: saga.StatusCompensated, undone: true},
	{name: "activate never arrives", calls: map[string][]fault{"course.Activate": {dropped, dropped, dropped}}, want: saga.StatusCompensated, undone: true},
	{name: "activate arrives behind its undo", calls: map[string][]fault{"course.Activate": {dropped, dropped, late}}, want: saga.StatusCompensated, undone: true},
	{
		name: "undo and refund in trouble", want: saga.StatusCompensated, undone: true,
		calls: map[string][]fault{
			"course.Activate": {lost, lost, lost}, "course.Revoke": {lost, dropped, refused, broken, refused}, "payment.Refund": {lost, refused, late, dropped},
		},
	},
	{name: "refund lost", calls: map[string][]fault{"course.Activate": {refused}, "payment.Refund": {lost}}, want: saga.StatusCompensated},
	{name: "invoice lost", calls: map[string][]fault{"billing.Issue": {lost, dropped}}},
	{name: "invoice refused", calls: map[string][]fault{"billing.Issue": {refused}}, parked: true},
	{name: "invoice never answers", calls: map[string][]fault{"billing.Issue": {dropped, late, lost}}, parked: true},
}

func TestEveryFailureAtEveryCall(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		defer w.run()()
		for i, c := range faultCases {
			key := fmt.Sprintf("p%d", i)
			for method, faults := range c.calls {
				w.others.will(method+" "+key, faults...)
			}
			w.deliver(captured, key, "")
		}
		for i, c := range faultCases {
			key := fmt.Sprintf("p%d", i)
			if c.want == "" {
				c.want = saga.StatusCompleted
			}
			if got := w.ends(key); got != c.want {
				t.Errorf("%s: ends as %s, want %s: %q", c.name, got, c.want, whats(w.show(key)))
			}
			w.check(key)
			if got := slices.Contains(w.others.calls(key), "course.Revoke"); got != c.undone {
				t.Errorf("%s: the failed step is undone: %v, want %v", c.name, got, c.undone)
			}
			alerts := strings.Count(strings.Join(w.published(key), ","), "alerted:")
			if d := w.show(key); (d.Parked == 1) != c.parked || (alerts == 1) != c.parked || alerts > 1 {
				t.Errorf("%s: %d parked and %d alerts, want parked: %v", c.name, d.Parked, alerts, c.parked)
			}
		}
	})
}

// TestEveryFunctionFails has the functions of the definition itself fail or
// panic a few times.
func TestEveryFunctionFails(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		fails := &flaky{left: map[string]int{}}
		w.define(func(o *others) saga.Definition { return fails.wrap(enroll(o)) })
		defer w.run()()
		for i, name := range []string{"done", "publish", "failed", "ended", "undo request"} {
			key := fmt.Sprintf("p%d", i)
			fails.set(name, 2)
			want := saga.StatusCompleted
			switch name {
			case "failed":
				w.others.will("billing.Issue "+key, refused)
			case "undo request":
				w.others.will("course.Activate "+key, dropped, dropped, dropped)
				want = saga.StatusCompensated
			}
			w.deliver(captured, key, "")
			if got := w.ends(key); got != want {
				t.Errorf("%s fails twice: ends as %s, want %s: %q", name, got, want, whats(w.show(key)))
			}
			w.check(key)
			if n := fails.get(name); n != 0 {
				t.Errorf("%s has still to fail %d times", name, n)
			}
		}
		fails.set("call request", 1)
		w.deliver(captured, "p", "")
		if got := w.ends("p"); got != saga.StatusCompensated || len(w.others.calls("p")) != 1 {
			t.Errorf("no request: ends as %s after %q", got, w.others.calls("p"))
		}
		fails.set("publish", 3)
		w.deliver(captured, "q", "")
		if got := w.ends("q"); got != saga.StatusCompensated {
			t.Errorf("nothing can be published: ends as %s", got)
		}
		w.check("p")
		w.check("q")
	})
}

// TestFailsForEver leaves to a person what cannot end, and goes on when asked.
func TestFailsForEver(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, w *world) {
		defer w.run()()
		w.others.will("course.Activate p1", refused)
		w.others.willAlways("payment.Refund p1", refused)
		w.others.will("course.Activate p2", refused)
		w.others.willAlways("payment.Refund p2", dropped)
		w.deliver(captured, "p1", "")
		w.deliver(captured, "p2", "")
		began := time.Now()
		if got := w.ends("p1"); got != saga.StatusStuck {
			t.Fatalf("refused refund: ends as %s", got)
		}
		if took := time.Since(began); took > 5*time.Hour {
			t.Errorf("a refund that is refused is stuck after %v", took)
		}
		if got := w.ends("p2"); got != saga.StatusStuck {
			t.Fatalf("unknown refund: ends as %s", got)
		}
		if took := time.Since(began); took < 24*time.Hour || took > 25*time.Hour {
			t.Errorf("a refund whose result stays unknown is stuck after %v", took)
		}
		counts, err := saga.Counts(t.Context(), w.db)
		if err != nil || len(counts) != 1 || counts[0].Status != saga.StatusStuck || counts[0].Instances != 2 {
			t.Errorf("counted %+v, %v", counts, err)
		}
		for _, key := range []string{"p1", "p2"} {
			w.others.willAlways("payment.Refund "+key, fine)
			if err := saga.Retry(t.Context(), w.db, w.decision(key, "")); err != nil {
				t.Fatal(err)
			}
			w.until("the refund", func() bool { return w.status(key) == saga.StatusCompensated })
			w.check(key)
		}
	})
}

// TestCrashAtEveryStep kills the engine at every point of a run, and has
// another one finish it.
func TestCrashAtEveryStep(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		for name, faults := range map[string][]fault{
			"completed":   {lost},
			"compensated": {lost},
		} {
			for n, crashed := 1, true; crashed; n++ {
				key := fmt.Sprintf("%s-%d", name, n)
				w.others.will("course.Activate "+key, faults...)
				if name == "compensated" {
					w.others.willAlways("course.Activate "+key, refused)
				}
				w.deliver(captured, key, "")
				crashed = w.crash(key, n)
				stop := w.run()
				if got := w.ends(key); string(got) != name {
					t.Errorf("crash at step %d: ends as %s, want %s: %q", n, got, name, whats(w.show(key)))
				}
				w.check(key)
				stop()
				if !crashed && n < 15 {
					t.Errorf("%s: the run has only %d steps", name, n)
				}
			}
		}
	})
}

// crash runs an engine that dies at the n-th step, and makes its lease pass.
func (w *world) crash(key string, n int) (crashed bool) {
	dead := make(chan struct{})
	var once sync.Once
	w.step.set(func(s bus.Step) {
		if w.loses != nil {
			w.loses(s)
		}
		if n--; n <= 0 {
			once.Do(func() { close(dead) })
			runtime.Goexit()
		}
	})
	stop := w.run()
	w.until("the crash", func() bool {
		select {
		case <-dead:
			crashed = true
		default:
		}
		s := w.status(key)
		return crashed || s.Ended() || s == saga.StatusStuck
	})
	stop()
	w.step.set(nil)
	w.lossy.lose()
	if !w.virtual {
		w.expire()
	}
	return crashed
}

// TestLostCommits breaks the connection during commits that have taken effect,
// and others that have not.
func TestLostCommits(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		n := 0
		for first := range 6 {
			for _, applied := range []bool{true, false} {
				n++
				key := fmt.Sprintf("p%d", n)
				var faults []fault
				if n%4 > 1 {
					faults = []fault{refused}
				}
				w.others.will("course.Activate "+key, faults...)
				w.deliver(captured, key, "")
				committed := 0
				w.step.set(func(s bus.Step) {
					if s != bus.CommandStored {
						return
					}
					if committed++; committed == first+1 {
						w.lossy.lose(applied, applied)
					}
				})
				stop := w.run()
				w.ends(key)
				stop()
				w.step.set(nil)
				w.lossy.lose()
				w.check(key)
			}
		}
	})
}

// TestZombieCannotWrite suspends an engine during its call until another one
// has finished the instance.
func TestZombieCannotWrite(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		hold, held := make(chan struct{}), make(chan struct{})
		w.others.hold, w.others.held = hold, held
		w.deliver(captured, "p1", "")
		zombie := w.run()
		<-held
		w.expire()
		stop := w.run()
		if got := w.ends("p1"); got != saga.StatusCompleted {
			t.Fatalf("ends as %s: %q", got, whats(w.show("p1")))
		}
		before := w.show("p1")
		close(hold)
		zombie()
		stop()
		if after := w.show("p1"); after.Version != before.Version || after.Status != before.Status {
			t.Errorf("the zombie moved the instance from %d to %d: %q", before.Version, after.Version, whats(after))
		}
		w.check("p1")
	})
}

// TestManyEnginesShare has three engines work on the same instances.
func TestManyEnginesShare(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		for range 3 {
			defer w.run()()
		}
		for i := range 40 {
			key := fmt.Sprintf("p%d", i)
			if i%3 == 0 {
				w.others.will("course.Activate "+key, lost, refused)
			}
			w.deliver(captured, key, "")
		}
		for i := range 40 {
			key := fmt.Sprintf("p%d", i)
			w.ends(key)
			w.check(key)
		}
	})
}

// TestStopMidCall stops an engine during a call. The next one makes it again
// without waiting for a lease, and the attempt does not count.
func TestStopMidCall(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		hold, held := make(chan struct{}), make(chan struct{})
		w.others.hold, w.others.held = hold, held
		w.deliver(captured, "p1", "")
		stop := w.run()
		<-held
		stop()
		d := w.show("p1")
		if d.Due.After(time.Now()) || d.Steps[0].Attempts != 0 || !d.Steps[0].Unknown {
			t.Errorf("left as %+v, due %v", d.Steps[0], d.Due)
		}
		defer w.run()()
		if got := w.ends("p1"); got != saga.StatusCompleted {
			t.Errorf("ends as %s", got)
		}
		w.check("p1")
	})
}

// TestCallThatNeverReturns goes on without it.
func TestCallThatNeverReturns(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, w *world) {
		never := make(chan struct{})
		defer close(never)
		w.define(func(o *others) saga.Definition {
			d := enroll(o)
			deaf := *d.Steps[0].Call
			deaf.Do = func(ctx, string, proto.Message) (proto.Message, error) {
				<-never
				return nil, nil
			}
			d.Steps[0].Call = &deaf
			return d
		})
		defer w.run()()
		began := time.Now()
		w.deliver(captured, "p1", "")
		if got := w.ends("p1"); got != saga.StatusCompensated {
			t.Errorf("ends as %s", got)
		}
		if took := w.show("p1").Changed.Sub(began); took > 35*time.Second {
			t.Errorf("three attempts took %v", took)
		}
		w.check("p1")
	})
}

// TestRequestStays sends what was sent first as long as that may have had its
// effect, also when a person asks again, and a new request after a refusal.
func TestRequestStays(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, w *world) {
		requests, sent := 0, []string{}
		w.define(func(o *others) saga.Definition {
			d := enroll(o)
			c := *d.Steps[2].Call
			c.Request = func(ctx, proto.Message, *saga.Failure) (proto.Message, error) {
				requests++
				return wrapperspb.String(fmt.Sprint("request ", requests)), nil
			}
			c.Do = func(ctx ctx, key string, req proto.Message) (proto.Message, error) {
				id := req.(*wrapperspb.StringValue).Value
				sent = append(sent, id)
				return o.answer(ctx, "billing.Issue", key, id)
			}
			d.Steps[2].Call = &c
			return d
		})
		defer w.run()()
		w.others.will("billing.Issue", lost, dropped, dropped, refused)
		w.deliver(captured, "p1", "")
		w.ends("p1")
		for range 2 {
			w.decide(saga.Retry, "p1", "invoice")
			w.until("the end", func() bool { return w.status("p1") == saga.StatusCompleted })
		}
		w.others.will("billing.Issue", refused)
		w.deliver(captured, "p2", "")
		w.ends("p2")
		w.decide(saga.Retry, "p2", "invoice")
		w.until("the end", func() bool { return w.show("p2").Parked == 0 && w.status("p2") == saga.StatusCompleted })
		want := []string{"request 1", "request 1", "request 1", "request 1", "request 1", "request 2", "request 3"}
		if !slices.Equal(sent, want) {
			t.Errorf("sent %q, want %q", sent, want)
		}
	})
}
