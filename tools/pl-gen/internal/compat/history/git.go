package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"golang.org/x/tools/txtar"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/git"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// ErrShallow means that a checkout does not have what was published before.
var ErrShallow = errors.New("this checkout is shallow, and a transitive level asks about all versions; " +
	"run \"git fetch --unshallow\", and in GitHub Actions give actions/checkout \"fetch-depth: 0\"")

// A repo is where a base is looked for.
type repo struct{ git.Repo }

// openDefault compares with the commit at which HEAD left the main branch.
func openDefault(ctx context.Context, root string) (*Base, error) {
	r := repo{git.Repo{Root: root}}
	if _, err := r.Line(ctx, "rev-parse", "--git-dir"); err != nil {
		return nil, fmt.Errorf("%w: this is no git repository (%w); name it with --against git:REF, dir:PATH or registry:URL", ErrNothing, err)
	}
	refs := []string{"origin/main", "main"}
	if base := os.Getenv("GITHUB_BASE_REF"); base != "" {
		refs = []string{"origin/" + base}
	}
	for _, ref := range refs {
		if _, err := r.Commit(ctx, ref); err != nil {
			continue
		}
		commit, err := r.Line(ctx, "merge-base", "HEAD", ref)
		if err != nil {
			return nil, r.unreachable(ctx, ref, err)
		}
		return r.open(ctx, commit, fmt.Sprintf("git:%.12s, where HEAD left %s", commit, ref), "where HEAD left "+ref)
	}
	return nil, r.unreachable(ctx, refs[0], fmt.Errorf("%w: there is no branch %s", ErrNothing, strings.Join(refs, " or ")))
}

// unreachable says what to do about a commit that is not here. In a shallow
// checkout there is something to compare with, so it is not ErrNothing.
func (r repo) unreachable(ctx context.Context, ref string, why error) error {
	if shallow, err := r.Shallow(ctx); err != nil || !shallow {
		return fmt.Errorf("find what to compare with: %w; name it with --against git:REF, or fetch it", why)
	}
	branch := strings.TrimPrefix(ref, "origin/")
	return fmt.Errorf("find what to compare with: this checkout is shallow and does not reach %s (%v); "+
		"run \"git fetch --unshallow origin +refs/heads/%s:refs/remotes/origin/%s\", and in GitHub Actions give actions/checkout \"fetch-depth: 0\"",
		ref, why, branch, branch)
}

func openGit(ctx context.Context, root, ref string) (*Base, error) {
	r := repo{git.Repo{Root: root}}
	commit, err := r.Commit(ctx, ref)
	if err != nil {
		return nil, r.unreachable(ctx, ref, fmt.Errorf("there is no commit %s", ref))
	}
	return r.open(ctx, commit, fmt.Sprintf("git:%s (%.12s)", ref, commit), "git:"+ref)
}

func (r repo) open(ctx context.Context, commit, name, label string) (*Base, error) {
	tree, err := r.tree(ctx, commit, "contracts", "go.mod", "buf.yaml")
	if err != nil {
		return nil, err
	}
	h := &gitHistory{repo: r, commit: commit, tree: tree, texts: map[string][]byte{}}
	if err := h.fetch(ctx, tree); err != nil {
		return nil, err
	}
	fsys, err := h.fs(tree)
	if err != nil {
		return nil, err
	}
	b := &Base{Name: name, Label: label, Complete: true, older: h.older, code: h.code, migrations: h.migrations}
	return b, b.load(fsys)
}

// A tree maps paths, relative to the root, to the ids of their blobs. The
// recorded bytes of the museum are no part of it.
type tree map[string]string

func (r repo) tree(ctx context.Context, commit string, paths ...string) (tree, error) {
	text, err := r.Output(ctx, append([]string{"ls-tree", "-r", "-z", commit, "--"}, paths...)...)
	if err != nil {
		return nil, err
	}
	t := tree{}
	for entry := range strings.SplitSeq(strings.TrimSuffix(string(text), "\x00"), "\x00") {
		meta, path, _ := strings.Cut(entry, "\t")
		if f := strings.Fields(meta); len(f) == 3 && f[1] == "blob" && f[0] != "120000" && !strings.HasSuffix(path, ".hex") {
			t[path] = f[2]
		}
	}
	return t, nil
}

// A gitHistory is what led to a commit. It reads each blob once.
type gitHistory struct {
	repo
	commit string
	tree   tree
	texts  map[string][]byte
	states []state
}

// A state is the schemas after a commit of the first-parent line.
type state struct {
	name string
	tree tree
}

// fetch reads the blobs of a tree that are not read yet.
func (h *gitHistory) fetch(ctx context.Context, t tree) error {
	var ids []string
	for _, id := range t {
		if _, ok := h.texts[id]; !ok {
			ids = append(ids, id)
		}
	}
	texts, err := h.Blobs(ctx, ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		text, ok := texts[id]
		if !ok {
			return fmt.Errorf("read objects of git: %s is missing; in a partial clone run \"git fetch --refetch\"", id)
		}
		h.texts[id] = text
	}
	return nil
}

func (h *gitHistory) fs(t tree) (fs.FS, error) {
	a := &txtar.Archive{}
	for path, id := range t {
		a.Files = append(a.Files, txtar.File{Name: path, Data: h.texts[id]})
	}
	slices.SortFunc(a.Files, func(x, y txtar.File) int { return cmp.Compare(x.Name, y.Name) })
	return txtar.FS(a)
}

func (h *gitHistory) code(ctx context.Context) (fs.FS, error) {
	return h.services(ctx, func(path string) bool { return strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") })
}

func (h *gitHistory) migrations(ctx context.Context) (fs.FS, error) {
	return h.services(ctx, func(path string) bool { return strings.Contains(path, "/migrations/") })
}

// services returns the files under services that keep wants.
func (h *gitHistory) services(ctx context.Context, keep func(path string) bool) (fs.FS, error) {
	t, err := h.repo.tree(ctx, h.commit, "services")
	if err != nil {
		return nil, err
	}
	for path := range t {
		if !keep(path) {
			delete(t, path)
		}
	}
	if err := h.fetch(ctx, t); err != nil {
		return nil, err
	}
	return h.fs(t)
}

// older returns the versions that an event had on the way to the commit.
func (h *gitHistory) older(ctx context.Context, e *model.Event) ([]Version, error) {
	if err := h.walk(ctx); err != nil {
		return nil, err
	}
	var versions []Version
	known := ""
	for _, s := range h.states {
		if id := s.tree[e.File]; id == "" || h.closure(s.tree, e.File) == known {
			continue
		}
		known = h.closure(s.tree, e.File)
		v, err := h.version(ctx, s, e.File)
		if err == nil { // a version with faults was never published
			versions = append(versions, v)
		} else if ctx.Err() != nil {
			return nil, err
		}
	}
	return distinct(e, versions), nil
}

// closure tells apart states in which an event may have different texts.
func (h *gitHistory) closure(t tree, file string) string {
	parts := []string{t[file]}
	for path, id := range t {
		if strings.HasPrefix(path, source.CommonRoot+"/") {
			parts = append(parts, path+id)
		}
	}
	slices.Sort(parts[1:])
	return strings.Join(parts, "\n")
}

func (h *gitHistory) version(ctx context.Context, s state, file string) (Version, error) {
	want := tree{file: s.tree[file]}
	for path, id := range s.tree {
		if strings.HasPrefix(path, source.CommonRoot+"/") && strings.HasSuffix(path, ".avsc") {
			want[path] = id
		}
	}
	if err := h.fetch(ctx, want); err != nil {
		return Version{}, err
	}
	var shared []avro.File
	for path, id := range want {
		if path != file {
			shared = append(shared, avro.File{Name: path, Text: h.texts[id]})
		}
	}
	slices.SortFunc(shared, func(a, b avro.File) int { return cmp.Compare(a.Name, b.Name) })
	e, err := parseEvent(file, avro.File{Name: file, Text: h.texts[want[file]]}, shared)
	return Version{Name: s.name, Event: e}, err
}

// walk goes back from the commit along the first parents, undoing the changes
// of each commit. A shallow checkout does not know what was published before.
func (h *gitHistory) walk(ctx context.Context) error {
	if h.states != nil {
		return nil
	}
	shallow, err := h.Shallow(ctx)
	if err != nil {
		return err
	}
	if shallow {
		return ErrShallow
	}
	text, err := h.Output(ctx, "log", "--first-parent", "-m", "--raw", "--no-abbrev", "--no-renames", "--relative",
		"--format=%H of %cs", h.commit, "--", source.AvroRoot)
	if err != nil {
		return err
	}
	h.undo(string(text))
	return nil
}

func (h *gitHistory) undo(log string) {
	now := tree{}
	for path, id := range h.tree {
		if strings.HasPrefix(path, source.AvroRoot+"/") {
			now[path] = id
		}
	}
	h.states = []state{}
	for line := range strings.Lines(log) {
		line = strings.TrimRight(line, "\n")
		change, path, isChange := strings.Cut(line, "\t")
		words := strings.Fields(change)
		switch {
		case !isChange && line != "":
			id, date, _ := strings.Cut(line, " ")
			h.states = append(h.states, state{fmt.Sprintf("%.12s %s", id, date), now})
			now = maps.Clone(now)
		case isChange && len(words) == 5 && strings.Trim(words[2], "0") == "":
			delete(now, path)
		case isChange && len(words) == 5:
			now[path] = words[2]
		}
	}
}
