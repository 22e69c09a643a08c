// Package history reads what git knows of schema files: the commits that
// changed them, through renames, and what each changed, field by field.
package history

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// A History is what git knows of schema files. The nil History knows nothing.
type History struct {
	// Shallow is true for a clone that lacks the older commits.
	Shallow bool
	// revisions are newest first, by the file's path of today.
	revisions map[string][]revision
	// today holds the files as they are on disk, committed or not.
	today map[string][]byte
}

// A revision is a file as one commit left it.
type revision struct {
	commit, subject string
	date            time.Time
	text            []byte
}

// ErrNoGit means that there is no history to read: git is not installed, or
// the directory is not part of a repository.
var ErrNoGit = errors.New("no git history")

// Read reads the history of the schemas below dir, a directory relative
// to the repository at root, following renames. It runs git three times,
// however many files there are. The error is ErrNoGit where there is none.
func Read(ctx context.Context, root, dir string) (*History, error) {
	shallow, err := git(ctx, root, nil, "rev-parse", "--is-shallow-repository")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoGit, err)
	}
	h := &History{Shallow: strings.TrimSpace(string(shallow)) == "true", revisions: map[string][]revision{}, today: map[string][]byte{}}
	if _, err := git(ctx, root, nil, "rev-parse", "--verify", "--quiet", "HEAD"); err != nil {
		return h, nil // a repository without commits
	}
	log, err := git(ctx, root, nil, "-c", "core.quotePath=false", "-c", "log.showSignature=false", "log", "--raw", "-z", "--no-abbrev", "--no-color",
		"--no-ext-diff", "--relative", "-M", "--format=%x01%H%x00%cI%x00%s", "--", dir)
	if err != nil {
		return nil, fmt.Errorf("read the history of %s: %w", dir, err)
	}
	wanted := h.parse(log)
	if err := h.readToday(root); err != nil {
		return nil, err
	}
	return h, wanted.load(ctx, root)
}

// readToday reads the files that have a history and still exist.
func (h *History) readToday(root string) error {
	for file := range h.revisions {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
		switch {
		case err == nil:
			h.today[file] = text
		case !errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("read today's schemas: %w", err)
		}
	}
	return nil
}

// git runs git and returns what it prints.
func git(ctx context.Context, root string, stdin io.Reader, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", root}, args...)...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = stdin, &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return out, nil
}

// blobs are the contents to load, by id, with who waits for them.
type blobs map[string][]*[]byte

// parse reads the log, newest commit first, and returns the contents to load.
func (h *History) parse(log []byte) blobs {
	p := logParser{tokens: strings.Split(string(log), "\x00"), now: map[string]string{}, places: map[string][]place{}}
	for len(p.tokens) > 0 {
		p.next()
	}
	wanted := blobs{}
	for file, list := range p.places {
		revisions := make([]revision, len(list))
		for i, at := range list {
			revisions[i] = at.revision
			wanted[at.blob] = append(wanted[at.blob], &revisions[i].text)
		}
		h.revisions[file] = revisions
	}
	return wanted
}

// abbreviated is how many digits of a commit are shown: not what git chooses,
// which depends on how much the repository holds.
const abbreviated = 10

// A place is a revision and where its text is.
type place struct {
	revision
	blob string
}

type logParser struct {
	tokens []string
	commit revision
	// now maps a path at the time of the commit to that of today; a file that
	// was deleted later has none.
	now    map[string]string
	places map[string][]place
}

func (p *logParser) take() string {
	if len(p.tokens) == 0 {
		return ""
	}
	t := p.tokens[0]
	p.tokens = p.tokens[1:]
	return t
}

func (p *logParser) next() {
	switch t := strings.TrimPrefix(p.take(), "\n"); {
	case strings.HasPrefix(t, "\x01"):
		p.commit = revision{commit: t[1:min(len(t), 1+abbreviated)]}
		p.commit.date, _ = time.Parse(time.RFC3339, p.take()) // git's own output; a zero date shows
		p.commit.subject = p.take()
	case strings.HasPrefix(t, ":"):
		p.change(strings.Fields(t[1:]))
	}
}

// change reads one changed file: modes, blobs and status, then its path, and
// for a rename the new one.
func (p *logParser) change(fields []string) {
	if len(fields) != 5 {
		return
	}
	from := p.take()
	to := from
	if strings.HasPrefix(fields[4], "R") || strings.HasPrefix(fields[4], "C") {
		to = p.take()
	}
	today, known := p.now[to]
	if !known {
		today = to
	}
	if path.Ext(to) == ".avsc" && fields[4] != "D" {
		p.places[today] = append(p.places[today], place{p.commit, fields[3]})
	}
	switch fields[4][0] {
	case 'R':
		p.now[from] = today
		p.now[to] = to + " before " + p.commit.commit
	case 'A', 'C':
		// What had this path before is another file.
		p.now[to] = to + " before " + p.commit.commit
	}
}

// load fills in the contents by one run of git cat-file.
func (b blobs) load(ctx context.Context, root string) error {
	if len(b) == 0 {
		return nil
	}
	var ids bytes.Buffer
	for id := range b {
		ids.WriteString(id + "\n")
	}
	out, err := git(ctx, root, &ids, "cat-file", "--batch")
	if err != nil {
		return fmt.Errorf("read old schemas: %w", err)
	}
	r := bufio.NewReader(bytes.NewReader(out))
	for range b {
		if err := b.read(r); err != nil {
			return fmt.Errorf("read old schemas: %w", err)
		}
	}
	return nil
}

// read reads one answer, "<id> blob <size>" and the content; a blob that a
// partial clone lacks stays empty.
func (b blobs) read(r *bufio.Reader) error {
	header, err := r.ReadString('\n')
	if err != nil {
		return err
	}
	var id, kind string
	var size int
	if n, _ := fmt.Sscan(header, &id, &kind, &size); n != 3 {
		return nil
	}
	text := make([]byte, size+1)
	if _, err := io.ReadFull(r, text); err != nil {
		return err
	}
	for _, to := range b[id] {
		*to = text[:size]
	}
	return nil
}
