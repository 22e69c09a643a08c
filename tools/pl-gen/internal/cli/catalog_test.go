package cli

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCatalogServeFollowsTheContracts edits a contract between two requests.
func TestCatalogServeFollowsTheContracts(t *testing.T) {
	root := t.TempDir()
	base, options := baseRepository(t)
	for _, f := range append(base.Files, options) {
		if err := layUnder(root, f); err != nil {
			t.Fatal(err)
		}
	}
	url, stop := serveCatalog(t, root)
	const page = "events/pl.library.book_borrowed.v1.html"
	if status, text := get(t, url+page); status != 200 || !strings.Contains(text, "BookBorrowed") {
		t.Fatalf("%d %s", status, text)
	}
	name := filepath.Join(root, "contracts/avro/library/v1/book_borrowed.avsc")
	replace(t, name, `"doc": "A student has borrowed a book."`, `"doc": "Somebody has borrowed a very good book."`)
	if status, text := get(t, url+page); status != 200 || !strings.Contains(text, "a very good book") {
		t.Errorf("after an edit: %d %s", status, text)
	}
	replace(t, name, `"type": "record"`, `"type": "recor"`)
	if status, text := get(t, url); status != 500 || !strings.Contains(text, "book_borrowed.avsc:1:") || !strings.Contains(text, "pl-gen lint") {
		t.Errorf("with an error: %d %s", status, text)
	}
	if err := stop(); err != nil {
		t.Errorf("stopped: %v", err)
	}
}

// serveCatalog runs catalog serve and returns its address, and a function that
// stops it.
func serveCatalog(t *testing.T, root string) (url string, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	stderr, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		cmd := New(io.Discard, w)
		cmd.SetArgs([]string{"--root", root, "catalog", "serve", "--addr", "127.0.0.1:0"})
		done <- cmd.ExecuteContext(ctx)
		w.Close()
	}()
	lines := bufio.NewReader(stderr)
	first, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	url = regexp.MustCompile(`http://\S+/`).FindString(first)
	if url == "" {
		t.Fatalf("no address in %q", first)
	}
	return url, func() error { cancel(); return <-done }
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url) //nolint:noctx // the server is this test's own
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func replace(t *testing.T, name, old, new string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		t.Fatalf("%s does not hold %q:\n%s", name, old, text)
	}
	if err := os.WriteFile(name, []byte(strings.Replace(string(text), old, new, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}
