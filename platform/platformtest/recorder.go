package platformtest

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"sync"
)

// A recorder keeps the process's log for the test, and writes warnings and
// errors to the test's output.
type recorder struct {
	out io.Writer

	mu  sync.Mutex
	log bytes.Buffer
}

// Write implements [io.Writer] for a slog handler, which writes whole lines.
func (r *recorder) Write(line []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if loud(string(line)) {
		if _, err := r.out.Write(line); err != nil {
			return 0, err
		}
	}
	return r.log.Write(line)
}

func (r *recorder) logger() *slog.Logger { return slog.New(slog.NewTextHandler(r, nil)) }

// String returns the whole log.
func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.String()
}

// lastWarnings returns the newest warnings and errors, a line each.
func (r *recorder) lastWarnings() string {
	var lines []string
	for line := range strings.Lines(r.String()) {
		if loud(line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-5):], "")
}

func loud(line string) bool {
	return strings.Contains(line, "level=WARN") || strings.Contains(line, "level=ERROR")
}
