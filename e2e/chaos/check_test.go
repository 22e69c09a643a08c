//go:build unix

package chaos

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/hold"
	"github.com/pulselearn/campus-hub/platform/outbox"
	"github.com/pulselearn/campus-hub/platform/saga"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// quiet waits until there is nothing left to do: outboxes are published,
// consumers are at the end of their topics, what is held waits for a person,
// and sagas are at their end.
func (w *world) quiet() {
	w.Helper()
	w.await(func() error {
		for _, p := range w.victims {
			if p.ended() {
				p.start()
			}
		}
		var errs []error
		for name, db := range w.dbs {
			if err := w.busy(name, db); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
			}
		}
		return errors.Join(errs...)
	})
}

func (w *world) busy(name string, db *database.DB) error {
	left, err := outbox.Unpublished(w.Context(), db)
	if err != nil || left > 0 {
		return fmt.Errorf("%d events to publish: %w", left, err)
	}
	positions, err := tx.Positions(w.Context(), db)
	if err != nil {
		return err
	}
	for _, p := range positions {
		if end, err := w.broker.end(w, p.Position); err != nil || p.Next < end {
			return fmt.Errorf("%s is at %d of %d: %w", p.Position, p.Next, end, err)
		}
	}
	if n := w.count(name, `SELECT count(*) FROM pl_hold WHERE next_at IS NOT NULL`); n > 0 {
		return fmt.Errorf("%d held deliveries are due", n)
	}
	if n := w.count(name, `SELECT count(*) FROM pl_saga WHERE status IN ('running', 'compensating') AND due_at IS NOT NULL`); n > 0 {
		return fmt.Errorf("%d sagas are at work", n)
	}
	return nil
}

// A verdict is what the checker found.
type verdict struct {
	violations []string
	tally      map[string]int
}

func (v *verdict) violated(format string, args ...any) {
	v.violations = append(v.violations, fmt.Sprintf(format, args...))
}

func (v *verdict) String() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(v.tally)) {
		parts = append(parts, fmt.Sprintf("%d %s", v.tally[name], name))
	}
	return fmt.Sprintf("%s; %d violations", strings.Join(parts, ", "), len(v.violations))
}

// report is the verdict with its first violations.
func (v *verdict) report() string {
	return v.String() + "\n" + strings.Join(v.violations[:min(len(v.violations), 20)], "\n")
}

// check holds the world against the promises.
func (w *world) check(c *campus) *verdict {
	w.Helper()
	v := &verdict{tally: map[string]int{}}
	topics := map[string]*topic{}
	for _, d := range everything().Definitions() {
		for _, t := range d.Publishes {
			topics[t.Topic] = w.read(t.Topic)
			v.tally["published twice"] += topics[t.Topic].twice
		}
	}
	for name := range w.dbs {
		for consumer, topicName := range w.consumers(name) {
			if topics[topicName] == nil { // of a context that is not in the world
				topics[topicName] = w.read(topicName)
			}
			w.checkConsumer(v, name, consumer, topics[topicName])
		}
	}
	w.checkChanges(v, topics)
	w.checkAnswers(v, c)
	w.checkPurchases(v)
	return v
}

// A topic is its different events, in the order in which each first came.
type topic struct {
	name   string
	ids    []string         // of the different events
	at     map[string]place // of each event's first record
	poison int              // records that are no events
	twice  int              // records of events that had come before
}

type place struct {
	partition int32
	offset    int64
	key       string
	keyed     bool
	fact      string // what the inbox knows it by
}

func (w *world) read(name string) *topic {
	t := &topic{name: name, at: map[string]place{}}
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	records := w.broker.records(ctx, w, name)
	w.must("read all of "+name, ctx.Err())
	for _, r := range records {
		e := r.event
		if r.err != nil {
			t.poison++
			continue
		}
		if _, ok := t.at[e.ID]; ok {
			t.twice++
			continue
		}
		sum := sha256.Sum256([]byte(e.Source + "\x00" + e.ID))
		t.ids = append(t.ids, e.ID)
		t.at[e.ID] = place{r.partition, r.offset, string(r.key), r.key != nil, string(sum[:16])}
	}
	return t
}

// consumers returns the topics of a context's consumers by their names.
func (w *world) consumers(name string) map[string]string {
	all := map[string]string{}
	w.each(name, `SELECT DISTINCT consumer, topic FROM pl_consumer_partition`, func(rows *sql.Rows) error {
		var consumer, topic string
		err := rows.Scan(&consumer, &topic)
		all[consumer] = topic
		return err
	})
	return all
}

// checkConsumer wants every event of the topic to be in exactly one state for
// the consumer, its effects to have happened once and in order, and nothing to
// have passed an event that blocks its key.
func (w *world) checkConsumer(v *verdict, name, consumer string, t *topic) {
	inbox, dropped, held := w.inbox(name, consumer), w.dropped(name, consumer), w.held(name, consumer)
	effects := w.effects(name, consumer)
	times := map[string]int{}
	for _, e := range effects {
		times[e.id]++
	}
	undecodable := 0
	states := map[string]hold.State{}
	for _, row := range held {
		if _, known := t.at[row.EventID]; !known {
			undecodable++
			continue
		}
		if row.Attempts > 0 || states[row.EventID] == "" {
			states[row.EventID] = row.State
		}
	}
	v.tally["undecodable"] += undecodable
	if undecodable+dropped[""] < t.poison {
		v.violated("%s: %d of %d records that cannot be decoded are held", consumer, undecodable, t.poison)
	}
	for _, id := range t.ids {
		settled := inbox[t.at[id].fact]
		switch {
		case times[id] > 1:
			v.violated("%s: event %s has %d effects", consumer, id, times[id])
		case settled && dropped[id] > 0:
			v.tally["dropped"]++
			if times[id] > 0 {
				v.violated("%s: event %s was dropped and has an effect", consumer, id)
			}
		case settled:
			v.tally["applied"]++
			if consumerNamed(consumer) != nil && times[id] == 0 {
				v.violated("%s: event %s is settled and has no effect", consumer, id)
			}
		case states[id] != "":
			v.tally[string(states[id])]++
			if times[id] > 0 {
				v.violated("%s: event %s is %s and has an effect", consumer, id, states[id])
			}
		default:
			v.violated("%s: event %s is lost: neither applied nor held", consumer, id)
		}
	}
	passed := map[string]bool{}
	if c := consumerNamed(consumer); c != nil && c.SkipDead {
		passed = w.redriven(name, consumer)
	}
	t.checkOrder(v, consumer, effects, held, passed)
}

// consumerNamed returns a consumer that has a handler, whose effects are
// written down: those of sagas are not.
func consumerNamed(name string) *tx.Consumer {
	for _, d := range everything().Definitions() {
		for i := range d.Consumers {
			if d.Consumers[i].Consumer == name {
				return &d.Consumers[i]
			}
		}
	}
	return nil
}

func (w *world) inbox(name, consumer string) map[string]bool {
	facts := map[string]bool{}
	w.each(name, `SELECT hash FROM pl_inbox WHERE consumer = '`+consumer+`'`, func(rows *sql.Rows) error {
		var hash []byte
		err := rows.Scan(&hash)
		facts[string(hash)] = true
		return err
	})
	return facts
}

func (w *world) dropped(name, consumer string) map[string]int {
	ids := map[string]int{}
	w.each(name, `SELECT event_id FROM pl_hold_audit WHERE action = 'dropped' AND consumer = '`+consumer+`'`, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids[id]++
		return err
	})
	return ids
}

// redriven returns the events that a person has sent through a consumer again.
func (w *world) redriven(name, consumer string) map[string]bool {
	return w.ids(name, `SELECT event_id FROM pl_hold_audit WHERE action = 'redrive' AND consumer = '`+consumer+`'`)
}

func (w *world) held(name, consumer string) []hold.Row {
	var all []hold.Row
	for page := (hold.Page{Limit: 1000}); ; page.After = all[len(all)-1].ID {
		rows, err := hold.List(w.Context(), w.dbs[name], hold.Filter{Consumer: consumer}, page)
		w.must("list what is held for "+consumer, err)
		all = append(all, rows...)
		if len(rows) < page.Limit {
			return all
		}
	}
}

type effect struct{ id string }

func (w *world) effects(name, consumer string) []effect {
	var all []effect
	w.each(name, `SELECT event_id FROM chaos_effect WHERE consumer = '`+consumer+`' ORDER BY seq`, func(rows *sql.Rows) error {
		var e effect
		err := rows.Scan(&e.id)
		all = append(all, e)
		return err
	})
	return all
}

// checkChanges wants every change to have its event, and every event its
// change.
func (w *world) checkChanges(v *verdict, topics map[string]*topic) {
	for _, pair := range []struct{ context, topic, query string }{
		{"userprofile", "pl.userprofile.user_registered.v1", "SELECT count(*) FROM users"},
		{"quiz", "pl.quiz.quiz_completed.v1", "SELECT count(*) FROM attempts"},
		{"achievement", "pl.achievement.badge_awarded.v1", "SELECT count(*) FROM badges"},
		{"notification", "pl.notification.notification_created.v1", "SELECT count(*) FROM notifications"},
		{"payment", "pl.payment.captured.v1", "SELECT count(*) FROM payments"},
		{"payment", "pl.payment.refund_requested.v1", "SELECT count(*) FROM refunds"},
		{"enrollment", "pl.enrollment.granted.v1", "SELECT count(*) FROM enrollments WHERE granted_at IS NOT NULL"},
	} {
		if n, events := w.count(pair.context, pair.query), len(topics[pair.topic].ids); n != events {
			v.violated("%s: %d changes and %d different events of %s, want one each", pair.context, n, events, pair.topic)
		}
	}
	counted := w.count("achievement", "SELECT coalesce(sum(quizzes_completed), 0) FROM progress")
	if effects := len(w.effects("achievement", "achievement.OnQuizCompleted")); counted != effects {
		v.violated("achievement: %d quizzes are counted, and %d events had their effect", counted, effects)
	}
}

// checkAnswers wants everything that a client was promised to be there.
func (w *world) checkAnswers(v *verdict, c *campus) {
	for _, kind := range []struct {
		context, query string
		promised       map[string]bool
	}{
		{"quiz", "SELECT id FROM attempts", c.attempts},
		{"payment", "SELECT id FROM payments", c.purchases},
	} {
		v.tally["commands answered"] += len(kind.promised)
		there := w.ids(kind.context, kind.query)
		for id := range kind.promised {
			if !there[id] {
				v.violated("%s: %s was promised to a client and is not there", kind.context, id)
			}
		}
		if len(there) != len(kind.promised) {
			v.violated("%s: %d rows of %d commands", kind.context, len(there), len(kind.promised))
		}
	}
}

// checkPurchases wants every saga to be at its end, or to wait for a person or
// until a deadline; and money that was captured to have given access or a
// refund, never both.
func (w *world) checkPurchases(v *verdict) {
	counts, err := saga.Counts(w.Context(), w.dbs["enrollment"])
	w.must("count sagas", err)
	for _, c := range counts {
		v.tally["sagas "+string(c.Status)] += int(c.Instances)
	}
	access := w.granted()
	refunded := w.ids("payment", "SELECT payment_id FROM refunds")
	ended := w.ids("enrollment", "SELECT key FROM pl_saga WHERE status IN ('completed', 'compensated')")
	for id := range w.ids("payment", "SELECT id FROM payments") {
		switch {
		case access[id] && refunded[id]:
			v.violated("payment %s has given access and a refund", id)
		case ended[id] && !access[id] && !refunded[id]:
			v.violated("the purchase of payment %s is over and has given neither access nor a refund", id)
		}
	}
}

// granted returns the payments whose enrollment has access to the course.
func (w *world) granted() map[string]bool {
	active, payments := w.ids("course", "SELECT id FROM access WHERE status = 'ACTIVE'"), map[string]bool{}
	w.each("enrollment", "SELECT id, payment_id FROM enrollments", func(rows *sql.Rows) error {
		var id, payment string
		err := rows.Scan(&id, &payment)
		if active[id] {
			payments[payment] = true
		}
		return err
	})
	return payments
}

func (w *world) ids(name, query string) map[string]bool {
	ids := map[string]bool{}
	w.each(name, query, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids[id] = true
		return err
	})
	return ids
}

func (w *world) count(name, query string) (n int) {
	w.each(name, query, func(rows *sql.Rows) error { return rows.Scan(&n) })
	return n
}

func (w *world) each(name, query string, f func(rows *sql.Rows) error) {
	w.Helper()
	if err := database.Each(w.Context(), w.dbs[name].Reading(), query, nil, f); err != nil {
		w.Fatalf("%s: %s: %v", name, query, err)
	}
}
