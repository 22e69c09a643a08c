package history

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/pulselearn/campus-hub/platform/registry"
)

// serve starts the embedded registry, in memory.
func serve(t *testing.T) string {
	t.Helper()
	r, err := registry.Open("", registry.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(r.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return server.URL
}

type reference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

func register(t *testing.T, url, subject, schema string, refs ...reference) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"schema": schema, "references": refs})
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Post(url+"/subjects/"+subject+"/versions", "application/vnd.schemaregistry.v1+json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("register %s: %s: %s %v", subject, res.Status, text, err)
	}
}

const subject = "pl.library.book_borrowed.v1-value"

func borrowed(fields ...string) string {
	return `{"type":"record","name":"BookBorrowed","namespace":"pl.library.v1","pl":{"key":"loanId","retention":"30d"},"fields":[` +
		strings.Join(append([]string{`{"name":"loanId","type":"string"}`}, fields...), ",") + `]}`
}

func open(t *testing.T, against string) *Base {
	t.Helper()
	var log strings.Builder
	b, err := Open(context.Background(), t.TempDir(), against, &log)
	if err != nil || log.Len() > 0 {
		t.Fatalf("%v\n%s", err, log.String())
	}
	return b
}

func TestARegistryHasEveryVersion(t *testing.T) {
	url := serve(t)
	for i := range 4 {
		register(t, url, subject, borrowed(fmt.Sprintf(`{"name":"f%d","type":"int","default":0}`, i)))
	}
	register(t, url, "somebody-elses-value", `"string"`)
	b := open(t, "registry:"+url+"/")
	if len(b.Model.Events) != 1 || b.Complete || !b.Registered {
		t.Fatalf("%+v", b)
	}
	e := b.Event("pl.library.book_borrowed.v1")
	if e.Key == nil || e.Key.Name != "loanId" || e.Schema.Fields[1].Name != "f3" || !strings.HasSuffix(e.Schema.NamePos.File, "/subjects/"+subject+"/versions/4") {
		t.Errorf("%+v", e)
	}
	older, err := b.Older(context.Background(), e)
	var got []string
	for _, v := range older {
		got = append(got, v.Name+" "+v.Event.Schema.Fields[1].Name)
	}
	if want := []string{"version 3 f2", "version 2 f1", "version 1 f0"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestReferencesAreFollowed(t *testing.T) {
	url := serve(t)
	register(t, url, "common", `{"type":"record","name":"Ref","namespace":"pl.common.v1","fields":[{"name":"id","type":"string"}]}`)
	register(t, url, subject, borrowed(`{"name":"who","type":"pl.common.v1.Ref"}`), reference{"pl.common.v1.Ref", "common", 1})
	e := open(t, "registry:"+url).Event("pl.library.book_borrowed.v1")
	if e == nil || e.Schema.Fields[1].Type.Fields[0].Name != "id" {
		t.Errorf("%+v", e)
	}
}

func TestARegistryThatAnswersOtherwiseIsAnError(t *testing.T) {
	for name, c := range map[string]struct {
		status       int
		answer, want string
	}{
		"not found":    {404, `{"error_code":404,"message":"no"}`, "HTTP 404"},
		"no JSON":      {200, "<html>", "not what Confluent's API says"},
		"another type": {200, `{"subjects":[]}`, "not what Confluent's API says"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.answer)
			}))
			defer server.Close()
			_, err := Open(context.Background(), "", "registry:"+server.URL, io.Discard)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := Open(context.Background(), "", "registry:http://user:secret@127.0.0.1:1", io.Discard); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}
