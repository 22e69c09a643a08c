package scaffold_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/cli"
)

var update = flag.Bool("update", false, "write what pl-gen prints into the scripts")

// top is the repository's root.
const top = "../../../.."

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"pl-gen": func() { os.Exit(cli.Main(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

// TestScript runs testdata/script. Every script works on a copy of what
// pl-gen reads and writes in this repository. What it generates is compiled
// and tested as if it were in this repository, over which it is laid.
func TestScript(t *testing.T) {
	if testing.Short() {
		t.Skip("LEFT OUT with -short: scripts that generate, compile and test whole contexts")
	}
	root, err := filepath.Abs(top)
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOFLAGS", "GOPROXY", "HOME"} {
				env.Setenv(name, goEnv(name))
			}
			return copyRepository(root, env.WorkDir)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"gotest":    func(ts *testscript.TestScript, neg bool, args []string) { gotest(ts, root, neg, args) },
			"excerpt":   excerpt,
			"exits":     exits,
			"snapshot":  snapshot,
			"unchanged": unchanged,
		},
	})
}

func goEnv(name string) string {
	if v := os.Getenv(name); v != "" || name == "HOME" {
		return v
	}
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// copied is what pl-gen reads and writes.
var copied = []string{"go.mod", "go.sum", "buf.yaml", "buf.gen.yaml", "tools/tools.mod", "tools/tools.sum", "README.md", "contracts", "gen", "services"}

func copyRepository(root, dir string) error {
	for _, name := range copied {
		err := filepath.WalkDir(filepath.Join(root, name), func(file string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || d.IsDir() {
				return err
			}
			rel, err := filepath.Rel(root, file)
			if err != nil {
				return err
			}
			return copyFile(file, filepath.Join(dir, rel))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// copyFile copies a file that the script did not bring itself.
func copyFile(from, to string) error {
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o644)
}

// gotest builds packages of the script's repository and runs their tests:
// gotest ./services/library, or with a build tag gotest -tags=mutant_no_inbox
// ./services/library. Their output is in gotest.log. The go command cannot
// enter directories that only its overlay has, so the tests are built first,
// without vet, and then run.
func gotest(ts *testscript.TestScript, root string, neg bool, packages []string) {
	tags := "-tags="
	if strings.HasPrefix(packages[0], tags) {
		tags, packages = packages[0], packages[1:]
	}
	overlay := filepath.Join(ts.Getenv("TMPDIR"), "overlay.json")
	ts.Check(os.WriteFile(overlay, overlayOf(ts, root), 0o644))
	// Several packages are compiled and main packages among them not linked.
	err := run(ts, root, "go", append([]string{"build", tags, "-overlay", overlay, "./platform/event"}, packages...)...)
	for _, pkg := range packages {
		binary := filepath.Join(ts.Getenv("TMPDIR"), filepath.Base(pkg)+".test")
		err = errors.Join(err, run(ts, root, "go", "test", "-c", "-vet=off", tags, "-overlay", overlay, "-o", binary, pkg))
		if _, missing := os.Stat(binary); missing == nil && err == nil {
			err = run(ts, ts.MkAbs(pkg), binary)
		}
	}
	if (err != nil) != neg {
		ts.Fatalf("tests of %s: %v", packages, err)
	}
}

func run(ts *testscript.TestScript, dir, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	ts.Logf("%s", out)
	return errors.Join(err, os.WriteFile(ts.MkAbs("gotest.log"), out, 0o644))
}

// overlayOf maps files of this repository to those of the script.
func overlayOf(ts *testscript.TestScript, root string) []byte {
	replace := map[string]string{}
	for _, dir := range []string{"gen", "services"} {
		for file := range files(ts, dir) {
			replace[filepath.Join(root, file)] = ts.MkAbs(file)
		}
		gone := os.DirFS(filepath.Join(root, dir))
		ts.Check(fs.WalkDir(gone, ".", func(name string, d fs.DirEntry, err error) error {
			file := filepath.Join(root, dir, name)
			if _, kept := replace[file]; err == nil && !d.IsDir() && !kept {
				replace[file] = ""
			}
			return err
		}))
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	ts.Check(err)
	return text
}

// files returns the files below a directory of the script with their sums.
func files(ts *testscript.TestScript, dir string) map[string]string {
	sums := map[string]string{}
	ts.Check(filepath.WalkDir(ts.MkAbs(dir), func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(ts.MkAbs("."), file)
		sums[rel] = fmt.Sprintf("%x", sha256.Sum256(text))
		return err
	}))
	return sums
}

// snapshot remembers contracts, gen and services; unchanged compares.
func snapshot(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(os.WriteFile(filepath.Join(ts.Getenv("TMPDIR"), "snapshot"), tree(ts), 0o644))
}

func unchanged(ts *testscript.TestScript, _ bool, _ []string) {
	before, err := os.ReadFile(filepath.Join(ts.Getenv("TMPDIR"), "snapshot"))
	ts.Check(err)
	if after := tree(ts); !bytes.Equal(before, after) {
		ts.Fatalf("files changed:\nbefore %s\nafter %s", before, after)
	}
}

func tree(ts *testscript.TestScript) []byte {
	all := map[string]string{}
	for _, dir := range []string{"contracts", "gen", "services"} {
		for name, sum := range files(ts, dir) {
			all[name] = sum
		}
	}
	text, err := json.MarshalIndent(all, "", " ")
	ts.Check(err)
	return text
}

// excerpt writes the code blocks of a language in a document to files, the
// first ones for which there is a file: excerpt README.md go handler.go.
func excerpt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: excerpt document language file...")
	}
	rest := ts.ReadFile(args[0])
	for _, name := range args[2:] {
		_, block, found := strings.Cut(rest, "\n```"+args[1]+"\n")
		if !found {
			ts.Fatalf("%s has no block of %s for %s", args[0], args[1], name)
		}
		block, rest, _ = strings.Cut(block, "\n```\n")
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(block+"\n"), 0o644))
	}
}

// exits runs a command and checks its exit code: exits 2 pl-gen new Bad.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code command args...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
