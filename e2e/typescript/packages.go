// Package typescript builds the TypeScript packages for tests, and runs their
// programs beside Go's.
package typescript

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// installWithin bounds `npm install` with an empty cache.
const installWithin = 5 * time.Minute

// projects are what is built, in order: the others use the first.
var projects = []string{
	"gen/sdk/ts/tsconfig.json", "platform/ts/tsconfig.json", "platform/ts/tsconfig.test.json", "e2e/typescript/sdk/tsconfig.json",
}

// root is the repository's root, seen from where the tests of a package run.
var root = findRoot()

func findRoot() string {
	dir := ".."
	for range 8 {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		dir = filepath.Join(dir, "..")
	}
	return dir
}

var (
	installed = sync.OnceValue(install)
	built     = sync.OnceValue(build)
)

// errNoNode means that there is nothing to run TypeScript with.
var errNoNode = errors.New("the tests of TypeScript need Node 20.19 or newer and npm: Debian 13 has them (apt-get install nodejs npm), " +
	"for Debian 12 take them from nodejs.org")

// Build installs what the packages need and compiles them in strict mode, once
// a process. Without Node it skips the test, and fails it when CI is true.
func Build(tb testing.TB) {
	tb.Helper()
	need(tb, built())
}

// Prepare installs what programs need that are not compiled, once a process.
// Without Node it does as [Build] does.
func Prepare(tb testing.TB) {
	tb.Helper()
	need(tb, installed())
}

func need(tb testing.TB, err error) {
	tb.Helper()
	switch {
	case err == nil:
	case errors.Is(err, errNoNode) && os.Getenv("CI") != "true":
		tb.Skipf("NOTHING IS TESTED WITH NODE: %v", err)
	default:
		tb.Fatal(err)
	}
}

func install() error {
	ctx, cancel := context.WithTimeout(context.Background(), installWithin)
	defer cancel()
	return Install(ctx)
}

func build() error {
	if err := installed(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), installWithin)
	defer cancel()
	for _, project := range projects {
		if err := run(ctx, "node", "node_modules/typescript/bin/tsc", "-p", project); err != nil {
			return err
		}
	}
	return nil
}

// checkNode says what is needed when it is not there.
func checkNode(ctx context.Context) error {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%w: %w", errNoNode, err)
		}
	}
	out, err := exec.CommandContext(ctx, "node", "--version").Output()
	if err != nil {
		return fmt.Errorf("%w: node --version: %w", errNoNode, err)
	}
	if !recent(string(out)) {
		return fmt.Errorf("%w: this is Node %s", errNoNode, bytes.TrimSpace(out))
	}
	return nil
}

// recent tells whether that is a version of Node, "v20.19.0", that the
// packages run on, as "engines" in their package.json says it.
func recent(version string) bool {
	var major, minor int
	if _, err := fmt.Sscanf(version, "v%d.%d.", &major, &minor); err != nil {
		return false
	}
	return major > 20 || major == 20 && minor >= 19
}

// Install installs the npm packages of all workspaces, one process at a time
// where the system has locks of files.
func Install(ctx context.Context) error {
	if err := checkNode(ctx); err != nil {
		return err
	}
	unlock, err := lock(filepath.Join(os.TempDir(), "campus-hub-npm.lock"))
	if err != nil {
		return fmt.Errorf("lock node_modules: %w", err)
	}
	defer unlock()
	return run(ctx, "npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline")
}

func run(ctx context.Context, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %v: %w\n%s", program, args, err, out)
	}
	return nil
}

// Program returns the path of a compiled program of platform/ts/test/programs.
func Program(name string) string {
	return filepath.Join(root, "platform/ts/dist-test/test/programs", name+".js")
}
