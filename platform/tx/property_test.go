package tx_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// TestAnyHistory plays random histories of one partition: the broker's log
// with events published twice, batches of any size, handlers that fail, panic
// or break a statement, members that take over and come back as zombies, and
// commits whose outcome is lost. Whatever happens, at the end every event has
// had its effects once, in the order of the log, and each effect is published
// with it.
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
	trouble   map[string]int // how often an event's handler still fails
	claims    []*bus.Claim   // the last is the owner's
}

func (p *play) run() {
	p.log = rapid.SliceOfN(rapid.Map(rapid.IntRange(0, 20), func(i int) string { return fmt.Sprint(p.prefix, i) }), 1, 40).Draw(p.T, "log")
	p.trouble = rapid.MapOf(rapid.SampledFrom(p.log), rapid.IntRange(1, 3)).Draw(p.T, "trouble")
	p.w.handle = p.handle
	p.w.loseCommits() // of a play that failed
	p.takeOver()
	for steps := 0; p.owner().Next < int64(len(p.log)) && steps < 500; steps++ {
		switch rapid.IntRange(0, 9).Draw(p.T, "step") {
		case 0:
			p.takeOver()
		case 1:
			p.zombie()
		case 2:
			p.loseCommit()
		default:
			p.batch()
		}
	}
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

// next returns up to size deliveries from where the claim is.
func (p *play) next(c *bus.Claim) []*bus.Delivery {
	from := int(max(c.Next, 0))
	if from >= len(p.log) {
		return nil
	}
	to := min(len(p.log), from+rapid.IntRange(1, 12).Draw(p.T, "size"))
	return deliveries(int64(from), p.log[from:to]...)
}

func (p *play) batch() {
	c := p.owner()
	before := max(c.Next, 0)
	n, err := p.w.store.Apply(p.w.t.Context(), c, p.next(c))
	var failed *bus.DeliveryError
	if err != nil && (!errors.As(err, &failed) || failed.Index != n) {
		p.Fatalf("committed %d: %v", n, err)
	}
	if c.Next != before+int64(n) && n > 0 {
		p.Fatalf("the claim moved from %d to %d with %d deliveries", before, c.Next, n)
	}
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

func (p *play) loseCommit() {
	if len(p.next(p.owner())) == 0 {
		return
	}
	p.w.loseCommits(rapid.Bool().Draw(p.T, "applied"))
	c := *p.owner()
	_, err := p.w.store.Apply(p.w.t.Context(), &c, p.next(&c))
	var failed *bus.DeliveryError
	if err != nil && !errors.Is(err, database.ErrCommitUnknown) && !errors.As(err, &failed) {
		p.Fatal(err)
	}
	p.w.loseCommits()
	p.takeOver()
}

// handle has an effect and an event for each delivery, and then fails when
// there is trouble left.
func (p *play) handle(ctx context.Context, t *tx.Tx, m event.Message) error {
	if err := recordEffect(ctx, t, m); err != nil {
		return err
	}
	id := bus.DeliveryFrom(ctx).Event.ID
	if p.trouble[id] == 0 {
		return nil
	}
	p.trouble[id]--
	switch p.trouble[id] {
	case 0:
		panic("trouble")
	case 1:
		_, _ = t.Conn().QueryContext(ctx, `SELECT nothing FROM nowhere`)
		return nil
	}
	return errors.New("trouble")
}

func (p *play) check() {
	want := firsts(p.log)
	var effects, published []string
	for _, id := range p.w.column(`SELECT event FROM effect`) {
		if strings.HasPrefix(id, p.prefix) {
			effects = append(effects, id)
		}
	}
	for _, data := range p.w.column(`SELECT data FROM pl_outbox ORDER BY seq`) {
		if strings.HasPrefix(data[1:], p.prefix) {
			published = append(published, data[1:])
		}
	}
	if !slices.Equal(published, want) {
		p.Fatalf("published %q, want %q", published, want)
	}
	slices.Sort(want)
	slices.Sort(effects)
	if !slices.Equal(effects, want) {
		p.Fatalf("effects are %q, want %q", effects, want)
	}
}
