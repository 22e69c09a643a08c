package catalog

import (
	"os"
	"strings"
	"testing"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model/modeltest"
)

func TestSagasAreOnThePagesOfTheirContextAndEvents(t *testing.T) {
	site := build(t, modeltest.Load(t, os.DirFS(top)), nil)
	for file, wanted := range map[string][]string{
		"contexts/enrollment.html": {
			"Saga EnrollPremiumCourse", "undo activate_access", "calls payment.RequestRefund", "waits for a person; the saga goes on",
			`href="../calls/course.RevokeAccess.html"`, `href="../events/pl.payment.captured.v1.html"`,
		},
		"events/pl.payment.captured.v1.html": {"saga EnrollPremiumCourse", "pl.payment.captured.v1.enrollment.dlq"},
		"llms.txt":                           {"Consumed by enrollment.saga EnrollPremiumCourse."},
	} {
		for _, text := range wanted {
			if !strings.Contains(site[file], text) {
				t.Errorf("%s does not say %q", file, text)
			}
		}
	}
}

func TestDrawingsOfSagas(t *testing.T) {
	target := func(name string) link { return link{Name: name, Href: "#"} }
	undo := target("context.WithdrawEverythingThatWasEverDone")
	v := sagaView{Start: target("pl.context.it_began.v1"), Steps: []sagaStep{
		{Name: "first", Does: "calls", Target: target("context.First"), Undo: &undo},
		{Name: "second", Does: "waits for", Target: target("pl.context.an_event_with_a_name_of_some_length.v1")},
		{Name: "third", Does: "calls", Target: target("context.Third"), Continue: true},
	}}
	d := v.draw()
	for _, b := range d.Boxes {
		if b.X+b.Width > d.Width || b.Y+b.Height > d.Height || len(b.Note)*noteWidth > b.Width-28 {
			t.Errorf("%+v does not fit into %d × %d", b, d.Width, d.Height)
		}
		for _, other := range d.Boxes {
			if b != other && b.X == other.X && b.Y < other.Y+other.Height && other.Y < b.Y+b.Height {
				t.Errorf("%+v is over %+v", b, other)
			}
		}
	}
	back := 0
	for _, l := range d.Lines {
		if l.Back {
			back++
		}
	}
	if len(d.Boxes) != 7 || len(d.Lines) != 7 || back != 3 {
		t.Errorf("%d boxes, %d lines, %d of them back; want 7, 7 and 3", len(d.Boxes), len(d.Lines), back)
	}
	if alone := (&sagaView{Steps: []sagaStep{{Name: "only", Continue: true}}}).draw(); len(alone.Boxes) != 3 {
		t.Errorf("a saga that undoes nothing has %d boxes, want 3", len(alone.Boxes))
	}
}
