package proto

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Command returns the path of the buf to use, which is the first of
// these whose version is the pinned one: $PL_BUF, buf on PATH, the npm package
// in tools, and the one that Go builds from tools.mod. It is found once.
func (b *Buf) Command(ctx context.Context) (string, error) {
	b.once.Do(func() { b.command, b.err = b.find(ctx) })
	return b.command, b.err
}

// Installed returns the buf to use when one is there that need not be built.
func (b *Buf) Installed(ctx context.Context) (name string, ok bool, err error) {
	pinned, err := Pinned(b.Root)
	if err != nil {
		return "", false, err
	}
	if own := os.Getenv("PL_BUF"); own != "" {
		name, err = demand(ctx, own, pinned)
		return name, err == nil, err
	}
	npm := filepath.Join(b.Root, "tools", "node_modules", ".bin", "buf")
	for _, name := range []string{"buf", npm} {
		if full, err := exec.LookPath(name); err == nil && versionOf(ctx, full) == pinned {
			return full, true, nil
		}
	}
	return "", false, nil
}

func (b *Buf) find(ctx context.Context) (string, error) {
	if name, ok, err := b.Installed(ctx); ok || err != nil {
		return name, err
	}
	pinned, err := Pinned(b.Root)
	if err != nil {
		return "", err
	}
	// Go answers at once when it has built this version before.
	notice := time.AfterFunc(2*time.Second, func() {
		fmt.Fprintf(b.Log, "building buf %s from %s: about 80 s, once (to save them set PL_BUF, or run npm install in tools)\n",
			pinned, ToolsModFile)
	})
	defer notice.Stop()
	return b.tool(ctx, []any{"-modfile=" + ToolsModFile, "buf"})
}

// demand returns the buf that PL_BUF names, which has to be the pinned one:
// another one could generate other bytes.
func demand(ctx context.Context, name, pinned string) (string, error) {
	full, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("PL_BUF names %s: %w; unset PL_BUF, or install buf %s there", name, err, pinned)
	}
	if got := versionOf(ctx, full); got != pinned {
		return "", fmt.Errorf("PL_BUF names %s, which is buf %q, not the pinned %s; unset PL_BUF, or install that version", name, got, pinned)
	}
	return full, nil
}

// versionOf returns what "buf --version" prints, or "" when it fails.
func versionOf(ctx context.Context, full string) string {
	text, err := exec.CommandContext(ctx, full, "--version").CombinedOutput()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
