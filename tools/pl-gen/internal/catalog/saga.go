package catalog

import (
	"fmt"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// A sagaView is a saga on its context's page: drawn as the states that an
// instance goes through, and as a table.
type sagaView struct {
	Name, ID, Key, Deadline string
	Start                   link
	Steps                   []sagaStep
	Compensate              *link
	Drawing                 stateDrawing
}

type sagaStep struct {
	Name, Does string
	Target     link
	Timeout    string
	Undo       *link
	Continue   bool
}

// CanFail tells whether the step can lead to the undoing of what was done.
func (s sagaStep) CanFail() bool { return !s.Continue }

func sagaOf(s *model.Saga) sagaView {
	v := sagaView{
		Name: s.Name, ID: "saga-" + s.Name, Key: s.Key.Name, Deadline: short(s.Deadline),
		Start: below.eventLink(s.Start), Compensate: callLink(s.Compensate),
	}
	for _, step := range s.Steps {
		v.Steps = append(v.Steps, stepOf(step))
	}
	v.Drawing = v.draw()
	return v
}

func stepOf(s *model.Step) sagaStep {
	v := sagaStep{Name: s.Name, Undo: callLink(s.Compensate), Continue: s.Continue}
	switch {
	case s.Call != nil:
		v.Does, v.Target = "calls", *callLink(s.Call)
	case s.Publish != nil:
		v.Does, v.Target = "publishes", below.eventLink(s.Publish)
	default:
		v.Does, v.Target = "waits for", below.eventLink(s.Await)
	}
	if s.Timeout > 0 {
		v.Timeout = short(s.Timeout)
	}
	return v
}

func callLink(c *model.Call) *link {
	if c == nil {
		return nil
	}
	return &link{c.Context.Name + "." + c.Method.Name, below.call(c.Context, c.Method), sentence(c.Method.Doc)}
}

// A stateDrawing is two columns: what a saga does, downwards, and how it undoes
// that, upwards.
type stateDrawing struct {
	Width, Height int
	Boxes         []stateBox
	Lines         []stateLine
	// doing is the width of the first column, and undone where the second
	// begins and how wide it is.
	doing           int
	undone, undoing int
}

type stateBox struct {
	X, Y, Width, Height int
	Text, Note          string
	Href, Class         string
}

// TextX is where the text begins.
func (b stateBox) TextX() int { return b.X + 14 }

// TextY is the base line of the text.
func (b stateBox) TextY() int {
	if b.Note != "" {
		return b.Y + b.Height/2 - 2
	}
	return b.Y + b.Height/2 + 5
}

// NoteY is the base line of the note.
func (b stateBox) NoteY() int { return b.Y + b.Height/2 + 14 }

// A stateLine leads from one box to another; Path and Head are SVG's. Back
// tells whether it leads to the undoing.
type stateLine struct {
	Path, Head string
	Back       bool
}

// The measures of a drawing, in pixels.
const (
	boxHeight, rowHeight = 48, 78
	gap                  = 80
	// noteWidth is at least the width of a character of a note.
	noteWidth = 7
)

// columns finds out how wide the columns have to be.
func (v *sagaView) columns() (doing, undoing int) {
	doing, undoing = len(v.Start.Name), len("undo the beginning")
	if v.Compensate != nil {
		undoing = max(undoing, len("calls "+v.Compensate.Name))
	}
	for _, s := range v.Steps {
		doing = max(doing, len(s.Does+" "+s.Target.Name))
		if s.Undo != nil {
			undoing = max(undoing, len("calls "+s.Undo.Name), len("undo "+s.Name)*5/4)
		}
	}
	return doing*noteWidth + 28, undoing*noteWidth + 28
}

func (v *sagaView) draw() stateDrawing {
	d := &stateDrawing{Height: (len(v.Steps)+2)*rowHeight + boxHeight + 4}
	d.doing, d.undoing = v.columns()
	d.undone = d.doing + gap
	d.Width = d.undone + d.undoing + 4
	d.box(1, false, stateBox{Text: "begins", Note: v.Start.Name, Href: v.Start.Href, Class: "event"})
	for i, s := range v.Steps {
		d.box(i+2, false, stateBox{Text: s.Name, Note: s.Does + " " + s.Target.Name, Href: s.Target.Href})
		d.down(i + 1)
	}
	d.box(len(v.Steps)+2, false, stateBox{Text: "completed", Class: "context"})
	d.down(len(v.Steps) + 1)
	v.drawUndoing(d)
	return *d
}

func (v *sagaView) drawUndoing(d *stateDrawing) {
	above, last := 0, 0
	if v.Compensate != nil {
		d.box(1, true, stateBox{Text: "undo the beginning", Note: "calls " + v.Compensate.Name, Href: v.Compensate.Href})
		d.up(1, 0)
		above = 1
	}
	for i, s := range v.Steps {
		row := i + 2
		if s.Undo != nil {
			d.box(row, true, stateBox{Text: "undo " + s.Name, Note: "calls " + s.Undo.Name, Href: s.Undo.Href})
			d.up(row, above)
			above = row
		}
		if s.CanFail() {
			d.fail(row, above)
			last = row
		}
	}
	if last > 0 || above > 0 {
		d.box(0, true, stateBox{Text: "compensated", Class: "context"})
	}
}

func (d *stateDrawing) box(row int, undoing bool, b stateBox) {
	b.Width = d.doing
	if undoing {
		b.X, b.Width = d.undone, d.undoing
	}
	b.Y, b.Height = row*rowHeight, boxHeight
	d.Boxes = append(d.Boxes, b)
}

// down leads from a row of what is done to the next.
func (d *stateDrawing) down(row int) {
	x, from, to := 36, row*rowHeight+boxHeight, (row+1)*rowHeight
	d.Lines = append(d.Lines, stateLine{
		Path: fmt.Sprintf("M%d %dV%d", x, from, to-8), Head: fmt.Sprintf("M%d %dl-4.5 -9h9z", x, to-1),
	})
}

// up leads from a row of what is undone to one above it.
func (d *stateDrawing) up(row, above int) {
	x, from, to := d.undone+36, row*rowHeight, above*rowHeight+boxHeight
	d.Lines = append(d.Lines, stateLine{
		Path: fmt.Sprintf("M%d %dV%d", x, from, to+8), Head: fmt.Sprintf("M%d %dl-4.5 9h9z", x, to+1), Back: true,
	})
}

// fail leads from a step that can fail to where the undoing begins: beside it,
// or above.
func (d *stateDrawing) fail(row, undo int) {
	y := row*rowHeight + boxHeight/2
	if undo == row {
		d.Lines = append(d.Lines, stateLine{
			Path: fmt.Sprintf("M%d %dH%d", d.doing, y, d.undone-8), Head: fmt.Sprintf("M%d %dl-9 -4.5v9z", d.undone-1, y), Back: true,
		})
		return
	}
	x, to := d.undone+d.undoing-36-row%5*14, undo*rowHeight+boxHeight
	d.Lines = append(d.Lines, stateLine{
		Path: fmt.Sprintf("M%d %dH%dV%d", d.doing, y, x, to+8), Head: fmt.Sprintf("M%d %dl-4.5 9h9z", x, to+1), Back: true,
	})
}
