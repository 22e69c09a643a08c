package adminserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/pulselearn/campus-hub/platform/admin"
	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/hold"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// A kind of change: what does it, and from which states.
type kind struct {
	name string
	do   func(context.Context, *database.DB, hold.Selection, hold.Author) (int64, error)
	from []hold.State
}

var (
	redriving = kind{"redrive", hold.Redrive, []hold.State{hold.Dead, hold.Parked}}
	parking   = kind{"park", hold.Park, []hold.State{hold.Held, hold.Dead}}
	dropping  = kind{"drop", hold.Drop, []hold.State{hold.Held, hold.Dead, hold.Parked}}
)

func (s *server) redrive(_ http.ResponseWriter, r *http.Request) (any, error) {
	return s.change(r, redriving)
}

func (s *server) park(_ http.ResponseWriter, r *http.Request) (any, error) {
	return s.change(r, parking)
}

func (s *server) drop(_ http.ResponseWriter, r *http.Request) (any, error) {
	return s.change(r, dropping)
}

func (s *server) change(r *http.Request, k kind) (any, error) {
	in, err := body[admin.Change](r)
	if err == nil {
		err = checkChange(&in, k)
	}
	if err != nil {
		return nil, err
	}
	by := hold.Author{Actor: actor(r), Reason: in.Reason[:min(len(in.Reason), maxReason)], Job: in.Job}
	if len(in.Payload) > 0 {
		if err := s.edit(r.Context(), &in, by); err != nil {
			return nil, err
		}
	}
	var answer admin.Changed
	if len(in.IDs) > 0 {
		answer, err = s.changeIDs(r.Context(), in.IDs, k, by)
	} else {
		answer, err = s.changeFiltered(r.Context(), &in, k, by)
	}
	if answer.Changed > 0 {
		s.Logger.InfoContext(r.Context(), "held deliveries were changed", "action", k.name, "letters", answer.Changed, "job", in.Job, "actor", by.Actor)
	}
	return answer, err
}

func checkChange(in *admin.Change, k kind) error {
	bad := func(message string) error { return refused(http.StatusBadRequest, message, "") }
	switch {
	case in.Reason == "":
		return errNoReason
	case (len(in.IDs) > 0) == (in.Filter != nil):
		return bad("the request needs either ids or a filter")
	case len(in.IDs) > changeRows:
		return bad(fmt.Sprintf("%d ids are more than %d, which is the most at once", len(in.IDs), changeRows))
	case in.Filter != nil && (in.Limit < 1 || in.Limit > changeRows):
		return bad(fmt.Sprintf("a filter needs a limit from 1 to %d", changeRows))
	case len(in.Payload) > 0 && (k.name != "redrive" || len(in.IDs) != 1):
		return bad("a payload is replaced when one letter is redriven by its id")
	}
	return nil
}

// edit replaces the payload of the one letter that is redriven.
func (s *server) edit(ctx context.Context, in *admin.Change, by hold.Author) error {
	c, row, err := s.row(ctx, in.IDs[0])
	if err != nil {
		return err
	}
	if !slices.Contains(redriving.from, row.State) {
		return refused(http.StatusConflict, "the letter is "+string(row.State), "only dead and parked letters can be changed")
	}
	value, headers, err := c.replaced(ctx, row, in.Payload, in.Reencode)
	if err != nil {
		return err
	}
	_, err = hold.Edit(ctx, c.DB, hold.Seen{ID: row.ID, Version: row.Version}, value, headers, by)
	if errors.Is(err, hold.ErrChanged) {
		return refused(http.StatusConflict, err.Error(), "look at it again")
	}
	return err
}

// changeIDs changes the letters with these ids, each of which is looked at
// first, so that the answer can say why one was not changed.
func (s *server) changeIDs(ctx context.Context, ids []string, k kind, by hold.Author) (admin.Changed, error) {
	answer := admin.Changed{Refused: map[string]string{}}
	seen := map[*Context][]hold.Seen{}
	for _, id := range ids {
		c, row, err := s.row(ctx, id)
		var why *admin.Error
		switch {
		case errors.As(err, &why):
			answer.Refused[id] = why.Error()
		case err != nil:
			return answer, err
		case !slices.Contains(k.from, row.State):
			answer.Refused[id] = "it is " + string(row.State)
		default:
			seen[c] = append(seen[c], hold.Seen{ID: row.ID, Version: row.Version})
		}
	}
	for c, rows := range seen {
		n, err := k.apply(ctx, c, rows, by)
		answer.Changed += n
		if err != nil {
			return answer, err
		}
		if n < len(rows) {
			answer.Refused[c.Name] = fmt.Sprintf("%d letters changed while they were looked at", len(rows)-n)
		}
	}
	return answer, nil
}

func (k kind) apply(ctx context.Context, c *Context, rows []hold.Seen, by hold.Author) (int, error) {
	n, err := k.do(ctx, c.DB, hold.Selection{Rows: rows}, by)
	if n > 0 {
		c.wake()
	}
	return int(n), err
}

// changeFiltered changes letters that a filter chooses, from every partition
// alike: the partitions work beside each other.
func (s *server) changeFiltered(ctx context.Context, in *admin.Change, k kind, by hold.Author) (admin.Changed, error) {
	var answer admin.Changed
	name := in.Filter.Context
	if name == "" {
		name, _, _ = strings.Cut(in.Filter.Consumer, ".")
	}
	c, err := s.context(name)
	if err != nil {
		return answer, err
	}
	f, err := holdFilter(*in.Filter)
	if err != nil {
		return answer, err
	}
	if len(f.States) == 0 {
		f.States = k.from
	}
	sweep, err := c.sweep(ctx, f, in.After)
	if err != nil {
		return answer, err
	}
	rows, err := sweep.next(ctx, in.Limit)
	if err != nil || len(rows) == 0 {
		return answer, err
	}
	answer.After = sweep.cursor()
	answer.Changed, err = k.apply(ctx, c, rows, by)
	return answer, err
}

// A sweep goes through the letters that a filter chooses, all partitions at
// once, each in the order of its offsets.
type sweep struct {
	c      *Context
	filter hold.Filter
	lanes  []lane
}

// A lane is one position of a sweep and the last offset taken from it.
type lane struct {
	bus.Position
	last  int64
	ended bool
}

func (c *Context) sweep(ctx context.Context, f hold.Filter, after string) (*sweep, error) {
	positions, err := tx.Positions(ctx, c.DB)
	if err != nil {
		return nil, err
	}
	last, err := parseCursor(after)
	if err != nil {
		return nil, err
	}
	s := &sweep{c: c, filter: f}
	for _, p := range positions {
		if (f.Consumer == "" || f.Consumer == p.Consumer) && (f.Topic == "" || f.Topic == p.Topic) {
			l := lane{Position: p.Position, last: -1}
			if at, ok := last[p.Position]; ok {
				l.last = at
			} else {
				l.ended = after != "" // lanes without a place in the cursor are done
			}
			s.lanes = append(s.lanes, l)
		}
	}
	return s, nil
}

// next returns up to limit letters, as many from each lane as it takes.
func (s *sweep) next(ctx context.Context, limit int) ([]hold.Seen, error) {
	var chosen []hold.Seen
	for limit > 0 {
		open := s.open()
		if len(open) == 0 {
			return chosen, nil
		}
		share := max(limit/len(open), 1)
		for _, l := range open {
			if limit == 0 {
				return chosen, nil
			}
			some, err := s.take(ctx, l, min(share, limit))
			if err != nil {
				return nil, err
			}
			chosen = append(chosen, some...)
			limit -= len(some)
		}
	}
	return chosen, nil
}

func (s *sweep) open() []*lane {
	var open []*lane
	for i := range s.lanes {
		if !s.lanes[i].ended {
			open = append(open, &s.lanes[i])
		}
	}
	return open
}

func (s *sweep) take(ctx context.Context, l *lane, n int) ([]hold.Seen, error) {
	rows, err := hold.Behind(ctx, s.c.DB, l.Position, l.last, s.filter, n)
	if err != nil {
		return nil, err
	}
	var chosen []hold.Seen
	for i := range rows {
		chosen = append(chosen, hold.Seen{ID: rows[i].ID, Version: rows[i].Version})
		l.last = rows[i].Offset
	}
	l.ended = len(chosen) < n
	return chosen, nil
}

// cursor is where the sweep is; "" at its end.
func (s *sweep) cursor() string {
	var places []string
	for _, l := range s.open() {
		places = append(places, hold.ID{Position: l.Position, Offset: l.last}.String())
	}
	return strings.Join(places, " ")
}

func parseCursor(text string) (map[bus.Position]int64, error) {
	last := map[bus.Position]int64{}
	for place := range strings.FieldsSeq(text) {
		id, err := hold.ParseID(place)
		if err != nil {
			return nil, refused(http.StatusBadRequest, "the field after is not what an earlier answer gave", "")
		}
		last[id.Position] = id.Offset
	}
	return last, nil
}
