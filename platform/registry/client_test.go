package registry_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/pulselearn/campus-hub/platform/registry"
)

const (
	money = `{"type":"record","name":"Money","namespace":"pl.common.v1","fields":[{"name":"units","type":"long"}]}`
	paid  = `{"type":"record","name":"Paid","namespace":"pl.shop.v1","fields":[{"name":"sum","type":"pl.common.v1.Money"}]}`
)

func connect(t *testing.T, opts ...sr.ClientOpt) (*sr.Client, http.Handler) {
	t.Helper()
	h := open(t, t.TempDir(), registry.Options{}).Handler()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	client, err := sr.NewClient(append(opts, sr.URLs(server.URL))...)
	if err != nil {
		t.Fatal(err)
	}
	return client, h
}

func ok[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// TestClient goes through the life of schemas with a client as services use
// it.
func TestClient(t *testing.T) {
	ctx := t.Context()
	c, _ := connect(t)
	types := ok[[]sr.SchemaType](t)(c.SupportedTypes(ctx))
	if !slices.Equal(types, []sr.SchemaType{sr.TypeAvro}) {
		t.Errorf("types %v", types)
	}
	first := ok[sr.SubjectSchema](t)(c.CreateSchema(ctx, "money", sr.Schema{Schema: money}))
	again := ok[sr.SubjectSchema](t)(c.CreateSchema(ctx, "money", sr.Schema{Schema: " " + money}))
	if first.ID != 1 || first.Version != 1 || again.ID != 1 || again.Version != 1 {
		t.Errorf("got %+v and %+v", first, again)
	}
	refs := []sr.SchemaReference{{Name: "pl.common.v1.Money", Subject: "money", Version: 1}}
	event := ok[sr.SubjectSchema](t)(c.CreateSchema(ctx, "pl.shop.paid.v1-value", sr.Schema{Schema: paid, References: refs}))
	if event.ID != 2 || event.Schema.Schema != paid || len(event.References) != 1 {
		t.Errorf("got %+v", event)
	}
	found := ok[sr.SubjectSchema](t)(c.LookupSchema(ctx, "pl.shop.paid.v1-value", sr.Schema{Schema: paid, References: refs}))
	if found.ID != 2 || found.Version != 1 {
		t.Errorf("looked up %+v", found)
	}
	if text := ok[string](t)(c.SchemaTextByID(ctx, 1)); text != money {
		t.Errorf("text %s", text)
	}
	users := ok[[]sr.SubjectSchema](t)(c.SchemaReferences(ctx, "money", 1))
	if len(users) != 1 || users[0].ID != 2 {
		t.Errorf("referers %+v", users)
	}
	_, err := c.DeleteSubject(ctx, "money", sr.SoftDelete)
	wantCode(t, err, 42206)
	removeAll(ctx, t, c, "pl.shop.paid.v1-value")
	removeAll(ctx, t, c, "money")
	_, err = c.SchemaByID(ctx, 1)
	wantCode(t, err, 40403)
}

func removeAll(ctx context.Context, t *testing.T, c *sr.Client, subject string) {
	t.Helper()
	_, err := c.DeleteSubject(ctx, subject, sr.HardDelete)
	wantCode(t, err, 40405)
	for _, how := range []sr.DeleteHow{sr.SoftDelete, sr.HardDelete} {
		if gone := ok[[]int](t)(c.DeleteSubject(ctx, subject, how)); !slices.Equal(gone, []int{1}) {
			t.Errorf("deleted %v", gone)
		}
	}
}

func wantCode(t *testing.T, err error, code int) {
	t.Helper()
	var answer *sr.ResponseError
	if !errors.As(err, &answer) || answer.ErrorCode != code {
		t.Errorf("got %v, want error code %d", err, code)
	}
}

func TestClientSettings(t *testing.T) {
	ctx := t.Context()
	c, _ := connect(t)
	if got := c.Compatibility(ctx)[0]; got.Err != nil || got.Level != sr.CompatBackward {
		t.Errorf("the default is %+v", got)
	}
	if got := c.SetCompatibility(ctx, sr.SetCompatibility{Level: sr.CompatFullTransitive}, "s")[0]; got.Err != nil || got.Level != sr.CompatFullTransitive {
		t.Errorf("set %+v", got)
	}
	if got := c.ResetCompatibility(ctx, "s")[0]; got.Err != nil || got.Level != sr.CompatFullTransitive {
		t.Errorf("reset %+v", got)
	}
	wantCode(t, c.ResetCompatibility(ctx, "s")[0].Err, 40401)
	if got := c.SetMode(ctx, sr.ModeReadOnly, "s")[0]; got.Err != nil || got.Mode != sr.ModeReadOnly {
		t.Errorf("mode %+v", got)
	}
	_, err := c.CreateSchema(ctx, "s", sr.Schema{Schema: money})
	wantCode(t, err, 42205)
	if got := c.ResetMode(ctx, "s")[0]; got.Err != nil || got.Mode != sr.ModeReadOnly {
		t.Errorf("reset %+v", got)
	}
	wantCode(t, c.Mode(ctx, "s")[0].Err, 40409)
}

func TestClientImport(t *testing.T) {
	ctx := t.Context()
	c, _ := connect(t)
	_, err := c.RegisterSchema(ctx, "s", sr.Schema{Schema: money}, 70, 3)
	wantCode(t, err, 42205)
	if got := c.SetMode(ctx, sr.ModeImport)[0]; got.Err != nil {
		t.Fatal(got.Err)
	}
	if id := ok[int](t)(c.RegisterSchema(ctx, "s", sr.Schema{Schema: money}, 70, 3)); id != 70 {
		t.Errorf("id %d", id)
	}
	for _, version := range []int{3, 4, 3} {
		if id := ok[int](t)(c.RegisterSchema(ctx, "s", sr.Schema{Schema: money}, 70, version)); id != 70 {
			t.Errorf("version %d has id %d", version, id)
		}
	}
	_, err = c.RegisterSchema(ctx, "s", sr.Schema{Schema: `"int"`}, 72, 3)
	wantCode(t, err, 42205)
	_, err = c.RegisterSchema(ctx, "t", sr.Schema{Schema: `"int"`}, 70, 1)
	wantCode(t, err, 42205)
	if got := c.SetMode(ctx, sr.ModeReadWrite)[0]; got.Err != nil {
		t.Fatal(got.Err)
	}
	if id := ok[int](t)(c.RegisterSchema(ctx, "t", sr.Schema{Schema: `"int"`}, -1, -1)); id != 71 {
		t.Errorf("the id after 70 is %d", id)
	}
}

func TestContextInPath(t *testing.T) {
	_, h := connect(t)
	must(t, h, "POST", "/contexts/.lab/subjects/a%2Fb/versions", fixed("n.A", 1))
	must(t, h, "POST", "/subjects/other/versions", fixed("n.B", 1))
	for path, want := range map[string]string{
		"/contexts/:.lab:/subjects":            `[":.lab:a/b"]`,
		"/subjects?subjectPrefix=":             `["other"]`,
		"/subjects":                            `[":.lab:a/b","other"]`,
		"/subjects?subjectPrefix=:*:a":         `[":.lab:a/b"]`,
		"/contexts/lab/schemas/ids/1/subjects": `[":.lab:a/b"]`,
		"/schemas/ids/1/subjects":              `["other"]`,
		"/contexts":                            `[".",".lab"]`,
		"/subjects/:.:other/versions/":         `[1]`,
	} {
		if got := must(t, h, "GET", path, nil); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
	must(t, h, "PUT", "/contexts/lab/config", map[string]any{"compatibility": "NONE"})
	must(t, h, "POST", "/subjects/:.lab:a%2Fb/versions", fixed("n.A", 2))
	conflicts(t, h, "/subjects/other/versions", fixed("n.B", 2), "FIXED_SIZE_MISMATCH")
}

// TestSelfReferences deletes a subject whose versions refer to each other.
func TestSelfReferences(t *testing.T) {
	h := open(t, "", registry.Options{}).Handler()
	must(t, h, "PUT", "/config/s", map[string]any{"compatibility": "NONE"})
	must(t, h, "POST", "/subjects/s/versions", fixed("n.A", 1))
	must(t, h, "POST", "/subjects/s/versions", map[string]any{"schema": `{"type":"array","items":"n.A"}`,
		"references": []any{map[string]any{"name": "n.A", "subject": "s", "version": 1}}})
	refused(t, h, 42206, "DELETE", "/subjects/s/versions/1", nil)
	for _, path := range []string{"/subjects/s", "/subjects/s?permanent=true"} {
		if got := must(t, h, "DELETE", path, nil); got != "[1,2]" {
			t.Errorf("%s: %s", path, got)
		}
	}
	refused(t, h, 40408, "GET", "/config/s", nil)
	must(t, h, "DELETE", "/config", nil)
}

// TestInlinedReferences looks a schema up by its self-contained text.
func TestInlinedReferences(t *testing.T) {
	h := open(t, "", registry.Options{}).Handler()
	must(t, h, "POST", "/subjects/:.c:a/versions", fixed("n.A", 1))
	must(t, h, "POST", "/subjects/:.c:b/versions", map[string]any{"schema": `{"type":"array","items":"n.A"}`,
		"references": []any{map[string]any{"name": "n.A", "subject": "a", "version": 1}}})
	inlined := map[string]any{"schema": `{"items": {"type":"fixed","name":"A","namespace":"n","size":1}, "type":"array"}`}
	for _, path := range []string{"/subjects/:.c:b", "/subjects/:.c:b/versions"} {
		if got := must(t, h, "POST", path, inlined); !strings.Contains(got, `"id":2`) {
			t.Errorf("%s: %s", path, got)
		}
	}
	if got := must(t, h, "GET", "/schemas/ids/2?subject=:.c:b", nil); got != `{"schema":"{\"type\":\"array\",\"items\":\"n.A\"}",`+
		`"references":[{"name":"n.A","subject":"a","version":1}],"subject":":.c:b","version":1}` {
		t.Errorf("got %s", got)
	}
}

func TestMetadataIsInherited(t *testing.T) {
	h := open(t, "", registry.Options{}).Handler()
	with := fixed("n.A", 1)
	with["metadata"] = map[string]any{"properties": map[string]any{"owner": "motivation"}}
	first := must(t, h, "POST", "/subjects/s/versions", with)
	if again := must(t, h, "POST", "/subjects/s/versions", fixed("n.A", 1)); again != first {
		t.Errorf("got %s, then %s", first, again)
	}
	if got := must(t, h, "POST", "/subjects/s", fixed("n.A", 1)); !strings.Contains(got, `"metadata":{"properties":{"owner":"motivation"}}`) {
		t.Errorf("got %s", got)
	}
}

func TestVerboseCompatibility(t *testing.T) {
	h := open(t, "", registry.Options{}).Handler()
	got := must(t, h, "POST", "/compatibility/subjects/s/versions?verbose=true", map[string]any{"schema": `"strin"`})
	if !strings.Contains(got, `"is_compatible":false`) || !strings.Contains(got, "Invalid schema") {
		t.Errorf("got %s", got)
	}
}

func TestErrors(t *testing.T) {
	h := open(t, "", registry.Options{}).Handler()
	must(t, h, "PUT", "/config", map[string]any{"compatibility": "NONE"})
	must(t, h, "POST", "/subjects/s/versions", fixed("n.A", 1))
	must(t, h, "POST", "/subjects/s/versions", fixed("n.A", 2))
	must(t, h, "DELETE", "/subjects/s/versions/1", nil)
	refused(t, h, 40406, "DELETE", "/subjects/s/versions/1", nil)
	refused(t, h, 40407, "DELETE", "/subjects/s/versions/2?permanent=true", nil)
	refused(t, h, 40405, "DELETE", "/subjects/s?permanent=true", nil)
	refused(t, h, 40402, "GET", "/subjects/s/versions/1", nil)
	refused(t, h, 40402, "GET", "/subjects/s/versions/9", nil)
	refused(t, h, 40401, "GET", "/subjects/none/versions/1", nil)
	refused(t, h, 40401, "GET", "/subjects/none/versions", nil)
	refused(t, h, 40401, "DELETE", "/subjects/none/versions/1", nil)
	refused(t, h, 40403, "POST", "/subjects/s", fixed("n.B", 1))
	refused(t, h, 42201, "POST", "/subjects/s", map[string]any{"schema": "{"})
	refused(t, h, 42201, "POST", "/subjects/s/versions", map[string]any{"schema": ""})
	refused(t, h, 42201, "POST", "/subjects/s/versions", map[string]any{"schema": "{}", "schemaType": "JSON"})
	refused(t, h, 42208, "POST", "/subjects/__GLOBAL/versions", fixed("n.B", 1))
	refused(t, h, 42208, "POST", "/subjects/:.ctx:/versions", fixed("n.B", 1))
	refused(t, h, 42202, "GET", "/subjects/s/versions/0", nil)
	refused(t, h, 42202, "GET", "/subjects/s/versions/99999999999", nil)
	refused(t, h, 50101, "PUT", "/config/s", map[string]any{"alias": "t"})
	must(t, h, "GET", "/v1/metadata/version", nil)
	for path, want := range map[string]int{"/nope": 404, "/schemas/ids/x": 404} {
		if status, answer := send(t, h, "GET", path, nil); status != want {
			t.Errorf("%s: %d %s", path, status, answer)
		}
	}
	if status, answer := send(t, h, "PATCH", "/subjects/s", nil); status != http.StatusMethodNotAllowed {
		t.Errorf("PATCH: %d %s", status, answer)
	}
	if status, answer := call(h, "POST", "/subjects/s/versions", []byte("{")); status != http.StatusBadRequest {
		t.Errorf("broken body: %d %s", status, answer)
	}
	if got := must(t, h, "GET", "/subjects/s/versions?deletedOnly=true", nil); got != "[1]" {
		t.Errorf("deleted versions %s", got)
	}
}
