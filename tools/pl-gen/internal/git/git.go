// Package git reads repositories with the git command. It changes nothing and
// checks nothing out.
package git

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// A Repo is the repository that the directory Root is in. It is safe for
// concurrent use.
type Repo struct{ Root string }

// settings keep what git prints from depending on who runs it.
var settings = []string{"-c", "core.quotePath=false", "-c", "log.showSignature=false"}

// Output runs a git command in Root and returns what it prints. Nothing of the
// user's language or of how paths are quoted is in it. The error has what git
// says about its cause.
func (r Repo) Output(ctx context.Context, args ...string) ([]byte, error) {
	return r.answer(ctx, nil, args...)
}

func (r Repo) answer(ctx context.Context, question []byte, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", slices.Concat([]string{"-C", r.Root}, settings, args)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "GIT_OPTIONAL_LOCKS=0")
	cmd.Stdin = bytes.NewReader(question)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("run git %s: %w: %s", args[0], err, bytes.TrimSpace(stderr.Bytes()))
	}
	return text, nil
}

// Line is Output of a command that prints one line, without its end.
func (r Repo) Line(ctx context.Context, args ...string) (string, error) {
	text, err := r.Output(ctx, args...)
	return strings.TrimSpace(string(text)), err
}

// Commit returns the full id of the commit that ref names.
func (r Repo) Commit(ctx context.Context, ref string) (string, error) {
	return r.Line(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", ref+"^{commit}")
}

// Shallow reports whether the repository lacks its older commits.
func (r Repo) Shallow(ctx context.Context) (bool, error) {
	text, err := r.Line(ctx, "rev-parse", "--is-shallow-repository")
	return text == "true", err
}

// Blobs returns the contents of the objects, by id, with one run of git. Those
// that the repository lacks, as a partial clone may, are left out.
func (r Repo) Blobs(ctx context.Context, ids []string) (map[string][]byte, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	text, err := r.answer(ctx, []byte(strings.Join(ids, "\n")+"\n"), "cat-file", "--batch")
	if err != nil {
		return nil, err
	}
	return parseBlobs(text)
}

// parseBlobs takes apart what "git cat-file --batch" prints: for each object
// "<id> <kind> <size>" and its content, or "<id> missing".
func parseBlobs(text []byte) (map[string][]byte, error) {
	blobs := map[string][]byte{}
	for len(text) > 0 {
		head, rest, _ := bytes.Cut(text, []byte("\n"))
		words := strings.Fields(string(head))
		if len(words) != 3 {
			text = rest
			continue
		}
		size, err := strconv.Atoi(words[2])
		if err != nil || size < 0 || size >= len(rest) {
			return nil, fmt.Errorf("read objects of git: the answer %q is cut off", head)
		}
		blobs[words[0]], text = rest[:size:size], rest[size+1:]
	}
	return blobs, nil
}
