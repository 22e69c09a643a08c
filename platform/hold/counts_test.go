package hold_test

import (
	"slices"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/hold"
)

func at(d time.Duration) func(*hold.Row) { return func(r *hold.Row) { r.HeldAt = start.Add(d) } }

func TestTallies(t *testing.T) {
	onEachEngine(t, func(d *desk) {
		d.insert(row(0, "a", in(hold.Dead), at(time.Hour)), row(1, "a", at(2*time.Hour)), row(2, "b", in(hold.Parked), at(time.Minute)),
			row(3, "", keyless, in(hold.Dead)), row(4, "c", in(hold.Dead), func(r *hold.Row) { r.Blocks = false }))
		all, err := hold.Tallies(d.Context(), d.db, "")
		if err != nil || len(all) != 1 {
			d.Fatalf("%v, %v", all, err)
		}
		got := all[d.owner.Position]
		d.expect("states", got.States, map[hold.State]int64{hold.Dead: 3, hold.Held: 1, hold.Parked: 1})
		d.expect("blocked keys", got.BlockedKeys, int64(2))
		d.expect("the first of them", got.BlockedBy, int64(2))
		d.expect("since", got.BlockedSince, start.Add(time.Minute))
		for consumer, want := range map[string]int{d.owner.Consumer: 1, "notes.OnOther": 0} {
			some, err := hold.Tallies(d.Context(), d.db, consumer)
			if err != nil || len(some) != want {
				d.Errorf("of %s: %v, %v", consumer, some, err)
			}
		}
	})
}

func TestBehindGoesThroughAPosition(t *testing.T) {
	onEachEngine(t, func(d *desk) {
		other := d.owner
		other.Partition++
		var rows []hold.Row
		for n := range 20 {
			state := hold.Held
			if n%2 == 0 {
				state = hold.Dead
			}
			rows = append(rows, row(int64(n), "k", in(state), func(r *hold.Row) { r.Signature = []string{"x", "y"}[n%4/2] }))
		}
		d.insert(rows...)
		mine := d.owner
		d.owner = other
		d.insert(row(0, "k", in(hold.Dead)))
		d.owner = mine
		for what, c := range map[string]struct {
			f    hold.Filter
			want []int64
		}{
			"all":       {hold.Filter{}, []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19}},
			"dead":      {hold.Filter{States: []hold.State{hold.Dead}}, []int64{0, 2, 4, 6, 8, 10, 12, 14, 16, 18}},
			"one cause": {hold.Filter{States: []hold.State{hold.Dead}, Signature: "y"}, []int64{2, 6, 10, 14, 18}},
			"none":      {hold.Filter{EventID: "other"}, nil},
		} {
			var got []int64
			last := int64(-1)
			for {
				page, err := hold.Behind(d.Context(), d.db, mine.Position, last, c.f, 3)
				if err != nil {
					d.Fatal(err)
				}
				for _, r := range page {
					got, last = append(got, r.Offset), r.Offset
					if r.Position != mine.Position || r.Value != nil {
						d.Errorf("%s: %+v", what, r)
					}
				}
				if len(page) < 3 {
					break
				}
			}
			if !slices.Equal(got, c.want) {
				d.Errorf("%s: got %v, want %v", what, got, c.want)
			}
		}
	})
}
