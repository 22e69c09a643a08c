package tx_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/hold"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// TestAnyHistory plays random histories of one partition: the broker's log
// with events published twice, batches of any size, handlers that fail, panic,
// reject, park or break a statement, members that take over and come back as
// zombies, commits whose outcome is lost, and people who redrive, park and drop
// while all of that goes on. Whatever happens, in the end every event has had
// its effects once or was dropped, never both; the effects of a key are in the
// order of the log; and each effect is published with it.
func TestAnyHistory(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		n := 0
		rapid.Check(t, func(rt *rapid.T) {
			n++
			(&play{T: rt, w: w, partition: int32(n), prefix: fmt.Sprintf("%d-", n)}).run()
		})
	})
}

// A play is one history on a partition of its own.
type play struct {
	*rapid.T
	w         *world
	partition int32
	prefix    string // of the event ids
	log       []string
	trouble   map[string][]int // how the next runs of an event's handler fail
	claims    []*bus.Claim     // the last is the owner's
}

func (p *play) run() {
	p.log = rapid.SliceOfN(rapid.Map(rapid.IntRange(0, 20), func(i int) string { return fmt.Sprint(p.prefix, i) }), 1, 40).Draw(p.T, "log")
	p.trouble = rapid.MapOf(rapid.SampledFrom(p.log), rapid.SliceOfN(rapid.IntRange(0, 7), 1, 3)).Draw(p.T, "trouble")
	p.w.handle = p.handle
	p.w.loseCommits() // of a play that failed
	p.takeOver()
	defer p.w.store.SetPace(0)
	for steps := 0; p.owner().Next < int64(len(p.log)) && steps < 500; steps++ {
		p.w.store.SetPace(rapid.SampledFrom([]time.Duration{0, 2 * time.Millisecond, time.Hour}).Draw(p.T, "pace"))
		switch rapid.IntRange(0, 11).Draw(p.T, "step") {
		case 0:
			p.takeOver()
		case 1:
			p.zombie()
		case 2:
			p.loseCommit()
		case 3, 4:
			p.person()
		case 5, 6:
			p.redeliver()
		default:
			p.batch()
		}
	}
	p.finish()
	p.check()
}

func (p *play) owner() *bus.Claim { return p.claims[len(p.claims)-1] }

func (p *play) takeOver() {
	c, err := p.w.store.Claim(p.w.t.Context(), &p.w.route, p.partition)
	if err != nil {
		p.Fatal(err)
	}
	p.claims = append(p.claims, &c)
}

// next returns up to size deliveries from where the claim is. Every fourth
// event has no key, the others share three.
func (p *play) next(c *bus.Claim) []*bus.Delivery {
	from := int(max(c.Next, 0))
	if from >= len(p.log) {
		return nil
	}
	to := min(len(p.log), from+rapid.IntRange(1, 12).Draw(p.T, "size"))
	batch := deliveries(int64(from), p.log[from:to]...)
	for _, d := range batch {
		d.Record.Partition = p.partition
		if key := keyOf(d.Event.ID); key != "-" {
			d.Record.Key = []byte(key)
		}
	}
	return batch
}

func keyOf(id string) string {
	var play, n int
	_, _ = fmt.Sscanf(id, "%d-%d", &play, &n)
	return []string{"", "k1", "k2", "-"}[n%4]
}

func (p *play) batch() {
	c := p.owner()
	before, batch := max(c.Next, 0), p.next(c)
	n, err := p.w.store.Apply(p.w.t.Context(), c, batch)
	if err != nil || n != len(batch) {
		p.Fatalf("settled %d of %d: %v", n, len(batch), err)
	}
	if c.Next != before+int64(n) {
		p.Fatalf("the claim moved from %d to %d with %d deliveries", before, c.Next, n)
	}
}

// redeliver runs what is due, while a person may be at it too.
func (p *play) redeliver() {
	p.w.dueNow(p.owner())
	plan, err := p.w.store.Plan(p.w.t.Context(), p.owner())
	if err != nil {
		p.Fatal(err)
	}
	for _, d := range plan.Due {
		p.w.decode(d)
	}
	if rapid.Bool().Draw(p.T, "meanwhile") {
		p.person()
	}
	if err := p.w.store.Redeliver(p.w.t.Context(), p.owner(), plan.Due); err != nil {
		p.Fatal(err)
	}
}

// person changes one row or a few.
func (p *play) person() {
	rows := p.rows()
	if len(rows) == 0 {
		return
	}
	chosen := rows[rapid.IntRange(0, len(rows)-1).Draw(p.T, "row"):]
	s := hold.Selection{}
	for _, r := range chosen[:min(len(chosen), 3)] {
		s.Rows = append(s.Rows, hold.Seen{ID: r.ID, Version: r.Version})
	}
	by := hold.Author{Actor: "ada", Reason: "to see what happens"}
	act := rapid.SampledFrom([]func(context.Context, *database.DB, hold.Selection, hold.Author) (int64, error){
		hold.Redrive, hold.Redrive, hold.Redrive, hold.Park, hold.Drop,
	}).Draw(p.T, "act")
	if _, err := act(p.w.t.Context(), p.w.db, s, by); err != nil {
		p.Fatal(err)
	}
}

// rows returns what is held of the play's partition.
func (p *play) rows() (rows []hold.Row) {
	all, err := hold.List(p.w.t.Context(), p.w.db, hold.Filter{}, hold.Page{Limit: 10_000})
	if err != nil {
		p.Fatal(err)
	}
	return slices.DeleteFunc(all, func(r hold.Row) bool { return r.Partition != p.partition })
}

func (p *play) zombie() {
	c := p.claims[rapid.IntRange(0, len(p.claims)-1).Draw(p.T, "member")]
	batch := p.next(c)
	if c == p.owner() || len(batch) == 0 {
		return
	}
	stale := *c
	if n, err := p.w.store.Apply(p.w.t.Context(), &stale, batch); n != 0 || !errors.Is(err, bus.ErrClaimLost) {
		p.Fatalf("a zombie committed %d: %v", n, err)
	}
}

// loseCommit loses the outcome of a transaction with fresh deliveries, or with
// held ones.
func (p *play) loseCommit() {
	p.w.dueNow(p.owner())
	c := *p.owner()
	plan, err := p.w.store.Plan(p.w.t.Context(), &c)
	if err != nil {
		p.Fatal(err)
	}
	p.w.loseCommits(rapid.Bool().Draw(p.T, "applied"))
	if len(plan.Due) > 0 {
		for _, d := range plan.Due {
			p.w.decode(d)
		}
		err = p.w.store.Redeliver(p.w.t.Context(), &c, plan.Due)
	} else {
		_, err = p.w.store.Apply(p.w.t.Context(), &c, p.next(&c))
	}
	if err != nil && !errors.Is(err, database.ErrCommitUnknown) {
		p.Fatal(err)
	}
	p.w.loseCommits()
	p.takeOver()
}

// handle has an effect and an event for each delivery, and then fails when
// there is trouble left.
func (p *play) handle(ctx context.Context, t *tx.Tx, m event.Message) error {
	id := bus.DeliveryFrom(ctx).Event.ID
	left := p.trouble[id]
	if len(left) > 0 {
		p.trouble[id] = left[1:]
		if left[0] > 5 {
			return errors.New("trouble before anything was done")
		}
	}
	if err := recordEffect(ctx, t, m); err != nil || len(left) == 0 {
		return err
	}
	switch left[0] {
	case 0:
		panic("trouble")
	case 1:
		_, _ = t.Conn().QueryContext(ctx, `SELECT nothing FROM nowhere`)
		return nil
	case 2:
		return bus.Reject(errors.New("trouble"))
	case 3:
		return bus.Park(errors.New("trouble"))
	}
	return errors.New("trouble")
}

// finish ends all trouble: everything is applied, or redriven until it is.
func (p *play) finish() {
	p.trouble = nil
	p.takeOver()
	for p.owner().Next < int64(len(p.log)) {
		p.batch()
	}
	for range 100 {
		if len(p.rows()) == 0 {
			return
		}
		_, err := hold.Redrive(p.w.t.Context(), p.w.db, hold.Selection{Limit: 1000}, hold.Author{Actor: "ada", Reason: "the fix is out"})
		if err != nil {
			p.Fatal(err)
		}
		if err := p.w.tryRedeliver(p.owner()); err != nil {
			p.Fatal(err)
		}
	}
	p.Fatalf("the hold does not become empty: %v", p.w.held())
}

func (p *play) check() {
	dropped := p.mine(p.w.column(`SELECT event_id FROM pl_hold_audit WHERE action = 'dropped'`))
	effects := p.mine(p.w.column(`SELECT event FROM effect`))
	var published []string
	for _, data := range p.w.column(`SELECT data FROM pl_outbox WHERE headers IS NULL ORDER BY seq`) {
		published = append(published, data[1:])
	}
	published = p.mine(published)
	for _, key := range []string{"", "k1", "k2"} {
		of := func(ids []string) []string {
			return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return keyOf(id) != key || slices.Contains(dropped, id) })
		}
		if got, want := of(published), of(firsts(p.log)); !slices.Equal(got, want) {
			p.Fatalf("key %q had effects of %q, want %q; dropped %q", key, got, want, dropped)
		}
	}
	want := firsts(p.log)
	all := append(slices.Clone(effects), dropped...)
	for _, ids := range [][]string{want, all, effects, published} {
		slices.Sort(ids)
	}
	if !slices.Equal(published, effects) {
		p.Fatalf("published %q, but the effects are %q", published, effects)
	}
	if !slices.Equal(all, want) {
		p.Fatalf("applied or dropped %q, want %q", all, want)
	}
}

func (p *play) mine(ids []string) []string {
	return slices.DeleteFunc(ids, func(id string) bool { return !strings.HasPrefix(id, p.prefix) })
}
