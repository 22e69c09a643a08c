package saga_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/saga"
)

func contains(s, part string) bool {
	return strings.Contains(strings.ReplaceAll(s, " ", ""), strings.ReplaceAll(part, " ", ""))
}

type decide func(ctx context.Context, db *database.DB, d saga.Decision) error

func (w *world) decide(f decide, key, step string) {
	w.t.Helper()
	if err := f(w.t.Context(), w.db, w.decision(key, step)); err != nil {
		w.t.Fatalf("%v: %q", err, whats(w.show(key)))
	}
}

func TestRetryParkedStep(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		defer w.run()()
		w.others.will("billing.Issue p1", lost, refused, refused)
		w.deliver(captured, "p1", "")
		w.ends("p1")
		if d := w.show("p1"); d.Parked != 1 || d.Status != saga.StatusCompleted {
			t.Fatalf("not parked: %+v", d)
		}
		for _, c := range []struct {
			step   string
			parked int64 // afterwards
		}{{"", 1}, {"invoice", 0}} { // is refused again, then done
			w.decide(saga.Retry, "p1", c.step)
			w.until("the end", func() bool { d := w.show("p1"); return d.Status == saga.StatusCompleted && d.Parked == c.parked })
		}
		w.check("p1")
		if got := w.published("p1"); !slices.Equal(got, []string{"granted:", "alerted:failed_precondition", "ended:completed"}) {
			t.Errorf("published %q, want one alert and one end", got)
		}
		entry := slices.IndexFunc(w.show("p1").History, func(e saga.Entry) bool { return e.What == "retry" })
		if e := w.show("p1").History[entry]; e.Actor != "anna" || e.Reason == "" {
			t.Errorf("the decision is kept as %+v", e)
		}
	})
}

// TestRetryParkedStepMeanwhile tries a parked step again while the instance
// waits at a later one.
func TestRetryParkedStepMeanwhile(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.define(func(o *others) saga.Definition {
			d := review(o)
			d.Steps = slices.Insert(d.Steps, 1, saga.Step{Name: "letter", Call: o.call("letter.Send"), Continue: true, Retry: fewTimes})
			return d
		})
		defer w.run()()
		w.others.will("letter.Send p1", refused)
		w.deliver(captured, "p1", "")
		w.until("the wait", func() bool { return w.show("p1").Waiting })
		w.decide(saga.Retry, "p1", "letter")
		w.until("the letter", func() bool { d := w.show("p1"); return d.Parked == 0 && d.Waiting })
		w.deliver(approved, "p1", "yes")
		if got := w.ends("p1"); got != saga.StatusCompleted || w.others.count("letter.Send", "p1") != 1 {
			t.Errorf("ends as %s with %d letters", got, w.others.count("letter.Send", "p1"))
		}
		w.check("p1")
	})
}

func TestSkip(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.define(review)
		defer w.run()()
		w.others.will("billing.Issue skip", refused)
		w.deliver(captured, "skip", "")
		w.until("the wait", func() bool { return w.show("skip").Waiting })
		w.decide(saga.Skip, "skip", "") // the approval
		w.ends("skip")
		w.decide(saga.Skip, "skip", "invoice")
		if d := w.show("skip"); d.Parked != 0 || d.Status != saga.StatusCompleted {
			t.Errorf("after skipping: %+v", d)
		}
		w.check("skip")
		err := saga.Skip(t.Context(), w.db, w.decision("skip", "grant"))
		if !errors.Is(err, saga.ErrNotPossible) {
			t.Errorf("skip what is done: %v", err)
		}
	})
}

// TestSkipStuckCompensation gives up on an undo that is refused for ever.
func TestSkipStuckCompensation(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, w *world) {
		defer w.run()()
		w.others.willAlways("course.Activate p1", lost)
		w.others.willAlways("course.Revoke p1", refused)
		w.deliver(captured, "p1", "")
		if got := w.ends("p1"); got != saga.StatusStuck {
			t.Fatalf("ends as %s", got)
		}
		w.decide(saga.Skip, "p1", "")
		w.until("the end", func() bool { return w.status("p1") == saga.StatusCompensated })
		if n := w.others.count("payment.Refund", "p1"); n != 1 {
			t.Errorf("%d refunds", n)
		}
		if d := w.show("p1"); d.Steps[0].Result != "kept" || d.Trouble != "" {
			t.Errorf("the step is %+v with trouble %q", d.Steps[0], d.Trouble)
		}
	})
}

func TestCompensate(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.define(review)
		defer w.run()()
		for _, key := range []string{"waiting", "completed"} {
			w.deliver(captured, key, "")
			w.until("the wait", func() bool { return w.show(key).Waiting })
		}
		w.deliver(approved, "completed", "yes")
		w.ends("completed")
		for _, key := range []string{"waiting", "completed"} {
			w.decide(saga.Compensate, key, "")
			w.until("the end", func() bool { return w.status(key) == saga.StatusCompensated })
			if n := w.others.count("payment.Refund", key); n != 1 || w.others.access[key] {
				t.Errorf("%s: %d refunds, access %v", key, n, w.others.access[key])
			}
			if d := w.show(key); d.Cause == nil || d.Cause.Step != "" || d.Cause.Code.String() != "canceled" {
				t.Errorf("%s: cause is %+v", key, d.Cause)
			}
		}
		if got := w.published("completed"); !slices.Equal(got, []string{"granted:", "ended:completed", "ended:compensated"}) {
			t.Errorf("published %q", got)
		}
		if err := saga.Compensate(t.Context(), w.db, w.decision("waiting", "")); !errors.Is(err, saga.ErrNotPossible) {
			t.Errorf("compensate twice: %v", err)
		}
	})
}

// TestCompensateMidCall undoes a step whose call is being made.
func TestCompensateMidCall(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		hold, held := make(chan struct{}), make(chan struct{})
		w.others.hold, w.others.held = hold, held
		w.deliver(captured, "p1", "")
		stop := w.run()
		<-held
		if err := saga.Retry(t.Context(), w.db, w.decision("p1", "")); !errors.Is(err, saga.ErrNotPossible) {
			t.Errorf("retry during a call: %v", err)
		}
		w.decide(saga.Compensate, "p1", "")
		other := w.run()
		w.until("the end", func() bool { return w.status("p1") == saga.StatusCompensated })
		close(hold)
		stop()
		other()
		w.check("p1")
	})
}

func TestDecisionsAreGuarded(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		defer w.run()()
		w.deliver(captured, "p1", "")
		w.ends("p1")
		d := w.decision("p1", "")
		stale := d
		stale.Version--
		nobody := d
		nobody.Actor = ""
		unknown := d
		unknown.ID = "unknown"
		for _, c := range []struct {
			d    saga.Decision
			want error
		}{{stale, saga.ErrChanged}, {unknown, saga.ErrNotFound}, {d, saga.ErrNotPossible}} {
			if err := saga.Retry(t.Context(), w.db, c.d); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		}
		if err := saga.Compensate(t.Context(), w.db, nobody); err == nil {
			t.Error("nobody may decide")
		}
		if got := w.show("p1"); got.Version != d.Version {
			t.Errorf("the instance has moved to %d", got.Version)
		}
	})
}

// TestPeopleAndEnginesTogether has people decide at random while engines work.
func TestPeopleAndEnginesTogether(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		defer w.run()()
		defer w.run()()
		var people sync.WaitGroup
		for i := range 12 {
			key := fmt.Sprintf("p%d", i)
			w.others.will("course.Activate "+key, lost, late)
			w.others.will("billing.Issue "+key, refused)
			w.deliver(captured, key, "")
			people.Go(func() { w.meddle(key, i) })
		}
		people.Wait()
		for i := range 12 {
			key := fmt.Sprintf("p%d", i)
			w.until("the end of "+key, func() bool { return w.status(key).Ended() })
			w.others.arrive()
			access := w.others.access[key]
			if refunds := w.others.count("payment.Refund", key); refunds > 1 || access == (refunds == 1) {
				t.Errorf("%s: access %v and %d refunds: %q", key, access, refunds, whats(w.show(key)))
			}
		}
	})
}

// meddle decides what is possible until one decision was taken.
func (w *world) meddle(key string, i int) {
	all := []decide{saga.Retry, saga.Compensate}
	for range 200 {
		d, err := saga.Show(w.t.Context(), w.db, w.def.Name, saga.InstanceID(w.def.Name, key))
		if err != nil {
			w.t.Error(err)
			return
		}
		err = all[i%2](w.t.Context(), w.db, saga.Decision{Saga: d.Saga, ID: d.ID, Version: d.Version, Step: d.Step, Actor: "anna", Reason: "why not"})
		switch {
		case err == nil:
			return
		case !errors.Is(err, saga.ErrChanged) && !errors.Is(err, saga.ErrNotPossible):
			w.t.Errorf("decide about %s: %v", key, err)
		}
		database.Await(w.t.Context(), nil, time.Millisecond)
	}
}

func TestList(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.define(review)
		defer w.run()()
		for i, key := range []string{"a", "b", "c", "d"} {
			if i == 2 {
				w.others.will("billing.Issue c", refused)
			}
			database.Await(t.Context(), nil, time.Millisecond) // no two change at the same time
			w.deliver(captured, key, "")
			w.until("the wait", func() bool { return w.show(key).Waiting })
			if i > 1 {
				w.deliver(approved, key, "yes")
				w.ends(key)
			}
		}
		for _, c := range []struct {
			name   string
			filter saga.Filter
			want   string
		}{
			{"all", saga.Filter{}, "dcba"},
			{"page", saga.Filter{Limit: 2}, "dc"},
			{"open", saga.Filter{Open: true}, "cba"},
			{"parked", saga.Filter{Parked: true}, "c"},
			{"completed", saga.Filter{Status: saga.StatusCompleted, Saga: w.def.Name}, "dc"},
			{"another saga", saga.Filter{Saga: "Another"}, ""},
			{"key", saga.Filter{Key: "b"}, "b"},
			{"since", saga.Filter{Since: w.show("c").Changed}, "dc"},
			{"next page", saga.Filter{Before: &w.show("c").Instance}, "ba"},
		} {
			list, err := saga.List(t.Context(), w.db, c.filter)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for i := range list {
				got += list[i].Key
			}
			if got != c.want {
				t.Errorf("%s: got %q, want %q", c.name, got, c.want)
			}
		}
		if _, err := saga.Show(t.Context(), w.db, w.def.Name, "unknown"); !errors.Is(err, saga.ErrNotFound) {
			t.Errorf("show what is not there: %v", err)
		}
		if d := w.show("a"); d.StateType != "google.protobuf.Struct" || d.Correlation != "order-a" || d.Causation == "" {
			t.Errorf("details are %+v", d)
		}
	})
}
