// Package proto emits the protobuf and Connect code of the contracts by
// running buf with local, pinned plugins. It is the only emitter that needs an
// external tool, so it runs only for packages whose protos changed.
package proto

import (
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
	"regexp"
	"strings"
	"sync"

	"gopkg.in/yaml.v3"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
)

// Emitter is the name under which the manifest lists the files of this
// package.
const Emitter = "buf"

// The files that pin what buf does, relative to the repository's root.
const (
	TemplateFile = "buf.gen.yaml"
	ToolsModFile = "tools/tools.mod"
)

// A Buf runs buf for one repository.
type Buf struct {
	// Root is the repository's root.
	Root string
	// Log gets a line when something takes long.
	Log io.Writer

	once    sync.Once
	command string
	err     error
}

// Emit generates the code of the proto packages in dirs, for example
// "pl/quiz/v1", or of all when dirs is empty.
func (b *Buf) Emit(ctx context.Context, dirs []string) ([]plan.File, error) {
	command, err := b.Command(ctx)
	if err != nil {
		return nil, err
	}
	template, err := b.template(ctx)
	if err != nil {
		return nil, err
	}
	out, err := os.MkdirTemp("", "pl-gen-buf-")
	if err != nil {
		return nil, fmt.Errorf("make room for buf's files: %w", err)
	}
	defer os.RemoveAll(out)
	args := []string{"generate", "--template", template, "--output", out}
	for _, dir := range dirs {
		args = append(args, "--path", "contracts/proto/"+dir)
	}
	if err := b.run(ctx, command, args); err != nil {
		return nil, err
	}
	return collect(out)
}

// Lint runs "buf lint" over the contracts and returns the lines that it
// prints, "path:line:col:message". It never builds buf: ok is false when none
// is installed.
func (b *Buf) Lint(ctx context.Context) (lines []string, ok bool, err error) {
	name, ok, err := b.Installed(ctx)
	if !ok || err != nil {
		return nil, ok, err
	}
	text, err := b.findings(ctx, name, "lint")
	if err != nil || len(text) == 0 {
		return nil, true, err
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n"), true, nil
}

// findings runs a check of buf and returns what it finds, nothing when all is
// well.
func (b *Buf) findings(ctx context.Context, name, check string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, append([]string{check}, args...)...)
	cmd.Dir = b.Root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil, nil
	case errors.As(err, &exit) && exit.ExitCode() == 100 && len(text) > 0:
		return text, nil
	}
	return nil, fmt.Errorf("run buf %s: %w: %s", check, err, bytes.TrimSpace(stderr.Bytes()))
}

func (b *Buf) run(ctx context.Context, name string, args []string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = b.Root
	text, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("run buf generate: %w: %s", err, bytes.TrimSpace(text))
	}
	return nil
}

// template returns buf's template with the paths of the plugins in place of
// the go commands that find them, which cost a third of a second each.
func (b *Buf) template(ctx context.Context) (string, error) {
	text, err := os.ReadFile(filepath.Join(b.Root, TemplateFile))
	if err != nil {
		return "", fmt.Errorf("read buf's template: %w", err)
	}
	var doc struct {
		Version string
		Inputs  []map[string]any
		Plugins []map[string]any
	}
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return "", fmt.Errorf("read buf's template %s: %w", TemplateFile, err)
	}
	for _, p := range doc.Plugins {
		if local, ok := p["local"].([]any); ok && len(local) > 2 && local[0] == "go" && local[1] == "tool" {
			if p["local"], err = b.tool(ctx, local[2:]); err != nil {
				return "", fmt.Errorf("%s: %w", TemplateFile, err)
			}
		}
	}
	out, err := yaml.Marshal(map[string]any{"version": doc.Version, "inputs": doc.Inputs, "plugins": doc.Plugins})
	return string(out), err
}

// tool returns the path of the program that "go tool" with these arguments
// runs, building it when the build cache does not have it.
func (b *Buf) tool(ctx context.Context, words []any) (string, error) {
	args := []string{"tool", "-n"}
	for _, word := range words {
		args = append(args, fmt.Sprint(word))
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = b.Root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("build the tool with \"go %s\": %w: %s; the first build needs its modules: run it once with a network",
			strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimSpace(string(text)), nil
}

func collect(out string) ([]plan.File, error) {
	var files []plan.File
	err := filepath.WalkDir(out, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(name)
		rel, rerr := filepath.Rel(out, name)
		files = append(files, plan.File{Path: path.Clean(filepath.ToSlash(rel)), Content: content, Emitter: Emitter})
		return errors.Join(err, rerr)
	})
	if err != nil {
		return nil, fmt.Errorf("read buf's files: %w", err)
	}
	return files, nil
}

var (
	bufPattern    = regexp.MustCompile(`(?m)^\s*github\.com/bufbuild/buf v(\S+)`)
	pluginPattern = regexp.MustCompile(`(?m)^\s*(?:google\.golang\.org/protobuf|connectrpc\.com/connect/v2) v\S+`)
)

// Pinned returns the version of buf that tools.mod pins.
func Pinned(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(ToolsModFile)))
	if err != nil {
		return "", fmt.Errorf("read the pinned version of buf: %w", err)
	}
	m := bufPattern.FindSubmatch(text)
	if m == nil {
		return "", fmt.Errorf("read the pinned version of buf: %s does not require github.com/bufbuild/buf", ToolsModFile)
	}
	return string(m[1]), nil
}

// Pins returns what the output depends on besides the protos: buf's
// configuration, its pinned version, and those of the plugins, which go.mod
// pins together with the runtime of what they generate. A file that does not
// exist pins nothing.
func Pins(root string) ([]string, error) {
	var pins []string
	for _, name := range []string{TemplateFile, "buf.yaml", ToolsModFile, "go.mod"} {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read what pins the protos' code: %w", err)
		}
		switch name {
		case ToolsModFile:
			text = bytes.Join(bufPattern.FindAll(text, -1), nil)
		case "go.mod":
			text = bytes.Join(pluginPattern.FindAll(text, -1), nil)
		}
		pins = append(pins, string(text))
	}
	return pins, nil
}
