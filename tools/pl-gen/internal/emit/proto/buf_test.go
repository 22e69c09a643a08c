package proto

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// script writes an executable that prints a text, to stand for a buf of some
// version; what buf generates is tested with the real one, in package generate.
func script(t *testing.T, dir, name, prints string) string {
	t.Helper()
	full := filepath.Join(dir, name)
	put(t, full, "#!/bin/sh\necho "+prints+"\n")
	if err := os.Chmod(full, 0o755); err != nil {
		t.Fatal(err)
	}
	return full
}

func put(t *testing.T, name, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

const pin = "module example.com/tools\n\nrequire (\n\tgithub.com/bufbuild/buf v1.75.0 // indirect\n\tgithub.com/bufbuild/protocompile v0.14.1 // indirect\n)\n"

func repository(t *testing.T) (root, bin string) {
	t.Helper()
	root = t.TempDir()
	bin = filepath.Join(root, "bin")
	put(t, filepath.Join(root, ToolsModFile), pin)
	put(t, filepath.Join(bin, "empty"), "")
	t.Setenv("PATH", bin+string(os.PathListSeparator)+"/usr/bin"+string(os.PathListSeparator)+"/bin")
	t.Setenv("PL_BUF", "")
	return root, bin
}

func TestPinned(t *testing.T) {
	root, _ := repository(t)
	if got, err := Pinned(root); err != nil || got != "1.75.0" {
		t.Errorf("got %q, %v", got, err)
	}
	put(t, filepath.Join(root, ToolsModFile), "module x\n")
	if _, err := Pinned(root); err == nil || !strings.Contains(err.Error(), "does not require") {
		t.Errorf("got %v", err)
	}
	if _, err := Pinned(t.TempDir()); err == nil {
		t.Error("a repository without tools.mod pins something")
	}
}

func TestTheFirstBufOfThePinnedVersionIsUsed(t *testing.T) {
	for name, c := range map[string]struct {
		own, path, npm string // what each buf says its version is, "" for none
		want           string
		wantErr        string
	}{
		"PL_BUF first":         {own: "1.75.0", path: "1.75.0", npm: "1.75.0", want: "own"},
		"then PATH":            {path: "1.75.0", npm: "1.75.0", want: "bin/buf"},
		"not another version":  {path: "1.74.0", npm: "1.75.0", want: "tools/node_modules/.bin/buf"},
		"then the npm package": {npm: "1.75.0", want: "tools/node_modules/.bin/buf"},
		"none":                 {path: "1.74.0"},
		"PL_BUF is demanding":  {own: "1.76.0", path: "1.75.0", wantErr: `which is buf "1.76.0", not the pinned 1.75.0`},
	} {
		t.Run(name, func(t *testing.T) {
			root, bin := repository(t)
			if c.own != "" {
				t.Setenv("PL_BUF", script(t, root, "own", c.own))
			}
			if c.path != "" {
				script(t, bin, "buf", c.path)
			}
			if c.npm != "" {
				script(t, filepath.Join(root, "tools/node_modules/.bin"), "buf", c.npm)
			}
			got, ok, err := (&Buf{Root: root}).Installed(context.Background())
			switch {
			case c.wantErr != "":
				if err == nil || !strings.Contains(err.Error(), c.wantErr) {
					t.Errorf("got %v, want %q", err, c.wantErr)
				}
			case err != nil, ok != (c.want != ""), ok && got != filepath.Join(root, c.want):
				t.Errorf("got %q, %v, %v, want %q", got, ok, err, c.want)
			}
		})
	}
}

func TestAMissingPLBufIsAnError(t *testing.T) {
	root, _ := repository(t)
	t.Setenv("PL_BUF", filepath.Join(root, "nowhere"))
	_, err := (&Buf{Root: root, Log: &bytes.Buffer{}}).Emit(context.Background(), nil)
	if err == nil || !strings.Contains(err.Error(), "unset PL_BUF, or install buf 1.75.0 there") {
		t.Errorf("got %v", err)
	}
}

func TestLintReadsFindings(t *testing.T) {
	root, bin := repository(t)
	put(t, filepath.Join(bin, "buf"), "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 1.75.0; exit; fi\necho a.proto:1:2:bad\necho a.proto:3:4:worse\nexit 100\n")
	if err := os.Chmod(filepath.Join(bin, "buf"), 0o755); err != nil {
		t.Fatal(err)
	}
	lines, ok, err := (&Buf{Root: root}).Lint(context.Background())
	if err != nil || !ok || strings.Join(lines, "|") != "a.proto:1:2:bad|a.proto:3:4:worse" {
		t.Errorf("got %q, %v, %v", lines, ok, err)
	}
}
