package cli

import (
	"context"
	"crypto/sha256"
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
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what pl-gen prints into the scripts")

func TestMain(m *testing.M) {
	if kind := os.Getenv("TEST_HUB"); kind != "" {
		fakeHub(kind)
		return
	}
	testscript.Main(m, map[string]func(){
		"pl-gen": func() { os.Exit(Main(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

// TestScript runs testdata/script. Every script begins in a small repository
// without findings, over which its own files are laid.
func TestScript(t *testing.T) {
	base, options := baseRepository(t)
	files := append(base.Files, options)
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("GOCACHE", os.Getenv("GOCACHE"))
			gitIdentity(env)
			for _, f := range files {
				if err := layUnder(env.WorkDir, f); err != nil {
					return err
				}
			}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits, "snapshot": snapshot, "unchanged": unchanged,
		},
	})
}

// gitIdentity lets scripts commit, whatever git is told on this machine.
func gitIdentity(env *testscript.Env) {
	for _, name := range []string{"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"} {
		env.Setenv(name, os.DevNull)
	}
	for _, who := range []string{"AUTHOR", "COMMITTER"} {
		env.Setenv("GIT_"+who+"_NAME", "A Squad")
		env.Setenv("GIT_"+who+"_EMAIL", "squad@example.com")
		env.Setenv("GIT_"+who+"_DATE", "2026-01-02T03:04:05Z")
	}
}

func baseRepository(t *testing.T) (*txtar.Archive, txtar.File) {
	t.Helper()
	base, err := txtar.ParseFile("../explain/testdata/base.txtar")
	if err != nil {
		t.Fatal(err)
	}
	const options = "contracts/proto/pl/options/v1/options.proto"
	text, err := os.ReadFile(filepath.Join("../../../..", options))
	if err != nil {
		t.Fatal(err)
	}
	return base, txtar.File{Name: options, Data: text}
}

// layUnder writes a file unless the script brought its own.
func layUnder(dir string, f txtar.File) error {
	name := filepath.Join(dir, filepath.FromSlash(f.Name))
	if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, f.Data, 0o644)
}

// exits runs a command and checks its exit code: exits 100 pl-gen lint.
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

// snapshot remembers the tree without pl-gen's cache, and unchanged compares:
// names, contents and times.
func snapshot(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(os.WriteFile(ts.Getenv("TMPDIR")+"/snapshot", []byte(tree(ts)), 0o644))
}

func unchanged(ts *testscript.TestScript, _ bool, _ []string) {
	before, err := os.ReadFile(ts.Getenv("TMPDIR") + "/snapshot")
	ts.Check(err)
	if after := tree(ts); after != string(before) {
		ts.Fatalf("the tree changed:\nbefore\n%s\nafter\n%s", before, after)
	}
}

func tree(ts *testscript.TestScript) string {
	var b strings.Builder
	root := ts.MkAbs(".")
	ts.Check(filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".pl" || d.Name() == ".tmp"):
			return filepath.SkipDir
		case d.IsDir():
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text, err := os.ReadFile(name)
		fmt.Fprintf(&b, "%x %s %d\n", sha256.Sum256(text), name, info.ModTime().UnixNano())
		return err
	}))
	return b.String()
}
