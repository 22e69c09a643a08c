package cli

import (
	"bufio"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A watched is a pl-gen that runs until it is stopped, line by line.
type watched struct {
	t     *testing.T
	lines *bufio.Scanner
	done  chan int
}

func watch(t *testing.T, args ...string) (*watched, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // a line that never comes is a failure that says what came
	r, w := io.Pipe()
	p := &watched{t, bufio.NewScanner(r), make(chan int, 1)}
	go func() {
		p.done <- Main(ctx, args, w, w)
		w.Close()
	}()
	return p, cancel
}

// until reads lines up to one that holds the text.
func (p *watched) until(text string) {
	p.t.Helper()
	var seen []string
	for p.lines.Scan() {
		if strings.Contains(p.lines.Text(), text) {
			return
		}
		seen = append(seen, p.lines.Text())
	}
	p.t.Fatalf("it ended without %q; it said:\n%s", text, strings.Join(seen, "\n"))
}

func TestWatch(t *testing.T) {
	root := t.TempDir()
	base, _ := baseRepository(t)
	for _, f := range base.Files {
		if strings.HasSuffix(f.Name, ".proto") {
			continue
		}
		if err := layUnder(root, f); err != nil {
			t.Fatal(err)
		}
	}
	const schema = "contracts/avro/library/v1/book_borrowed.avsc"
	text, err := os.ReadFile(filepath.Join(root, schema))
	if err != nil {
		t.Fatal(err)
	}
	put := func(name string, old, new string) {
		t.Helper()
		changed := strings.ReplaceAll(string(text), old, new)
		full := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(changed), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p, stop := watch(t, "generate", "--watch", "--root", root)
	defer stop()
	p.until(" created, 0 updated, 0 deleted")
	p.until("up to date; watching")
	put(schema, "has borrowed", "has really borrowed")
	p.until("update gen/event/library/v1/book_borrowed.event.go")
	p.until("up to date; watching")
	put(schema, `"string"`, `"strin"`)
	p.until("AVRO_UNKNOWN_TYPE")
	p.until("nothing was written; watching")
	put(schema, "has borrowed", "has borrowed again")
	p.until("update gen/event/library/v1/book_borrowed.event.go")
	p.until("up to date; watching")
	put("contracts/avro/shelf/v1/book_shelved.avsc", "", "")
	put("contracts/avro/shelf/v1/book_shelved.avsc", "BookBorrowed", "BookShelved")
	p.until("nothing was written; watching")
	stop()
	for p.lines.Scan() {
	}
	if code := <-p.done; code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}
