package adminserver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pulselearn/campus-hub/platform/admin"
	"github.com/pulselearn/campus-hub/platform/admin/adminserver"
	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/database/sqlite"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/hold"
	"github.com/pulselearn/campus-hub/platform/schema"
	"github.com/pulselearn/campus-hub/platform/tx"
)

const token = "a-token-for-the-tests"

var borrowed = &event.Type{
	Topic: "pl.library.borrowed.v1", Context: "library", Key: "book", Partitions: 1, Fingerprint: 7,
	Schema: `{"type":"record","name":"Borrowed","fields":[{"name":"book","type":"string"},{"name":"reader","type":"string","pl":{"pii":"name"}}]}`,
}

// A world is a server with one context that holds letters.
type world struct {
	*testing.T
	db  *database.DB
	url string
	log bytes.Buffer
}

// registry knows one schema.
type registry struct{}

func (registry) Writer(_ context.Context, headers []event.Header, value []byte) (*avro.Schema, schema.Frame, []byte, error) {
	s, err := avro.Parse("borrowed", []byte(borrowed.Schema), nil)
	if err != nil {
		return nil, schema.Frame{}, nil, err
	}
	frame, datum, err := schema.FrameOf(headers, value)
	return s, frame, datum, err
}

func (registry) SchemaID(context.Context, uint64, string, string) (int, error) { return 7, nil }

func newWorld(t *testing.T, token string) *world {
	t.Helper()
	w := &world{T: t}
	var err error
	if w.db, err = sqlite.Open(t.Context(), t.TempDir()+"/c.db"); err == nil {
		err = w.db.Migrate(t.Context(), nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.db.Close() })
	consumers := []tx.Consumer{{Route: bus.Route{Consumer: "shelf.OnBorrowed", Type: borrowed, New: func() event.Message { return nil }}}}
	server := httptest.NewServer(adminserver.New(adminserver.Config{
		Service: "test", Token: token, NotReady: func(context.Context) map[string]string { return nil },
		Logger: slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Contexts: []adminserver.Context{{
			Name: "shelf", DB: w.db, Consumers: consumers, Schemas: registry{}, Pauses: &adminserver.Pauses{},
			Store: tx.NewStore(w.db, tx.Service{Context: "shelf", Consumers: consumers}),
		}},
	}))
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// hold puts letters with a key into the hold, from an offset on.
func (w *world) hold(key string, state hold.State, offset int64, n int) {
	w.Helper()
	owner := hold.Owner{DB: w.db, Position: bus.Position{Consumer: "shelf.OnBorrowed", Topic: borrowed.Topic, Partition: 0}}
	rows := make([]hold.Row, n)
	for i := range rows {
		now := database.Now()
		e := event.Envelope{ID: event.NewID(), Source: "/pulselearn/library", Type: borrowed.Topic, Time: now, DataContentType: event.ContentTypeAvro}
		value := append([]byte{0, 0, 0, 0, 7, byte(2 * len(key))}, key...)
		rows[i] = hold.Row{
			ID: hold.ID{Position: owner.Position, Offset: offset + int64(i)}, Key: []byte(key), Blocks: true, State: state,
			Cause: "no shelf 7", Signature: "no shelf 0", Value: append(append(value, 6), "Ada"...), Headers: event.AppendKafkaHeaders(nil, &e),
			RecordTime: now, EventID: e.ID, EventSource: e.Source, FirstFailedAt: now, LastFailedAt: now, HeldAt: now,
		}
	}
	err := w.db.InTx(w.Context(), func(u *database.Unit) error {
		if _, err := u.ExecContext(w.Context(), `INSERT INTO pl_consumer_partition VALUES ('shelf.OnBorrowed', $1, 0, 1, 100) ON CONFLICT DO NOTHING`, borrowed.Topic); err != nil {
			return err
		}
		_, err := owner.Insert(w.Context(), u, rows)
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) client() *admin.Client {
	w.Helper()
	c, err := admin.NewClient(w.url, token, "ada")
	if err != nil {
		w.Fatal(err)
	}
	return c
}

// ask sends a request by hand.
func (w *world) ask(method, path, body string, headers ...string) (int, string) {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		w.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func TestWhoIsLetIn(t *testing.T) {
	t.Parallel()
	closed, open := newWorld(t, token), newWorld(t, "")
	const auth, right = "Authorization", "Bearer " + token
	for name, c := range map[string]struct {
		w       *world
		method  string
		headers []string
		want    int
	}{
		"no token":              {closed, "GET", nil, 401},
		"wrong token":           {closed, "GET", []string{auth, "Bearer " + token + "x"}, 401},
		"prefix of the token":   {closed, "GET", []string{auth, "Bearer " + token[:5]}, 401},
		"another scheme":        {closed, "GET", []string{auth, "Basic " + token}, 401},
		"empty token":           {closed, "GET", []string{auth, "Bearer "}, 401},
		"the token":             {closed, "GET", []string{auth, right}, 200},
		"token, other host":     {closed, "GET", []string{auth, right, "Host", "admin.example.org"}, 200},
		"open, this machine":    {open, "GET", nil, 200},
		"open, by name":         {open, "GET", []string{"Host", "localhost:8082"}, 200},
		"open, rebound name":    {open, "GET", []string{"Host", "evil.example.org"}, 403},
		"open, form of a page":  {open, "POST", []string{"Content-Type", "text/plain"}, 415},
		"open, no content type": {open, "POST", nil, 415},
	} {
		t.Run(name, func(t *testing.T) {
			status, text := c.w.ask(c.method, "/v1", "", c.headers...)
			if status != c.want {
				t.Errorf("got %d, want %d: %s", status, c.want, text)
			}
			if status != 200 && !strings.Contains(text, `{"error":{"message":"`) {
				t.Errorf("the refusal is not JSON: %s", text)
			}
		})
	}
}

func TestRequestsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	w.hold("emma", hold.Dead, 0, 1)
	const id = `shelf.OnBorrowed/pl.library.borrowed.v1/0/0`
	for name, c := range map[string]struct {
		path, body string
		status     int
		want       string
	}{
		"no reason":         {"/v1/hold/redrive", `{"ids":["` + id + `"]}`, 400, "a reason is required"},
		"neither":           {"/v1/hold/park", `{"reason":"r"}`, 400, "either ids or a filter"},
		"both":              {"/v1/hold/park", `{"reason":"r","ids":["` + id + `"],"filter":{}}`, 400, "either ids or a filter"},
		"no limit":          {"/v1/hold/drop", `{"reason":"r","filter":{}}`, 400, "a limit from 1 to 1000"},
		"unknown field":     {"/v1/hold/drop", `{"reason":"r","id":"x"}`, 400, "unknown field"},
		"no JSON":           {"/v1/hold/drop", `{`, 400, "cannot be read"},
		"cursor":            {"/v1/hold/drop", `{"reason":"r","filter":{},"limit":1,"after":"x"}`, 400, "what an earlier answer gave"},
		"payload of a park": {"/v1/hold/park", `{"reason":"r","ids":["` + id + `"],"payload":{}}`, 400, "a payload is replaced when"},
		"id":                {"/v1/hold/dry-run", `{"ids":["x"]}`, 400, "does not name a held delivery"},
		"gone":              {"/v1/hold/dry-run", `{"ids":["shelf.OnBorrowed/pl.library.borrowed.v1/0/9"]}`, 404, "there is no letter"},
		"other context":     {"/v1/hold/dry-run", `{"ids":["attic.On/t/0/9"]}`, 404, `does not serve context \"attic\"`},
		"reset where to":    {"/v1/consumers/reset", `{"consumer":"shelf.OnBorrowed","to":"there","reason":"r"}`, 400, "none of earliest, latest"},
		"reset what":        {"/v1/consumers/reset", `{"consumer":"shelf.On","to":"earliest","reason":"r"}`, 404, "there is no consumer"},
		"reset to a time":   {"/v1/consumers/reset", `{"consumer":"shelf.OnBorrowed","to":"time","time":"2026-01-01T00:00:00Z","reason":"r"}`, 501, "reset to an offset"},
		"replay":            {"/v1/outbox/replay", `{"context":"shelf","from":"2026-01-02T00:00:00Z","to":"2026-01-01T00:00:00Z","reason":"r"}`, 400, "no span of time"},
		"future":            {"/v1/outbox/replay", `{"context":"shelf","from":"2026-01-02T00:00:00Z","to":"2999-01-01T00:00:00Z","reason":"r"}`, 400, "in the future"},
		"saga":              {"/v1/sagas/retry", `{"id":"shelf:Tidy:1","reason":"r"}`, 404, "no such instance"},
		"saga's id":         {"/v1/sagas/skip", `{"id":"1","reason":"r"}`, 400, "not the id of an instance"},
		"saga's change":     {"/v1/sagas/mend", `{"id":"shelf:Tidy:1","reason":"r"}`, 404, "no such change"},
		"path":              {"/v1/nothing", `{}`, 404, "there is no POST /v1/nothing"},
		"too large":         {"/v1/hold/redrive", `{"reason":"` + strings.Repeat("x", 5<<20) + `"}`, 413, "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			status, text := w.ask("POST", c.path, c.body, "Content-Type", "application/json")
			if status != c.status || !strings.Contains(text, c.want) {
				t.Errorf("got %d %s, want %d with %q", status, text[:min(len(text), 300)], c.status, c.want)
			}
		})
	}
	if row, err := hold.Get(t.Context(), w.db, hold.ID{Position: bus.Position{Consumer: "shelf.OnBorrowed", Topic: borrowed.Topic}}); err != nil || row.State != hold.Dead || row.Version != 1 {
		t.Errorf("one of them changed something: %+v, %v", row, err)
	}
}

func TestFilteredChangesGoOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, token)
	w.hold("emma", hold.Dead, 0, 25)
	w.hold("anna", hold.Parked, 25, 5)
	c := w.client()
	change := admin.Change{Filter: &admin.Filter{State: admin.Dead}, Limit: 10, Reason: "r", Job: "j"}
	var sizes []int
	for {
		answer, err := c.Change(t.Context(), "redrive", change)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, answer.Changed)
		if answer.After == "" {
			break
		}
		change.After = answer.After
	}
	if len(sizes) != 3 || sizes[0] != 10 || sizes[1] != 10 || sizes[2] != 5 {
		t.Errorf("changed %v", sizes)
	}
	p, err := c.Progress(t.Context(), "shelf", "j")
	if err != nil || p.Waiting != 25 || p.Failed != 0 {
		t.Errorf("progress %+v, %v", p, err)
	}
	entries, err := hold.Audit(t.Context(), w.db, hold.Filter{Job: "j"}, 100)
	if err != nil || len(entries) != 25 || entries[0].By.Actor != "ada" || entries[0].By.Reason != "r" {
		t.Errorf("%d changes were audited, %v", len(entries), err)
	}
	again, err := c.Change(t.Context(), "redrive", admin.Change{IDs: []string{"shelf.OnBorrowed/pl.library.borrowed.v1/0/0"}, Reason: "r"})
	if err != nil || again.Changed != 0 || again.Refused["shelf.OnBorrowed/pl.library.borrowed.v1/0/0"] != "it is held" {
		t.Errorf("a letter that is held was redriven: %+v, %v", again, err)
	}
}

func TestPersonalData(t *testing.T) {
	t.Parallel()
	w := newWorld(t, token)
	w.hold("emma", hold.Dead, 0, 3)
	c := w.client()
	const id = "shelf.OnBorrowed/pl.library.borrowed.v1/0/0"
	d, err := c.Letter(t.Context(), id, false, "")
	if err != nil || !strings.Contains(string(d.Payload), `"[personal data]"`) || d.Behind != 2 || len(d.First) != 2 {
		t.Errorf("%v: %+v", err, d)
	}
	d, err = c.Letter(t.Context(), id, true, "INC-7")
	if err != nil || !strings.Contains(string(d.Payload), `"Ada"`) || len(d.History) != 1 || d.History[0].Action != "unmask" || d.History[0].Reason != "INC-7" {
		t.Errorf("%v: %+v", err, d)
	}
	lines := 0
	err = c.Export(t.Context(), admin.Filter{}, func(text []byte) error {
		lines++
		var e admin.Exported
		if err := json.Unmarshal(text, &e); err != nil || e.SchemaID != 7 || e.ValueBase64 == "" {
			t.Errorf("%v: %s", err, text)
		}
		return nil
	})
	if err != nil || lines != 3 {
		t.Errorf("%d lines, %v", lines, err)
	}
	if strings.Contains(w.log.String(), "Ada") || strings.Contains(w.log.String(), "emma") {
		t.Errorf("the log holds personal data:\n%s", w.log.String())
	}
}

// TestNotAnAdminAPI says so when somebody else answers.
func TestNotAnAdminAPI(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	c, err := admin.NewClient(server.URL, "", "ada")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Service(t.Context()); err == nil || !strings.Contains(err.Error(), "not as an admin API does") {
		t.Errorf("got %v", err)
	}
	for _, url := range []string{"127.0.0.1:8082", "ftp://x", ""} {
		if _, err := admin.NewClient(url, "", ""); err == nil {
			t.Errorf("%q was taken for a URL", url)
		}
	}
}
