package registry_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/registry"
)

const logFile = "registry.log"

func open(t testing.TB, dir string, opts registry.Options) *registry.Registry {
	t.Helper()
	r, err := registry.Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// must sends a request that has to succeed and returns the answer.
func must(t testing.TB, h http.Handler, method, path string, body any) string {
	t.Helper()
	status, answer := send(t, h, method, path, body)
	if status != http.StatusOK {
		t.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
	return answer
}

func send(t testing.TB, h http.Handler, method, path string, body any) (int, string) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	status, answer := call(h, method, path, text)
	return status, string(answer)
}

// refused sends a request that has to fail with a code.
func refused(t testing.TB, h http.Handler, code int, method, path string, body any) {
	t.Helper()
	status, answer := send(t, h, method, path, body)
	if status != code/100 || !strings.Contains(answer, fmt.Sprintf(`"error_code":%d,`, code)) {
		t.Fatalf("%s %s: %d %s, want %d", method, path, status, answer, code)
	}
}

func fixed(name string, size int) map[string]any {
	return map[string]any{"schema": fmt.Sprintf(`{"type":"fixed","name":%q,"size":%d}`, name, size)}
}

// dump is everything that a client can see.
func dump(t testing.TB, h http.Handler) string {
	t.Helper()
	var b strings.Builder
	for _, path := range []string{"/subjects?deleted=true", "/schemas?deleted=true&subjectPrefix=:*:", "/schemas?subjectPrefix=:*:", "/contexts", "/config", "/mode", "/config/a?defaultToGlobal=true",
		"/mode/b?defaultToGlobal=true", "/schemas/ids/1?fetchMaxId=true", "/schemas/ids/1?fetchMaxId=true&subject=:.x:"} {
		status, answer := send(t, h, http.MethodGet, path, nil)
		fmt.Fprintf(&b, "%s %d %s\n", path, status, answer)
	}
	return b.String()
}

// history is a change of every kind; each one writes one entry.
func history() []struct {
	method, path string
	body         any
} {
	type change = struct {
		method, path string
		body         any
	}
	return []change{
		{"PUT", "/config", map[string]any{"compatibility": "none"}},
		{"POST", "/subjects/a/versions", fixed("n.A", 1)},
		{"POST", "/subjects/a/versions", fixed("n.A", 2)},
		{"POST", "/subjects/:.x:a/versions", fixed("n.A", 2)},
		{"POST", "/subjects/b/versions", map[string]any{"schema": `{"type":"array","items":"n.A"}`,
			"references": []any{map[string]any{"name": "n.A", "subject": "a", "version": -1}}, "metadata": map[string]any{"properties": map[string]any{"k": "v"}}}},
		{"PUT", "/config/a", map[string]any{"compatibility": "FULL", "normalize": true}},
		{"PUT", "/mode/b", map[string]any{"mode": "READONLY"}},
		{"DELETE", "/subjects/a/versions/1", nil},
		{"DELETE", "/subjects/a/versions/1?permanent=true", nil},
		{"DELETE", "/mode/b", nil},
		{"DELETE", "/subjects/b", nil},
		{"DELETE", "/config/a", nil},
		{"POST", "/subjects/b/versions", fixed("n.B", 7)},
	}
}

func TestReopen(t *testing.T) {
	dir := t.TempDir()
	r, err := registry.Open(dir, registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range history() {
		must(t, r.Handler(), c.method, c.path, c.body)
	}
	before := dump(t, r.Handler())
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if after := dump(t, open(t, dir, registry.Options{}).Handler()); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// TestTornLog cuts the log at every byte of its header and of its last entry,
// and at some of the others, as a killed process or a lost power may,
// with and without rubbish after it. What was complete is there, the rest is
// gone, and the registry works.
func TestTornLog(t *testing.T) {
	whole, states, ends := recordHistory(t)
	for size := range len(whole) + 1 {
		if size > 60 && size < ends[len(ends)-2] && size%17 != 0 {
			continue
		}
		complete := 0
		for complete < len(ends) && ends[complete] <= size {
			complete++
		}
		for name, tail := range map[string]string{"cut": "", "zeros": "\x00\x00\x00\x00", "rubbish": "\xff7 {\x00"} {
			if complete > 0 && ends[complete-1] == size || size == 0 {
				tail = "" // the file ends with an entry: nothing is torn
			}
			if size < len("campus-hub schema registry log, format 1\n") && tail != "" {
				continue // rubbish in the header is not a torn one
			}
			checkTorn(t, fmt.Sprintf("%s at %d", name, size), whole[:size]+tail, states[complete])
		}
	}
}

// recordHistory returns the log of the history, what is visible after each of
// its changes, and where each entry ends.
func recordHistory(t *testing.T) (whole string, states []string, ends []int) {
	dir := t.TempDir()
	r := open(t, dir, registry.Options{})
	states = append(states, dump(t, r.Handler()))
	for _, c := range history() {
		must(t, r.Handler(), c.method, c.path, c.body)
		text, err := os.ReadFile(filepath.Join(dir, logFile))
		if err != nil {
			t.Fatal(err)
		}
		if len(ends) > 0 && ends[len(ends)-1] == len(text) {
			t.Fatalf("%s %s wrote nothing", c.method, c.path)
		}
		whole, ends, states = string(text), append(ends, len(text)), append(states, dump(t, r.Handler()))
	}
	return whole, states, ends
}

func checkTorn(t *testing.T, what, text, want string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, logFile), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r, err := registry.Open(dir, registry.Options{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got := dump(t, r.Handler()); got != want {
			t.Fatalf("%s: got\n%s\nwant\n%s", what, got, want)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	r := open(t, dir, registry.Options{})
	must(t, r.Handler(), "POST", "/subjects/new/versions", fixed("n.New", 3))
}

func TestDamagedLogIsRefused(t *testing.T) {
	whole, _, ends := recordHistory(t)
	for _, at := range []int{3, ends[0] - 10, ends[3] + 2, ends[4] - 1} {
		dir := t.TempDir()
		damaged := []byte(whole)
		damaged[at] ^= 0x20
		if err := os.WriteFile(filepath.Join(dir, logFile), damaged, 0o644); err != nil {
			t.Fatal(err)
		}
		r, err := registry.Open(dir, registry.Options{})
		if err == nil {
			t.Errorf("damage at %d goes unnoticed", at)
			_ = r.Close()
			continue
		}
		if left, _ := os.ReadFile(filepath.Join(dir, logFile)); !bytes.Equal(left, damaged) {
			t.Errorf("damage at %d: the file was changed", at)
		}
	}
}

func TestTornEntryIsLogged(t *testing.T) {
	dir := t.TempDir()
	whole, _, _ := recordHistory(t)
	if err := os.WriteFile(filepath.Join(dir, logFile), []byte(whole[:len(whole)-5]), 0o644); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	open(t, dir, registry.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if !strings.Contains(log.String(), "cut off an entry") {
		t.Errorf("logged %q", log.String())
	}
}

func TestOneProcessADirectory(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, registry.Options{})
	if _, err := registry.Open(dir, registry.Options{}); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("got %v", err)
	}
}

func TestClosedRegistryRefusesChanges(t *testing.T) {
	r, err := registry.Open(t.TempDir(), registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	refused(t, r.Handler(), 50001, "POST", "/subjects/a/versions", fixed("n.A", 1))
	must(t, r.Handler(), "GET", "/subjects", nil)
}

// TestConcurrentRegistration registers the same schemas from many clients at
// once: each schema gets one id and one version a subject.
func TestConcurrentRegistration(t *testing.T) {
	const clients, schemas = 8, 40
	r := open(t, t.TempDir(), registry.Options{})
	h := r.Handler()
	must(t, h, "PUT", "/config", map[string]any{"compatibility": "NONE"})
	answers := make([][]string, clients)
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for i := range schemas {
				n := (i*7 + c*5) % schemas
				answer := must(t, h, "POST", fmt.Sprintf("/subjects/s%d/versions", n%4), fixed("n.A", n))
				answers[c] = append(answers[c], fmt.Sprint(n, answer))
				must(t, h, "GET", "/subjects?deleted=true", nil)
				refused(t, h, 40401, "POST", fmt.Sprintf("/subjects/:.c%d-%d:s", c, i), fixed("n.A", n))
			}
			slices.Sort(answers[c])
		})
	}
	wg.Wait()
	for c := range answers {
		if !slices.Equal(answers[0], answers[c]) {
			t.Errorf("clients were told different ids:\n%v\n%v", answers[0], answers[c])
		}
	}
	if got := must(t, h, "GET", "/contexts", nil); got != `["."]` {
		t.Errorf("questions made contexts: %s", got)
	}
	for s := range 4 {
		var versions []int
		if err := json.Unmarshal([]byte(must(t, h, "GET", fmt.Sprintf("/subjects/s%d/versions", s), nil)), &versions); err != nil {
			t.Fatal(err)
		}
		if len(versions) != schemas/4 || versions[len(versions)-1] != schemas/4 {
			t.Errorf("subject s%d has versions %v", s, versions)
		}
	}
}

// TestManySubjects keeps the registry fast with 10,000 subjects: a request
// must not look at all of them.
func TestManySubjects(t *testing.T) {
	r := open(t, "", registry.Options{})
	h := r.Handler()
	round := func(from, to int) time.Duration {
		start := time.Now()
		for i := from; i < to; i++ {
			subject := fmt.Sprintf("/subjects/subject-%d", i)
			must(t, h, "POST", subject+"/versions", fixed("n.A", i))
			must(t, h, "POST", subject, fixed("n.A", i))
			must(t, h, "GET", fmt.Sprintf("/schemas/ids/%d/versions", i+1), nil)
		}
		return time.Since(start)
	}
	first := round(0, 1000)
	round(1000, 9000)
	if last := round(9000, 10_000); last > 10*first+time.Second {
		t.Errorf("the first 1,000 subjects took %v, the last of 10,000 took %v", first, last)
	}
}

func BenchmarkRegister(b *testing.B) {
	for name, dir := range map[string]string{"memory": "", "disk": b.TempDir()} {
		b.Run(name, func(b *testing.B) {
			if dir != "" {
				dir = b.TempDir()
			}
			h := open(b, dir, registry.Options{}).Handler()
			for i := 0; b.Loop(); i++ {
				must(b, h, "POST", fmt.Sprintf("/subjects/s%d/versions", i), fixed("n.A", i))
			}
		})
	}
}
