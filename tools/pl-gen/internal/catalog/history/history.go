// Package history reads what git knows of schema files: the commits that
// changed them, through renames, and what each changed, field by field.
package history

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/git"
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
	blob            string // the id of text
	text            []byte
}

// ErrNoGit means that there is no history to read: git is not installed, or
// the directory is not part of a repository.
var ErrNoGit = errors.New("no git history")

// Read reads the history of the schemas below dir, a directory relative
// to the repository at root, following renames. It runs git three times,
// however many files there are. The error is ErrNoGit where there is none.
func Read(ctx context.Context, root, dir string) (*History, error) {
	repo := git.Repo{Root: root}
	shallow, err := repo.Shallow(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoGit, err)
	}
	h := &History{Shallow: shallow, today: map[string][]byte{}}
	if _, err := repo.Commit(ctx, "HEAD"); err != nil {
		return h, nil // a repository without commits
	}
	log, err := repo.Output(ctx, "log", "--raw", "-z", "--no-abbrev", "--no-color",
		"--no-ext-diff", "--relative", "-M", "--format=%x01%H%x00%cI%x00%s", "--", dir)
	if err != nil {
		return nil, fmt.Errorf("read the history of %s: %w", dir, err)
	}
	h.revisions = parse(log)
	if err := h.readToday(root); err != nil {
		return nil, err
	}
	return h, h.load(ctx, repo)
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

// load fills in the texts. Those that a partial clone lacks stay empty.
func (h *History) load(ctx context.Context, repo git.Repo) error {
	var ids []string
	for _, list := range h.revisions {
		for _, r := range list {
			ids = append(ids, r.blob)
		}
	}
	slices.Sort(ids)
	texts, err := repo.Blobs(ctx, slices.Compact(ids))
	if err != nil {
		return fmt.Errorf("read old schemas: %w", err)
	}
	for _, list := range h.revisions {
		for i := range list {
			list[i].text = texts[list[i].blob]
		}
	}
	return nil
}

// parse reads the log, newest commit first, and returns the revisions of each
// file, without their texts.
func parse(log []byte) map[string][]revision {
	p := logParser{tokens: strings.Split(string(log), "\x00"), now: map[string]string{}, revisions: map[string][]revision{}}
	for len(p.tokens) > 0 {
		p.next()
	}
	return p.revisions
}

// abbreviated is how many digits of a commit are shown: not what git chooses,
// which depends on how much the repository holds.
const abbreviated = 10

type logParser struct {
	tokens []string
	commit revision
	// now maps a path at the time of the commit to that of today; a file that
	// was deleted later has none.
	now       map[string]string
	revisions map[string][]revision
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
		r := p.commit
		r.blob = fields[3]
		p.revisions[today] = append(p.revisions[today], r)
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
