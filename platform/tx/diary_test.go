package tx_test

import (
	"errors"
	"fmt"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/hold"
)

// A diary keeps what the store tells about its deliveries.
type diary struct {
	failures map[string]bus.Failure // the last of each event id
	told     []string
}

func (d *diary) Failed(x *bus.Delivery, f bus.Failure) {
	if d.failures == nil {
		d.failures = map[string]bus.Failure{}
	}
	d.failures[x.Event.ID] = f
	d.told = append(d.told, fmt.Sprintf("%s %s %d", x.Event.ID, f.Outcome, x.Attempt))
}

func (d *diary) Queued(x *bus.Delivery) { d.told = append(d.told, x.Event.ID+" queued") }
func (d *diary) Released(x *bus.Delivery, why bus.Release) {
	d.told = append(d.told, x.Event.ID+" "+string(why))
}
func (d *diary) Abandoned(x *bus.Delivery, stuck int) {
	d.told = append(d.told, fmt.Sprintf("%s abandoned, %d", x.Event.ID, stuck))
}

// failure returns why an event's delivery has failed last.
func (w *world) failure(id string) error {
	w.t.Helper()
	f, ok := w.failures[id]
	if !ok {
		w.t.Fatalf("%s has not failed", id)
	}
	return f.Err
}

// held lists the hold: event id, state, attempts, and "waits" for what waits
// behind another one.
func (w *world) held() []string {
	w.t.Helper()
	rows, err := hold.List(w.t.Context(), w.db, hold.Filter{}, hold.Page{Limit: 10_000})
	if err != nil {
		w.t.Fatal(err)
	}
	list := []string{}
	for i := range rows {
		text := fmt.Sprintf("%s %s %d", rows[i].EventID, rows[i].State, rows[i].Attempts)
		if rows[i].Waits() {
			text += " waits"
		}
		list = append(list, text)
	}
	return list
}

// redeliver makes every row with a time due and runs what is due until nothing
// is left at this moment.
func (w *world) redeliver(c *bus.Claim) {
	w.t.Helper()
	if err := w.tryRedeliver(c); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) tryRedeliver(c *bus.Claim) error {
	w.t.Helper()
	w.dueNow(c)
	return w.runDue(c)
}

// dueNow lets the time pass until what is held is due.
func (w *world) dueNow(c *bus.Claim) {
	w.t.Helper()
	w.exec(`UPDATE pl_hold SET next_at = $1 WHERE next_at > $1 AND partition = $2`, database.Now(), c.Partition)
	w.store.LookAgain()
}

func (w *world) runDue(c *bus.Claim) error {
	w.t.Helper()
	for range 1000 {
		plan, err := w.store.Plan(w.t.Context(), c)
		if err != nil || len(plan.Due) == 0 {
			return err
		}
		for _, d := range plan.Due {
			w.decode(d)
		}
		if err := w.store.Redeliver(w.t.Context(), c, plan.Due); err != nil {
			return err
		}
	}
	return errors.New("what is due does not come to an end")
}

// decode makes the message and the envelope of a delivery from the hold.
func (w *world) decode(d *bus.Delivery) {
	w.t.Helper()
	if id := string(d.Record.Key); w.keyIsID {
		d.Event = event.Envelope{ID: id, Source: "/pulselearn/other", Type: consumed.Topic, Time: day0}
		d.Message = &note{typ: consumed, key: "k" + id, text: id}
		return
	}
	id := hold.ID{Position: bus.Position{Consumer: consumerName, Topic: d.Record.Topic, Partition: d.Record.Partition}, Offset: d.Record.Offset}
	row, err := hold.Get(w.t.Context(), w.db, id)
	if err != nil {
		w.t.Fatal(err)
	}
	if row == nil { // somebody was faster
		row = &hold.Row{}
	}
	d.Consumer = consumerName
	d.Event = event.Envelope{ID: row.EventID, Source: row.EventSource, Type: consumed.Topic, Time: day0}
	if string(d.Record.Value) == "broken" {
		d.Err = errors.New("truncated")
		return
	}
	d.Message = &note{typ: consumed, key: "k" + row.EventID, text: row.EventID}
}

// onKeys gives deliveries record keys; "-" is none.
func onKeys(batch []*bus.Delivery, keys ...string) []*bus.Delivery {
	for i, d := range batch {
		if keys[i] != "-" {
			d.Record.Key = []byte(keys[i])
		}
	}
	return batch
}
