package hold_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/internal/pgtest"
	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/database/postgres"
	"github.com/pulselearn/campus-hub/platform/database/sqlite"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/hold"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// A desk is a hold on one engine, and the owner of one position of it.
type desk struct {
	*testing.T
	db    *database.DB
	owner hold.Owner
}

func onEachEngine(t *testing.T, f func(d *desk)) {
	for name, open := range map[string]func(t *testing.T) (*database.DB, error){
		"sqlite":   func(t *testing.T) (*database.DB, error) { return sqlite.Open(t.Context(), t.TempDir()+"/context.db") },
		"postgres": func(t *testing.T) (*database.DB, error) { return postgres.Open(t.Context(), pgtest.URL(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, err := open(t)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() })
			if err := db.Migrate(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			p := bus.Position{Consumer: "notes.OnNoted", Topic: "pl.notes.noted.v1", Partition: 2}
			f(&desk{t, db, hold.Owner{DB: db, Position: p}})
		})
	}
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

// row is one that waits, of a key.
func row(offset int64, key string, change ...func(*hold.Row)) hold.Row {
	r := hold.Row{
		Key: []byte(key), Blocks: true, State: hold.Held, Value: []byte{0, 1, byte(offset)},
		Headers:    []event.Header{{Key: "ce_id", Value: []byte("e")}, {Key: "ce_id", Value: nil}, {Key: "x", Value: []byte{}}},
		RecordTime: start, EventID: "e", EventSource: "/pulselearn/notes", HeldAt: start,
	}
	r.Offset = offset
	for _, c := range change {
		c(&r)
	}
	return r
}

// due makes a row one that has failed and runs again at start plus d.
func due(d time.Duration) func(*hold.Row) {
	return func(r *hold.Row) {
		r.NextAt, r.Attempts, r.FirstFailedAt, r.LastFailedAt = start.Add(d), 1, start, start
		r.Cause, r.Signature = "no student 7", "no student 0"
	}
}

func in(s hold.State) func(*hold.Row) {
	return func(r *hold.Row) { r.State, r.NextAt = s, time.Time{} }
}

func keyless(r *hold.Row) { r.Key, r.Blocks = nil, false }

func (d *desk) insert(rows ...hold.Row) {
	d.Helper()
	d.inTx(func(ctx context.Context, u *database.Unit) error {
		n, err := d.owner.Insert(ctx, u, rows)
		d.expect("inserted", n, len(rows))
		return err
	})
}

func (d *desk) inTx(f func(ctx context.Context, u *database.Unit) error) {
	d.Helper()
	if err := d.db.InTx(d.Context(), func(u *database.Unit) error { return f(d.Context(), u) }); err != nil {
		d.Fatal(err)
	}
}

func (d *desk) get(offset int64) *hold.Row {
	d.Helper()
	r, err := hold.Get(d.Context(), d.db, hold.ID{Position: d.owner.Position, Offset: offset})
	if err != nil {
		d.Fatal(err)
	}
	return r
}

func (d *desk) seen(offsets ...int64) (s hold.Selection) {
	d.Helper()
	for _, o := range offsets {
		r := d.get(o)
		s.Rows = append(s.Rows, hold.Seen{ID: r.ID, Version: r.Version})
	}
	return s
}

func (d *desk) due(limit int) (batch, early []int64) {
	d.Helper()
	rows, waiting, err := d.owner.Due(d.Context(), start.Add(time.Minute), hold.Limit{Rows: limit, Bytes: 1 << 20})
	if err != nil {
		d.Fatal(err)
	}
	return offsets(rows), offsets(waiting)
}

func offsets(rows []*hold.Row) (o []int64) {
	for _, r := range rows {
		o = append(o, r.Offset)
	}
	return o
}

func (d *desk) expect(what string, got, want any) {
	d.Helper()
	if !reflect.DeepEqual(got, want) {
		d.Errorf("%s: got %v, want %v", what, got, want)
	}
}

var operator = hold.Author{Actor: "ada", Reason: "the fix is out", Job: "job-1"}

func TestRowsAreKeptExactly(t *testing.T) {
	onEachEngine(t, func(d *desk) {
		rows := []hold.Row{
			row(1, "", due(time.Second)), row(2, "k", in(hold.Dead)), row(3, "", keyless),
			row(4, "k", func(r *hold.Row) { r.Value, r.Headers, r.EventID = nil, nil, "" }),
			row(5, "\xff\x00", func(r *hold.Row) { r.Value = []byte{} }),
		}
		d.insert(rows...)
		for _, want := range rows {
			want.Position, want.Version = d.owner.Position, 1
			got := d.get(want.Offset)
			if !reflect.DeepEqual(*got, want) {
				d.Errorf("got  %+v\nwant %+v", *got, want)
			}
		}
		if r := d.get(6); r != nil {
			d.Errorf("a row that is not there is %+v", r)
		}
	})
}

func TestDueRowsComeWithThoseThatWait(t *testing.T) {
	onEachEngine(t, func(d *desk) {
		d.insert(
			row(10, "a", due(2*time.Second)), row(11, "a"), row(12, "b", due(time.Second)), row(13, "a"),
			row(14, "b", in(hold.Parked)), row(15, "b"), row(16, "", keyless, due(3*time.Second)), row(17, "c", due(time.Hour)), row(18, "c"),
			row(19, "d", in(hold.Dead)), row(20, "d", due(0)),
		)
		batch, early := d.due(100)
		d.expect("batch", batch, []int64{12, 10, 11, 13, 16})
		d.expect("early", early, []int64{20})
		batch, _ = d.due(2)
		d.expect("two rows", batch, []int64{12})
		at, found, err := d.owner.Earliest(d.Context(), time.Now())
		if err != nil || !found || !at.Equal(start) {
			d.Errorf("earliest is %v, %v, %v", at, found, err)
		}
	})
}

func TestKeysAreCounted(t *testing.T) {
	onEachEngine(t, func(d *desk) {
		d.insert(row(1, "a", due(0)), row(2, "a"), row(3, "", due(0)), row(4, "", keyless), row(5, "b", in(hold.Dead), func(r *hold.Row) { r.Blocks = false }))
		got := map[string][2]int{}
		err := d.owner.Keys(d.Context(), d.db.Reading(), func(key []byte, rows, blocking int) {
			name := string(key)
			if key == nil {
				name = "none"
			}
			got[name] = [2]int{rows, blocking}
		})
		if err != nil {
			d.Fatal(err)
		}
		d.expect("keys", got, map[string][2]int{"a": {2, 2}, "": {1, 1}, "none": {1, 0}, "b": {1, 0}})
	})
}

func TestOwnerNoticesWhatPeopleChange(t *testing.T) {
	onEachEngine(t, func(d *desk) {
		d.insert(row(1, "a", due(0)), row(2, "a"))
		batch, _, err := d.owner.Due(d.Context(), start, hold.Limit{Rows: 10, Bytes: 1000})
		if err != nil {
			d.Fatal(err)
		}
		if n, err := hold.Drop(d.Context(), d.db, d.seen(1), operator); n != 1 || err != nil {
			d.Fatal(n, err)
		}
		for name, change := range map[string]func(ctx context.Context, u *database.Unit) error{
			"delete": func(ctx context.Context, u *database.Unit) error { return d.owner.Delete(ctx, u, batch) },
			"update": func(ctx context.Context, u *database.Unit) error { return d.owner.Update(ctx, u, batch[0]) },
		} {
			err := d.db.InTx(d.Context(), func(u *database.Unit) error { return change(d.Context(), u) })
			if !errors.Is(err, hold.ErrChanged) {
				d.Errorf("%s: got %v, want ErrChanged", name, err)
			}
		}
		d.expect("state", d.get(1).State, hold.Dropped)
		d.expect("waits", d.get(2).Waits(), true)
	})
}

func TestReleaseMakesTheNextOfAKeyDue(t *testing.T) {
	onEachEngine(t, func(d *desk) {
		d.insert(row(1, "a"), row(2, "a"), row(3, "b", in(hold.Parked)), row(4, "b"), row(5, ""), row(6, "c"))
		d.inTx(func(ctx context.Context, u *database.Unit) error {
			return d.owner.Release(ctx, u, [][]byte{[]byte("a"), []byte("b"), {}}, start)
		})
		batch, _ := d.due(100)
		d.expect("batch", batch, []int64{1, 2, 5})
		d.inTx(func(ctx context.Context, u *database.Unit) error { return d.owner.Wake(ctx, u, start) })
		batch, _ = d.due(100)
		d.expect("batch after waking", batch, []int64{1, 2, 5, 6})
	})
}

func TestPeopleChangeRows(t *testing.T) {
	onEachEngine(t, func(d *desk) {
		d.insert(row(1, "a", in(hold.Dead)), row(2, "a"), row(3, "b", in(hold.Parked)), row(4, "c", due(time.Hour)))
		stale := d.seen(1, 2, 3)
		change := func(f func(context.Context, *database.DB, hold.Selection, hold.Author) (int64, error), s hold.Selection, want int64) {
			d.Helper()
			if n, err := f(d.Context(), d.db, s, operator); n != want || err != nil {
				d.Errorf("changed %d rows, want %d; error %v", n, want, err)
			}
		}
		change(hold.Redrive, stale, 2)
		change(hold.Redrive, stale, 0)
		change(hold.Park, hold.Selection{Filter: hold.Filter{Key: []byte("c")}, Limit: 10}, 1)
		change(hold.Redrive, hold.Selection{Filter: hold.Filter{States: []hold.State{hold.Parked}}, Limit: 10}, 1)
		change(hold.Drop, hold.Selection{Filter: hold.Filter{Job: "job-1"}, Limit: 2}, 2)
		r := d.get(4)
		d.expect("redrives", r.Redrives, 1)
		d.expect("job", r.Job, "job-1")
		d.expect("version", r.Version, int64(3))
		d.expect("state", d.get(1).State, hold.Dropped)
		entries, err := hold.Audit(d.Context(), d.db, hold.Filter{Job: "job-1"}, 10)
		var actions []string
		for _, e := range entries {
			actions = append(actions, e.Action)
		}
		if err != nil || !slices.Equal(actions, []string{"drop", "drop", "redrive", "park", "redrive", "redrive"}) || entries[0].By != operator || entries[0].EventID != "e" {
			d.Errorf("the audit is %v, %v", entries, err)
		}
		if _, err := hold.Drop(d.Context(), d.db, hold.Selection{}, operator); err == nil {
			d.Error("a selection of everything was accepted")
		}
		if _, err := hold.Drop(d.Context(), d.db, stale, hold.Author{Actor: "ada"}); err == nil {
			d.Error("a change without a reason was accepted")
		}
	})
}

func TestEditReplacesTheRecord(t *testing.T) {
	onEachEngine(t, func(d *desk) {
		d.insert(row(1, "a", in(hold.Dead)), row(2, "b", due(0)))
		seen := d.seen(1).Rows[0]
		version, err := hold.Edit(d.Context(), d.db, seen, []byte("new"), []event.Header{{Key: "h"}}, operator)
		if r := d.get(1); err != nil || version != r.Version || string(r.Value) != "new" || len(r.Headers) != 1 {
			d.Errorf("version %d, %v: %+v", version, err, r)
		}
		for _, s := range []hold.Seen{seen, d.seen(2).Rows[0]} {
			if _, err := hold.Edit(d.Context(), d.db, s, nil, nil, operator); !errors.Is(err, hold.ErrChanged) {
				d.Errorf("got %v, want ErrChanged", err)
			}
		}
	})
}

// A record that is there is seen again after its position was moved back.
func TestRowsAreInsertedOnce(t *testing.T) {
	onEachEngine(t, func(d *desk) {
		d.insert(row(1, "a", in(hold.Dead)))
		d.inTx(func(ctx context.Context, u *database.Unit) error {
			n, err := d.owner.Insert(ctx, u, []hold.Row{row(1, "a"), row(2, "a")})
			d.expect("inserted", n, 1)
			return err
		})
		d.expect("state", d.get(1).State, hold.Dead)
	})
}

func TestRowsOfLostRecordsKeepTheirOrder(t *testing.T) {
	onEachEngine(t, func(d *desk) {
		shift := func(want ...int64) {
			d.Helper()
			d.inTx(func(ctx context.Context, u *database.Unit) error { return d.owner.Shift(ctx, u) })
			rows, err := hold.List(d.Context(), d.db, hold.Filter{}, hold.Page{})
			if err != nil {
				d.Fatal(err)
			}
			var ids []int64
			for _, r := range rows {
				ids = append(ids, int64(r.EventID[0]-'0'))
				if r.Offset >= 0 {
					d.Errorf("%s is at %d", r.EventID, r.Offset)
				}
			}
			d.expect("order", ids, want)
		}
		id := func(id string) func(*hold.Row) { return func(r *hold.Row) { r.EventID = id } }
		d.insert(row(0, "a", id("1")), row(1, "a", id("2")), row(7, "a", id("3")))
		shift(1, 2, 3)
		shift(1, 2, 3)
		d.insert(row(0, "a", id("4")), row(9, "a", id("5")))
		shift(1, 2, 3, 4, 5)
		d.insert(row(3, "a", id("6")))
		shift(1, 2, 3, 4, 5, 6)
	})
}

func TestListings(t *testing.T) {
	onEachEngine(t, func(d *desk) {
		d.insert(row(1, "a", in(hold.Dead), due(0), in(hold.Dead)), row(2, "a"), row(3, "b", due(0), in(hold.Dead)), row(4, "b"), row(5, "b"), row(6, "", keyless, due(0)))
		page, err := hold.List(d.Context(), d.db, hold.Filter{}, hold.Page{Limit: 4})
		if err != nil || len(page) != 4 || page[0].Value != nil {
			d.Fatalf("%v, %v", page, err)
		}
		rest, err := hold.List(d.Context(), d.db, hold.Filter{}, hold.Page{After: page[3].ID, Whole: true})
		if err != nil || len(rest) != 2 || rest[1].Offset != 6 || rest[1].Value == nil {
			d.Fatalf("%v, %v", rest, err)
		}
		n, err := hold.Count(d.Context(), d.db, hold.Filter{States: []hold.State{hold.Dead, hold.Parked}, Consumer: d.owner.Consumer, Since: start, Until: start.Add(time.Second)})
		if n != 2 || err != nil {
			d.Errorf("%d are dead, want 2: %v", n, err)
		}
		groups, err := hold.Groups(d.Context(), d.db, hold.Filter{Topic: d.owner.Topic})
		if err != nil || len(groups) != 3 || groups[0].Count != 3 || groups[0].Signature != "" ||
			groups[1].State != hold.Dead || groups[1].Count != 2 || groups[1].Example.Offset != 1 || !groups[1].Oldest.Equal(start) {
			d.Errorf("groups are %+v, %v", groups, err)
		}
		blocked, err := hold.Blocked(d.Context(), d.db, hold.Filter{States: []hold.State{hold.Dead}}, 10)
		if err != nil || len(blocked) != 2 || blocked[1].Rows != 3 || blocked[1].Head != 3 || string(blocked[1].Key) != "b" || !blocked[0].Since.Equal(start) {
			d.Errorf("blocked are %+v, %v", blocked, err)
		}
	})
}

func TestIDsAreText(t *testing.T) {
	id := hold.ID{Position: bus.Position{Consumer: "a.B", Topic: "pl.a.b.v1", Partition: 3}, Offset: 1 << 40}
	if got, err := hold.ParseID(id.String()); got != id || err != nil {
		t.Errorf("%s became %v, %v", id, got, err)
	}
	for _, bad := range []string{"", "a/b/1", "a/b/x/1", "a/b/1/x", "//1/1", "a/b/1/1/1"} {
		if _, err := hold.ParseID(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestSignature(t *testing.T) {
	for cause, want := range map[string]string{
		`insert badge "ace of 2026" for 0192f3c8-1111-7222-8333-444455556666: dial tcp 10.0.0.7:5432`: `insert badge … for #: dial tcp 0:0`,
		"no student 17":         "no student 0",
		"hash deadbeef12345678": "hash #",
		"plain":                 "plain",
	} {
		if got := hold.Signature(cause); got != want {
			t.Errorf("%q: got %q, want %q", cause, got, want)
		}
	}
	if got := hold.Cause(errors.New("a\x00b\xff" + string(make([]byte, 5000)))); len(got) > 2000 || got[:4] != "a\uFFFD" {
		t.Errorf("cause is %q", got[:10])
	}
}
