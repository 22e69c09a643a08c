package natsbus

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// Whatever a group had before, when everybody gives back what is more than its
// share and then takes what is free, every partition has one owner, the numbers
// differ by one at most, and nobody has to change anything again.
func TestSharesSettleAndAreFair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(t, "members")
		partitions := rapid.IntRange(1, 20).Draw(t, "partitions")
		members := make([]string, n)
		for i := range members {
			members[i] = fmt.Sprint("m", i)
		}
		has, free := make(map[string]int), 0
		for range partitions {
			if owner := rapid.IntRange(-1, n-1).Draw(t, "owner"); owner >= 0 {
				has[members[owner]]++
			} else {
				free++
			}
		}
		for round := 0; ; round++ {
			if round > 2*partitions {
				t.Fatalf("does not settle: %v, %d free", has, free)
			}
			changed := false
			for _, m := range rapid.Permutation(members).Draw(t, "order") {
				share := fairShare(m, "topic", partitions, members, has)
				switch {
				case has[m] > share:
					free, changed = free+has[m]-share, true
					has[m] = share
				case has[m] < share && free > 0:
					free, changed = free-1, true
					has[m]++
				}
			}
			if !changed {
				break
			}
		}
		for _, m := range members {
			if low := partitions / n; has[m] < low || has[m] > low+1 {
				t.Errorf("%s has %d of %d partitions among %d", m, has[m], partitions, n)
			}
		}
		if free != 0 {
			t.Errorf("%d partitions have no owner", free)
		}
	})
}

// Topics of one partition do not all end with one member.
func TestSingletonsAreSpread(t *testing.T) {
	members := []string{"a", "b", "c", "d"}
	got := make(map[string]int)
	for i := range 400 {
		for _, m := range members {
			got[m] += fairShare(m, fmt.Sprint("topic", i), 1, members, nil)
		}
	}
	for _, m := range members {
		if got[m] < 50 || got[m] > 150 {
			t.Errorf("%s has %d of 400 topics: %v", m, got[m], got)
		}
	}
}
