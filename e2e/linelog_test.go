//go:build unix

package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"
	"sync"
)

// A lineLog collects what the runs of one program write to stderr, in a file
// and line by line.
type lineLog struct {
	mu    sync.Mutex
	file  *os.File
	lines []logLine
	watch []*watcher
}

// A logLine is one line and the run that wrote it, counted from 1.
type logLine struct {
	run  int
	text string
}

// A watcher waits for a line.
type watcher struct {
	match func(string) bool
	found chan struct{}
}

func newLineLog(path string) (*lineLog, error) {
	file, err := os.Create(path)
	return &lineLog{file: file}, err
}

func (l *lineLog) Close() error { return l.file.Close() }

// writer returns the stderr of one run.
func (l *lineLog) writer(run int) io.Writer { return &runWriter{log: l, run: run} }

type runWriter struct {
	log  *lineLog
	run  int
	rest []byte
}

func (w *runWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		line, rest, ok := bytes.Cut(w.rest, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		w.log.add(logLine{w.run, string(line)})
		w.rest = rest
	}
}

func (l *lineLog) add(line logLine) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	_, _ = l.file.WriteString(line.text + "\n") // for people; the test works on lines
	for i := 0; i < len(l.watch); i++ {
		if l.watch[i].match(line.text) {
			close(l.watch[i].found)
			l.watch = append(l.watch[:i], l.watch[i+1:]...)
			i--
		}
	}
}

// next returns a channel that is closed at the next line that contains text.
func (l *lineLog) next(text string) <-chan struct{} {
	w := &watcher{match: func(line string) bool { return strings.Contains(line, text) }, found: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watch = append(l.watch, w)
	return w.found
}

// all returns the lines so far.
func (l *lineLog) all() []logLine {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]logLine(nil), l.lines...)
}

// tail returns the last n lines.
func (l *lineLog) tail(n int) string {
	lines := l.all()
	var b strings.Builder
	for _, line := range lines[max(0, len(lines)-n):] {
		b.WriteString(line.text + "\n")
	}
	return b.String()
}

// A record is one line of a log in JSON, as far as the tests look at it.
type record struct {
	Msg       string `json:"msg"`
	Consumer  string `json:"consumer"`
	Topic     string `json:"topic"`
	Partition int    `json:"partition"`
	Offset    int64  `json:"offset"`
	EventID   string `json:"event_id"`
}

// records returns the lines that are JSON records with that message.
func (l *lineLog) records(msg string) map[int][]record {
	found := map[int][]record{}
	for _, line := range l.all() {
		var r record
		if json.Unmarshal([]byte(line.text), &r) == nil && r.Msg == msg {
			found[line.run] = append(found[line.run], r)
		}
	}
	return found
}

// lockedText collects output.
type lockedText struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (t *lockedText) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.Write(p)
}

func (t *lockedText) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.String()
}
