//go:build unix

package chaos

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pulselearn/campus-hub/platform/hold"
)

// checkOrder wants the effects of each key in the order of its events, and
// none behind an event that blocks the key. Those that later ones may have
// passed had been dead, under a route that skips dead letters, until a person
// redrove them.
func (t *topic) checkOrder(v *verdict, consumer string, effects []effect, held []hold.Row, passed map[string]bool) {
	last := map[string]int64{}
	for _, e := range effects {
		at := t.at[e.id]
		if !at.keyed {
			continue
		}
		key := fmt.Sprint(at.partition, " ", at.key)
		switch {
		case at.offset >= last[key]:
		case passed[e.id]:
			v.tally["passed by later ones"]++
		default:
			v.violated("%s: event %s of key %s had its effect after one that was published later", consumer, e.id, at.key)
		}
		last[key] = max(last[key], at.offset)
	}
	for _, row := range held {
		key := fmt.Sprint(row.Partition, " ", string(row.Key))
		if first, known := t.at[row.EventID]; row.Blocks && known && first.offset == row.Offset && last[key] > row.Offset {
			v.violated("%s: an event at %d had its effect, although one of its key at %d is %s", consumer, last[key], row.Offset, row.State)
		}
	}
}

// TestOrderIsChecked holds the check of the order against histories that are
// right and wrong.
func TestOrderIsChecked(t *testing.T) {
	of := &topic{at: map[string]place{}}
	for offset, id := range []string{"a", "b", "c", "other"} {
		key := "key"
		if id == "other" {
			key = id
		}
		of.at[id] = place{offset: int64(offset), key: key, keyed: true}
	}
	of.at["unkeyed"] = place{offset: 9}
	row := func(offset int64, blocks bool) hold.Row {
		id := string(rune('a' + offset))
		return hold.Row{ID: hold.ID{Offset: offset}, EventID: id, Key: []byte("key"), State: hold.Dead, Blocks: blocks}
	}
	for name, c := range map[string]struct {
		effects string // the events, in the order of their effects
		passed  string
		held    []hold.Row
		want    string // what the violations say; "": there is none
	}{
		"in order":                       {effects: "a b c"},
		"keys go on by themselves":       {effects: "other unkeyed a b c"},
		"a late one":                     {effects: "b a c", want: "event a of key key had its effect after"},
		"dead, passed and redriven":      {effects: "b c a", passed: "a"},
		"late, but not the redriven one": {effects: "c b a", passed: "a", want: "event b of"},
		"late behind a redriven one":     {effects: "a c b", passed: "c", want: "event b of"},
		"one passes a dead one":          {effects: "a c", held: []hold.Row{row(1, true)}, want: "although one of its key at 1 is dead"},
		"one passes one that is skipped": {effects: "a c", held: []hold.Row{row(1, false)}},
		"nothing is behind the dead one": {effects: "a b other", held: []hold.Row{row(2, true)}},
	} {
		v, effects, passed := &verdict{tally: map[string]int{}}, []effect(nil), map[string]bool{}
		for id := range strings.FieldsSeq(c.effects) {
			effects = append(effects, effect{id})
		}
		for id := range strings.FieldsSeq(c.passed) {
			passed[id] = true
		}
		of.checkOrder(v, "consumer", effects, c.held, passed)
		found := strings.Join(v.violations, "; ")
		if (c.want == "") != (found == "") || !strings.Contains(found, c.want) || len(v.violations) > 1 {
			t.Errorf("%s: violations %q, want %q", name, found, c.want)
		}
	}
}
