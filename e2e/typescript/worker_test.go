//go:build unix

package typescript

import (
	"bufio"
	"bytes"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/e2e/faults"
)

// A worker is one process of the service platform/ts/test/programs/group.ts,
// which can end and begin many times.
type worker struct {
	t      *testing.T
	number int
	env    []string
	said   chan<- said
	now    *faults.Process
	errors lockedBuffer
}

// Said is one line of a worker: "ready", "closed", or which event a handler
// runs.
type said struct {
	worker                    int
	what, consumer, title, id string
	partition, attempt        int
}

func (w *worker) start() {
	w.t.Helper()
	cmd := exec.Command("node", Program("group"))
	cmd.Env = append(cmd.Environ(), w.env...)
	cmd.Stderr = &w.errors
	out := &lineWriter{hear: func(line string) { w.said <- w.parse(line) }}
	cmd.Stdout = out
	var err error
	if w.now, err = faults.Run(cmd); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = w.now.Kill() })
}

func (w *worker) parse(line string) said {
	words := strings.Fields(line)
	s := said{worker: w.number, what: words[0]}
	if s.what != "run" || len(words) != 6 {
		return s
	}
	s.consumer, s.title, s.id = words[1], words[4], words[5]
	s.partition, _ = strconv.Atoi(words[2])
	s.attempt, _ = strconv.Atoi(words[3])
	return s
}

// kill ends the worker where it is.
func (w *worker) kill() {
	w.t.Helper()
	if err := w.now.Kill(); err != nil {
		w.t.Fatal(err)
	}
}

// terminate asks the worker to end.
func (w *worker) terminate() {
	w.t.Helper()
	if err := w.now.Terminate(25 * time.Second); err != nil {
		w.t.Fatal(err)
	}
}

// A lineWriter hands on whole lines.
type lineWriter struct {
	hear func(line string)
	rest []byte
}

func (l *lineWriter) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		end := bytes.IndexByte(l.rest, '\n')
		if end < 0 {
			return len(p), nil
		}
		if line := string(l.rest[:end]); strings.TrimSpace(line) != "" {
			l.hear(line)
		}
		l.rest = l.rest[end+1:]
	}
}

// A lockedBuffer holds what a process said on its standard error.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// tail returns the last lines.
func (b *lockedBuffer) tail(n int) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var lines []string
	for s := bufio.NewScanner(bytes.NewReader(b.buf.Bytes())); s.Scan(); {
		lines = append(lines, s.Text())
	}
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
