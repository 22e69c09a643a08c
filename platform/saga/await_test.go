package saga_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/saga"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// review waits for an approval between its two calls.
func review(o *others) saga.Definition {
	d := enroll(o)
	d.Name = "ReviewEnrollment"
	approval := on(approved)
	approval.Apply = func(_ context.Context, _ *tx.Tx, state proto.Message, e event.Message) error {
		if e.(*note).text == "unreadable" {
			return errors.New("nobody can read that")
		}
		set(state, "approval", e.(*note).text)
		return nil
	}
	d.Steps = slices.Insert(d.Steps, 1, saga.Step{Name: "approval", Await: &approval, Timeout: 10 * time.Minute, Retry: fewTimes})
	return d
}

func TestAwaitedEvents(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.define(review)
		defer w.run()()

		w.deliver(approved, "early", "yes") // before the instance
		w.deliver(captured, "early", "")
		w.deliver(captured, "late", "")
		w.until("the wait", func() bool { return w.show("late").Waiting })
		w.deliver(approved, "late", "yes")
		w.deliver(approved, "late", "no")
		for _, key := range []string{"early", "late"} {
			if got := w.ends(key); got != saga.StatusCompleted {
				t.Errorf("%s ends as %s", key, got)
			}
			w.check(key)
			if got := string(w.show(key).State); !contains(got, `"approval":"yes"`) {
				t.Errorf("%s has state %s", key, got)
			}
		}
		w.deliver(approved, "late", "again")
		if n := w.kept(); n != 0 {
			t.Errorf("%d events are kept for instances at their end", n)
		}

		w.deliver(captured, "bad", "")
		w.deliver(approved, "bad", "unreadable")
		if got := w.ends("bad"); got != saga.StatusCompensated {
			t.Errorf("an event that cannot be applied: ends as %s", got)
		}
		w.check("bad")
	})
}

func (w *world) kept() (n int) {
	w.t.Helper()
	if _, err := database.Scan(w.t.Context(), w.db.Reading(), `SELECT count(*) FROM pl_saga_event`, nil, &n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// TestEventMissesItsInstance keeps an event in a transaction that is open
// while its instance begins and comes to wait.
func TestEventMissesItsInstance(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, w *world) {
		w.define(review)
		defer w.run()()
		w.deliver(captured, "p1", "")
		w.until("the wait", func() bool { return w.show("p1").Waiting })
		w.exec(`INSERT INTO pl_saga_event (saga, instance, step, topic, headers, value, time, expires_at) VALUES ($1, $2, 'approval', $3, 'null', $4, $5, $6)`,
			w.def.Name, w.show("p1").ID, approved.Topic, []byte("p1=yes"), time.Now(), time.Now().Add(time.Hour))
		began := time.Now()
		if got := w.ends("p1"); got != saga.StatusCompleted {
			t.Errorf("ends as %s", got)
		}
		if took := time.Since(began); took > 2*time.Minute {
			t.Errorf("it took %v to find the event", took)
		}
	})
}

func TestDeadlines(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, w *world) {
		w.define(func(o *others) saga.Definition {
			d := review(o)
			for i := range d.Steps {
				d.Steps[i].Retry.Attempts = 1000
				d.Steps[i].Retry.Max = time.Minute
			}
			d.Steps[3].Timeout = 2 * time.Hour
			return d
		})
		defer w.run()()
		for _, c := range []struct {
			name, never string
			fault       fault
			approve     bool
			want        saga.Status
			after       time.Duration
		}{
			{"no approval", "", fine, false, saga.StatusCompensated, 10 * time.Minute},
			{"saga's deadline, dropped", "course.Activate", dropped, true, saga.StatusCompensated, time.Hour},
			{"saga's deadline, hanging", "course.Activate", hanging, true, saga.StatusCompensated, time.Hour},
			{"own deadline of a step with Continue", "billing.Issue", dropped, true, saga.StatusCompleted, 2 * time.Hour},
		} {
			if c.never != "" {
				w.others.willAlways(c.never+" "+c.name, c.fault)
			}
			began := time.Now()
			w.deliver(captured, c.name, "")
			if c.approve {
				w.deliver(approved, c.name, "yes")
			}
			if got := w.ends(c.name); got != c.want {
				t.Errorf("%s: ends as %s, want %s", c.name, got, c.want)
			}
			if took := w.show(c.name).Changed.Sub(began); took < c.after-time.Second || took > c.after+2*time.Minute {
				t.Errorf("%s: took %v, want %v", c.name, took, c.after)
			}
			w.check(c.name)
		}
		w.deliver(approved, "nobody", "yes")
		if w.kept() != 1 {
			t.Fatal("an event without an instance is not kept")
		}
		w.until("the end of what is kept", func() bool { return w.kept() == 0 })
	})
}

// TestRegistryIsDown waits for the registry, up to the step's deadline.
func TestRegistryIsDown(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, w *world) {
		w.define(review)
		defer w.run()()
		for _, c := range []struct {
			key  string
			down time.Duration
			want saga.Status
		}{{"short", 5 * time.Minute, saga.StatusCompleted}, {"long", time.Hour, saga.StatusCompensated}} {
			w.noRegistryUntil.Store(time.Now().Add(c.down).UnixNano())
			w.deliver(captured, c.key, "")
			w.deliver(approved, c.key, "yes")
			if got := w.ends(c.key); got != c.want {
				t.Errorf("down for %v: ends as %s, want %s: %q", c.down, got, c.want, whats(w.show(c.key)))
			}
			w.check(c.key)
		}
	})
}

// TestHistoryIsForgotten keeps an instance, and its history for a while.
func TestHistoryIsForgotten(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		stop := w.run()
		for _, key := range []string{"old", "new"} {
			w.deliver(captured, key, "")
			w.ends(key)
		}
		stop()
		w.exec(`UPDATE pl_saga_step SET at = $1 WHERE instance = $2`, time.Now().UTC().AddDate(0, 0, -91), w.show("old").ID)
		defer w.run()()
		w.until("the upkeep", func() bool { return len(w.show("old").History) == 0 })
		if len(w.show("new").History) == 0 {
			t.Error("a new history is forgotten")
		}
		w.deliver(captured, "old", "")
		w.check("old")
	})
}

// TestCompensationOrder undoes what was done in reverse, and what is unknown
// first.
func TestCompensationOrder(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.define(func(o *others) saga.Definition {
			d := enroll(o)
			step := func(name string) saga.Step {
				return saga.Step{Name: name, Call: o.call("do." + name), Undo: o.call("undo." + name), Retry: fewTimes}
			}
			free := step("c")
			free.Undo = nil
			parked := step("d")
			parked.Continue = true
			d.Steps = []saga.Step{step("a"), step("b"), free, parked, step("e")}
			return d
		})
		defer w.run()()
		for _, c := range []struct {
			key    string
			d, e   []fault
			undone []string
		}{
			{"refused", nil, []fault{refused}, []string{"undo.d", "undo.b", "undo.a", "payment.Refund"}},
			{"unknown", nil, []fault{lost, lost, lost}, []string{"undo.e", "undo.d", "undo.b", "undo.a", "payment.Refund"}},
			{"parked", []fault{refused}, []fault{refused}, []string{"undo.b", "undo.a", "payment.Refund"}},
			{"parked unknown", []fault{late, refused}, []fault{refused}, []string{"undo.d", "undo.b", "undo.a", "payment.Refund"}},
		} {
			w.others.will("do.d "+c.key, c.d...)
			w.others.will("do.e "+c.key, c.e...)
			w.deliver(captured, c.key, "")
			w.ends(c.key)
			calls := w.others.calls(c.key)
			if got := calls[len(calls)-len(c.undone):]; !slices.Equal(got, c.undone) || calls[len(calls)-len(c.undone)-1] != "do.e" {
				t.Errorf("%s: calls are %q, want %q at the end", c.key, calls, c.undone)
			}
		}
	})
}

// TestKeysAndRequests checks what calls are made with.
func TestKeysAndRequests(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, w *world) {
		type sent struct{ key, stepKey string }
		var seen []sent
		w.define(func(o *others) saga.Definition {
			d := enroll(o)
			spy := func(c *saga.Call) *saga.Call {
				s := *c
				asked := ""
				s.Request = func(ctx ctx, state proto.Message, cause *saga.Failure) (proto.Message, error) {
					asked = saga.StepKey(ctx)
					return c.Request(ctx, state, cause)
				}
				s.Do = func(ctx ctx, key string, req proto.Message) (proto.Message, error) {
					seen = append(seen, sent{key, asked})
					return c.Do(ctx, key, req)
				}
				return &s
			}
			d.Steps[0].Call, d.Steps[0].Undo, d.Compensate = spy(d.Steps[0].Call), spy(d.Steps[0].Undo), spy(d.Compensate)
			return d
		})
		w.others.will("course.Activate", lost, refused)
		defer w.run()()
		w.deliver(captured, "p1", "")
		w.ends("p1")
		base := "EnrollPremiumCourse/" + saga.InstanceID("EnrollPremiumCourse", "p1")
		want := []sent{
			{base + "/activate_access", base + "/activate_access"}, {base + "/activate_access", base + "/activate_access"},
			{base + "/activate_access/undo", base + "/activate_access"}, {base + "/compensate", ""},
		}
		if !slices.Equal(seen, want) {
			t.Errorf("sent %q, want %q", seen, want)
		}
	})
}

// TestNewContract has a newer binary go on with instances of an older one.
func TestNewContract(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, w *world) {
		w.define(review)
		stop := w.run()
		for _, key := range []string{"inserted", "removed", "state"} {
			w.deliver(captured, key, "")
			w.until("the wait", func() bool { return w.show(key).Waiting })
		}
		stop()
		newer := func(change func(d *saga.Definition)) func() {
			w.define(func(o *others) saga.Definition {
				d := review(o)
				change(&d)
				return d
			})
			return w.run()
		}

		stop = newer(func(d *saga.Definition) {
			d.Steps = slices.Insert(d.Steps, 1, saga.Step{Name: "brand_new", Call: w.others.call("never")})
		})
		w.deliver(approved, "inserted", "yes")
		if got := w.ends("inserted"); got != saga.StatusCompleted || slices.Contains(w.others.calls("inserted"), "never") {
			t.Errorf("a step before the one it is at: ends as %s with %q", got, w.others.calls("inserted"))
		}
		stop()

		stop = newer(func(d *saga.Definition) { d.Steps = d.Steps[1:] })
		if err := saga.Compensate(t.Context(), w.db, w.decision("removed", "")); err != nil {
			t.Fatal(err)
		}
		if got := w.ends("removed"); got != saga.StatusStuck || !contains(w.show("removed").Trouble, "activate_access") {
			t.Errorf("nobody knows how to undo: ends as %s: %s", got, w.show("removed").Trouble)
		}
		if err := saga.Skip(t.Context(), w.db, w.decision("removed", "activate_access")); err != nil {
			t.Fatal(err)
		}
		w.until("the end", func() bool { return w.status("removed") == saga.StatusCompensated })
		stop()

		stop = newer(func(d *saga.Definition) { d.NewState = func() proto.Message { return &structpb.Value{} } })
		w.deliver(approved, "state", "yes")
		if got := w.ends("state"); got != saga.StatusStuck || !contains(w.show("state").Trouble, "google.protobuf.Value") {
			t.Errorf("another state: ends as %s: %s", got, w.show("state").Trouble)
		}
		if got := string(w.show("state").State); !contains(got, `"payment":"state"`) {
			t.Errorf("the state is lost: %s", got)
		}
		stop()
	})
}
