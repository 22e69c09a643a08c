package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/platform/registry"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/proto"
)

// school writes the small repository of the scripts and returns its root.
func school(t *testing.T) string {
	t.Helper()
	base, options := baseRepository(t)
	root := t.TempDir()
	for _, f := range append(base.Files, options) {
		put(t, root, f.Name, string(f.Data))
	}
	return root
}

func put(t *testing.T, root, name, text string) {
	t.Helper()
	name = filepath.Join(root, filepath.FromSlash(name))
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// plgen runs a command line and returns its exit code and what it prints.
func plgen(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Main(context.Background(), args, &out, &errs)
	return code, out.String(), errs.String()
}

const (
	schemaFile = "contracts/avro/library/v1/book_borrowed.avsc"
	protoFile  = "contracts/proto/pl/library/v1/library.proto"
)

func borrowed(fields string) string {
	return `{ "type": "record", "namespace": "pl.library.v1", "name": "BookBorrowed",
  "doc": "A student has borrowed a book.",
  "pl": { "key": "loanId" },
  "fields": [
    { "name": "loanId", "type": "string", "doc": "The loan." }` + fields + "\n  ] }\n"
}

// TestCompatAgainstARegistry compares with every version of a real registry,
// whose answer to the schema is the one that was foretold.
func TestCompatAgainstARegistry(t *testing.T) {
	r, err := registry.Open("", registry.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(r.Handler())
	defer server.Close()
	const subject = "/subjects/pl.library.book_borrowed.v1-value/versions"
	send(t, http.MethodPut, server.URL+"/config", `{"compatibility":"FULL_TRANSITIVE"}`)
	for _, fields := range []string{`, { "name": "copies", "type": "int", "default": 1, "doc": "D." }`, ""} {
		if code := send(t, http.MethodPost, server.URL+subject, schemaBody(t, borrowed(fields))); code != http.StatusOK {
			t.Fatalf("HTTP %d", code)
		}
	}
	root := school(t)
	if code, stdout, stderr := plgen(t, "compat", "--root", root, "--against", "registry:"+server.URL); code != 0 || stdout != "" {
		t.Errorf("%d %s %s", code, stdout, stderr)
	}
	next := borrowed(",\n    " + `{ "name": "copies", "type": "string", "default": "", "doc": "How many." }`)
	put(t, root, schemaFile, next)
	code, stdout, stderr := plgen(t, "compat", "--root", root, "--against", "registry:"+server.URL)
	for _, want := range []string{
		schemaFile + ":6:33: COMPAT_BACKWARD the type of copies changes",
		schemaFile + ":6:33: COMPAT_FORWARD the type of copies changes",
		"/versions/1:", ", version 1\n", "http:  409 to a new version of pl.library.book_borrowed.v1-value, whose level is FULL_TRANSITIVE",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is missing in\n%s", want, stdout)
		}
	}
	if code != exitFindings || !strings.Contains(stderr, "the protos were not compared: a schema registry has none") {
		t.Errorf("%d %s", code, stderr)
	}
	if code := send(t, http.MethodPost, server.URL+subject, schemaBody(t, next)); code != http.StatusConflict {
		t.Errorf("the registry answers HTTP %d", code)
	}
	send(t, http.MethodPut, server.URL+"/config", `{"compatibility":"BACKWARD"}`)
	if _, stdout, _ := plgen(t, "compat", "--root", root, "--against", "registry:"+server.URL); !strings.Contains(stdout, "FULL_TRANSITIVE; it has BACKWARD now, until pl-gen register sets the contract's") {
		t.Error(stdout)
	}
}

func schemaBody(t *testing.T, text string) string {
	t.Helper()
	s, err := avro.Parse(schemaFile, []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]string{"schema": string(avro.Text(s))})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func send(t *testing.T, method, url, body string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode
}

// realBuf sets PL_BUF to the buf that this repository pins. It skips loudly
// where there is none, except under CI=true.
func realBuf(t *testing.T) {
	t.Helper()
	top, err := filepath.Abs("../../../..")
	if err != nil {
		t.Fatal(err)
	}
	name, ok, err := (&proto.Buf{Root: top, Log: io.Discard}).Installed(context.Background())
	switch {
	case ok:
		t.Setenv("PL_BUF", name)
	case os.Getenv("CI") == "true":
		t.Fatalf("the pinned buf is not installed: %v; install it, or set PL_BUF", err)
	default:
		t.Skipf("NOT RUN: the pinned buf is not installed (set PL_BUF to run it): %v", err)
	}
}

// pinned lays this repository's buf.yaml and pinned tools over a school.
func pinned(t *testing.T, root string) {
	t.Helper()
	for _, name := range []string{"buf.yaml", "tools/tools.mod"} {
		text, err := os.ReadFile(filepath.Join("../../../..", name))
		if err != nil {
			t.Fatal(err)
		}
		put(t, root, name, string(text))
	}
}

const broken = `syntax = "proto3";

package pl.library.v1;

import "pl/options/v1/options.proto";

option go_package = "example.com/school/gen/proto/pl/library/v1;libraryv1";

// LibraryService lends books.
service LibraryService {
  option (pl.options.v1.context) = {
    owner: "squad-library"
    publishes: "pl.library.book_borrowed.v1"
  };
  // Borrow lends a book.
  rpc Borrow(BorrowRequest) returns (BorrowResponse) { option (pl.options.v1.access) = {allow: {public: true}}; }
}

// BorrowRequest names the book.
message BorrowRequest {
  // The book.
  int64 book_id = 1;
}

// BorrowResponse is empty.
message BorrowResponse {}
`

func TestCompatRunsBufBreaking(t *testing.T) {
	realBuf(t)
	old, root := school(t), school(t)
	pinned(t, root)
	if code, stdout, stderr := plgen(t, "compat", "--root", root, "--against", "dir:"+old); code != 0 {
		t.Errorf("%d %s %s", code, stdout, stderr)
	}
	put(t, root, protoFile, broken)
	put(t, root, schemaFile, borrowed(`, { "name": "copies", "type": "int", "doc": "How many." }`))
	code, stdout, stderr := plgen(t, "compat", "--root", root, "--against", "dir:"+old)
	if code != exitFindings || !strings.Contains(stdout, protoFile+":22:3: BUF_BREAKING ") ||
		!strings.Contains(stdout, "buf:   FIELD_") || !strings.Contains(stdout, "COMPAT_BACKWARD") {
		t.Errorf("%d\n%s%s", code, stdout, stderr)
	}
}

// TestChangedProtosAreNotLeftOutInSilence takes the buf away.
func TestChangedProtosAreNotLeftOutInSilence(t *testing.T) {
	old, root := school(t), school(t)
	pinned(t, root)
	put(t, root, protoFile, broken)
	t.Setenv("PL_BUF", "")
	t.Setenv("PATH", t.TempDir())
	t.Setenv("CI", "")
	code, stdout, stderr := plgen(t, "compat", "--root", root, "--against", "dir:"+old)
	if code != 0 || !strings.Contains(stderr, "the protos were not compared: the pinned buf is not installed") {
		t.Errorf("%d %s %s", code, stdout, stderr)
	}
	t.Setenv("CI", "true")
	if code, stdout, stderr := plgen(t, "compat", "--root", root, "--against", "dir:"+old); code != exitFailure {
		t.Errorf("%d %s %s", code, stdout, stderr)
	}
}

// TestTheWorkflowRunsTheGate holds the pull-request workflow to what compat
// needs: the whole history, the Go of go.mod, and command lines that exist.
func TestTheWorkflowRunsTheGate(t *testing.T) {
	text, err := os.ReadFile("../../../../.github/workflows/contracts.yml")
	if err != nil {
		t.Fatal(err)
	}
	var w struct {
		On   map[string]any
		Jobs map[string]struct {
			Steps []struct {
				Uses, Run string
				With      map[string]any
			}
		}
	}
	if err := yaml.Unmarshal(text, &w); err != nil {
		t.Fatal(err)
	}
	if _, ok := w.On["pull_request"]; !ok {
		t.Error("the workflow does not run for pull requests")
	}
	with := map[string]map[string]any{}
	gates := 0
	for _, s := range w.Jobs["check"].Steps {
		name, _, _ := strings.Cut(s.Uses, "@")
		with[name] = s.With
		for line := range strings.Lines(s.Run) {
			if args, ok := strings.CutPrefix(strings.TrimSpace(line), "go run ./tools/pl-gen "); ok {
				checkCommand(t, strings.Fields(strings.TrimSuffix(args, "|| true")))
				gates++
			}
		}
	}
	if with["actions/checkout"]["fetch-depth"] != 0 || with["actions/setup-go"]["go-version-file"] != "go.mod" || gates == 0 {
		t.Errorf("%v, %d command lines", with, gates)
	}
}

func checkCommand(t *testing.T, args []string) {
	t.Helper()
	cmd, rest, err := New(io.Discard, io.Discard).Find(args)
	if err == nil {
		err = cmd.ParseFlags(rest)
	}
	if err != nil || !cmd.HasParent() {
		t.Errorf("pl-gen %s: %v", strings.Join(args, " "), err)
	}
}
