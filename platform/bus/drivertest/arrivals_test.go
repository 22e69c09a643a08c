package drivertest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// What the checker of a trial says to what may happen to records, and to what
// must not.
func TestArrivals(t *testing.T) {
	for _, test := range []struct {
		what    string
		values  string // of one key, in the order of arrival
		acked   int
		wrong   string // part of what is reported at once
		missing string // part of what is reported at the end
	}{
		{"in order", "0 1 2 3", 4, "", ""},
		{"one more than was acknowledged", "0 1 2 3", 3, "", ""},
		{"a batch twice", "0 1 0 1 2", 3, "", ""},
		{"an old one late", "0 1 2 0", 3, "", ""},
		{"one lost", "0 2 3", 4, "number 2, want 1", ""},
		{"two exchanged", "0 2 1", 3, "number 2, want 1", ""},
		{"the last one lost", "0 1 2", 4, "", "k from 3 to 3"},
		{"all lost", "", 2, "", "k from 0 to 1"},
		{"something else", "0 x", 1, "number x, want 1", ""},
	} {
		var reported []string
		a := newArrivals(func(format string, args ...any) { reported = append(reported, fmt.Sprintf(format, args...)) })
		epoch := a.claim(0)
		for _, value := range strings.Fields(test.values) {
			a.apply(0, epoch, []*driver.Record{{Key: []byte("k"), Value: []byte(value), Offset: a.next[0]}})
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := a.wait(ctx, map[string]int{"k": test.acked})
		if got := strings.Join(reported, "; "); !strings.Contains(got, test.wrong) || test.wrong == "" && got != "" {
			t.Errorf("%s: reported %q, want %q", test.what, got, test.wrong)
		}
		if got := fmt.Sprint(err); (err != nil) != (test.missing != "") || !strings.Contains(got, test.missing) {
			t.Errorf("%s: missing %v, want %q", test.what, err, test.missing)
		}
	}
}

func TestArrivalsOfAMemberThatLostItsPartition(t *testing.T) {
	a := newArrivals(t.Errorf)
	first := a.claim(0)
	second := a.claim(0)
	record := []*driver.Record{{Key: []byte("k"), Value: []byte("0")}}
	if a.apply(0, first, record) {
		t.Error("a member that has lost its partition writes")
	}
	if !a.apply(0, second, record) || a.position(0) != 1 {
		t.Errorf("the member that has the partition does not write; the position is %d", a.position(0))
	}
}

func TestArrivalsNoticeAHole(t *testing.T) {
	reported := ""
	a := newArrivals(func(format string, args ...any) { reported += fmt.Sprintf(format, args...) })
	a.apply(0, a.claim(0), []*driver.Record{{Key: []byte("k"), Value: []byte("0"), Offset: 1}})
	if !strings.Contains(reported, "want offset 0") {
		t.Errorf("reported %q", reported)
	}
}
