package adminserver

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pulselearn/campus-hub/platform/admin"
	"github.com/pulselearn/campus-hub/platform/hold"
)

const (
	// defaultLetters is how many letters are listed when nobody says.
	defaultLetters = 50
	// behindShown is how many of the letters that wait behind one are named.
	behindShown = 10
	// historyShown is how much of a letter's history is shown.
	historyShown = 100
)

var states = []hold.State{hold.Held, hold.Dead, hold.Parked, hold.Dropped}

// holdFilter is what chooses letters in one context's database.
func holdFilter(f admin.Filter) (hold.Filter, error) {
	h := hold.Filter{Consumer: f.Consumer, Topic: f.Topic, Signature: f.Signature, EventID: f.EventID, Since: f.Since}
	if f.Key != "" {
		h.Key = []byte(f.Key)
	}
	if f.State != "" {
		if !slices.Contains(states, hold.State(f.State)) {
			return h, refused(http.StatusBadRequest, "there is no state \""+f.State+"\"", "states are held, dead, parked and dropped")
		}
		h.States = []hold.State{hold.State(f.State)}
	}
	return h, nil
}

func (s *server) listHold(_ http.ResponseWriter, r *http.Request) (any, error) {
	f, q := filterOf(r)
	rows, limit := q.flag("rows"), q.limit(defaultLetters)
	if q.err != nil {
		return nil, q.err
	}
	chosen, err := s.chosen(f.Context, f.Consumer)
	if err != nil {
		return nil, err
	}
	h, err := holdFilter(f)
	if err != nil {
		return nil, err
	}
	if rows {
		return lettersOf(r.Context(), chosen, h, limit)
	}
	return groupsOf(r.Context(), chosen, h)
}

func lettersOf(ctx context.Context, contexts []*Context, f hold.Filter, limit int) ([]admin.Letter, error) {
	list := []admin.Letter{}
	for _, c := range contexts {
		rows, err := hold.List(ctx, c.DB, f, hold.Page{Limit: limit - len(list)})
		if err != nil {
			return nil, err
		}
		for i := range rows {
			list = append(list, c.letter(&rows[i]))
		}
		if len(list) >= limit {
			break
		}
	}
	return list, nil
}

func groupsOf(ctx context.Context, contexts []*Context, f hold.Filter) ([]admin.Group, error) {
	list := []admin.Group{}
	for _, c := range contexts {
		groups, err := hold.Groups(ctx, c.DB, f)
		if err != nil {
			return nil, err
		}
		for _, g := range groups {
			group := admin.Group{
				Context: c.Name, Consumer: g.Consumer, Topic: g.Topic, State: string(g.State), Signature: g.Signature,
				Count: g.Count, Oldest: g.Oldest, Newest: g.Newest, Example: g.Example.String(),
			}
			row, err := hold.Get(ctx, c.DB, g.Example)
			if err != nil {
				return nil, err
			}
			if row != nil {
				group.Cause = row.Cause
			}
			list = append(list, group)
		}
	}
	slices.SortStableFunc(list, func(a, b admin.Group) int { return int(b.Count - a.Count) })
	return list, nil
}

// letter shows a row without its record's content.
func (c *Context) letter(r *hold.Row) admin.Letter {
	l := admin.Letter{
		ID: r.ID.String(), Context: c.Name, Consumer: r.Consumer, Topic: r.Topic, Partition: r.Partition, Offset: r.Offset,
		State: string(r.State), Blocks: r.Blocks, EventID: r.EventID, EventSource: r.EventSource,
		Attempts: r.Attempts, Redrives: r.Redrives, Cause: r.Cause, Signature: r.Signature,
		NextAt: r.NextAt, FirstFailedAt: r.FirstFailedAt, LastFailedAt: r.LastFailedAt, HeldAt: r.HeldAt,
	}
	if utf8.Valid(r.Key) {
		l.Key = string(r.Key)
	} else {
		l.KeyBase64 = base64.StdEncoding.EncodeToString(r.Key)
	}
	return l
}

// row returns the held delivery with an id, and its context.
func (s *server) row(ctx context.Context, id string) (*Context, *hold.Row, error) {
	parsed, err := hold.ParseID(id)
	if err != nil {
		return nil, nil, refused(http.StatusBadRequest, err.Error(), "")
	}
	name, _, _ := strings.Cut(parsed.Consumer, ".")
	c, err := s.context(name)
	if err != nil {
		return nil, nil, err
	}
	row, err := hold.Get(ctx, c.DB, parsed)
	if err == nil && row == nil {
		err = refused(http.StatusNotFound, "there is no letter "+id, "it was applied or dropped, or never held; the audit of "+parsed.Consumer+" says what people did")
	}
	return c, row, err
}

func (s *server) showLetter(_ http.ResponseWriter, r *http.Request) (any, error) {
	q := query{values: r.URL.Query()}
	unmask, reason := q.flag("unmask"), q.text("reason")
	if q.err != nil {
		return nil, q.err
	}
	if unmask && reason == "" {
		return nil, errNoReason
	}
	c, row, err := s.row(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if unmask {
		if err := c.audit(r, "unmask", row.ID.String(), reason, ""); err != nil {
			return nil, err
		}
	}
	return c.detail(r.Context(), row, unmask)
}

func (c *Context) detail(ctx context.Context, row *hold.Row, unmask bool) (*admin.Detail, error) {
	d := &admin.Detail{Letter: c.letter(row), RecordedAt: row.RecordTime, Bytes: len(row.Value), Unmasked: unmask, Headers: headersOf(row)}
	if consumer := c.consumer(row.Consumer); consumer != nil {
		d.SkipDead = consumer.SkipDead
	}
	payload, frame, err := c.payload(ctx, row, unmask)
	if d.Payload, d.Schema = payload, frame; err != nil {
		d.PayloadError = err.Error()
	}
	if err := c.behind(ctx, row, d); err != nil {
		return nil, err
	}
	return d, c.history(ctx, row, d)
}

// headersOf shows the record's headers. They hold ids and times, and no
// personal data: that is in the payload.
func headersOf(row *hold.Row) []admin.Header {
	list := make([]admin.Header, len(row.Headers))
	for i, h := range row.Headers {
		list[i].Name = h.Key
		if utf8.Valid(h.Value) {
			list[i].Value = string(h.Value)
		} else {
			list[i].Base64 = base64.StdEncoding.EncodeToString(h.Value)
		}
	}
	return list
}

// behind finds the letters of the key that wait for this one.
func (c *Context) behind(ctx context.Context, row *hold.Row, d *admin.Detail) error {
	if row.Key == nil || !row.Blocks {
		return nil
	}
	f := hold.Filter{Consumer: row.Consumer, Topic: row.Topic, Key: row.Key}
	page := hold.Page{After: row.ID, Limit: behindShown}
	for {
		rows, err := hold.List(ctx, c.DB, f, page)
		if err != nil {
			return err
		}
		for i := range rows {
			if rows[i].Partition != row.Partition {
				return nil
			}
			if d.Behind++; len(d.First) < behindShown {
				d.First = append(d.First, rows[i].ID.String())
			}
		}
		if len(rows) < page.Limit {
			return nil
		}
		page.After, page.Limit = rows[len(rows)-1].ID, changeRows
	}
}

// history is what people did with the letter. Those who looked at personal data
// are in the general audit.
func (c *Context) history(ctx context.Context, row *hold.Row, d *admin.Detail) error {
	entries, err := hold.Audit(ctx, c.DB, hold.Filter{Consumer: row.Consumer, Topic: row.Topic, EventID: row.EventID}, historyShown)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.ID == row.ID {
			d.History = append(d.History, admin.Audit{At: e.At, Actor: e.By.Actor, Action: e.Action, Reason: e.By.Reason, Detail: e.By.Job})
		}
	}
	looks, err := c.audited(ctx, row.ID.String(), historyShown)
	d.History = append(d.History, looks...)
	slices.SortStableFunc(d.History, func(a, b admin.Audit) int { return a.At.Compare(b.At) })
	return err
}

func (s *server) progress(_ http.ResponseWriter, r *http.Request) (any, error) {
	c, err := s.context(r.URL.Query().Get("context"))
	if err != nil {
		return nil, err
	}
	job := r.PathValue("job")
	var p admin.Progress
	if p.Waiting, err = hold.Count(r.Context(), c.DB, hold.Filter{Job: job, States: []hold.State{hold.Held, hold.Dropped}}); err != nil {
		return nil, err
	}
	failed := hold.Filter{Job: job, States: []hold.State{hold.Dead, hold.Parked}}
	if p.Failed, err = hold.Count(r.Context(), c.DB, failed); err != nil || p.Failed == 0 {
		return p, err
	}
	rows, err := hold.List(r.Context(), c.DB, failed, hold.Page{Limit: 1})
	if len(rows) > 0 {
		p.Cause, p.Example = rows[0].Cause, rows[0].ID.String()
	}
	return p, err
}

// exportTime bounds the writing of one page of an export, not of the whole.
const exportTime = 30 * time.Second

func (s *server) export(w http.ResponseWriter, r *http.Request) (any, error) {
	f, q := filterOf(r)
	if q.err != nil {
		return nil, q.err
	}
	chosen, err := s.chosen(f.Context, f.Consumer)
	if err != nil {
		return nil, err
	}
	h, err := holdFilter(f)
	if err != nil {
		return nil, err
	}
	for _, c := range chosen {
		if err := c.audit(r, "export", c.Name, "export", fmt.Sprintf("%+v", f.Query().Encode())); err != nil {
			return nil, err
		}
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	for _, c := range chosen {
		if err := c.export(w, r, h); err != nil {
			s.Logger.WarnContext(r.Context(), "an export broke off", "context", c.Name, "error", err)
			panic(http.ErrAbortHandler) // so that the client sees that something is missing
		}
	}
	return nil, nil
}
