package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// buildHub brings .pl/hub up to date with gen/cmd/hub and returns its path. The
// hub is what talks to brokers and serves the registry; pl-gen itself knows
// neither. On a machine without Go, such as an operator's image, it is the hub
// beside pl-gen, as "make build" leaves them.
func (a *app) buildHub(ctx context.Context, root string) (string, error) {
	if _, err := exec.LookPath("go"); err != nil {
		return hubBesidePlGen(err)
	}
	binary := filepath.Join(root, ".pl", "hub")
	if err := a.compileHub(ctx, root, binary); err != nil {
		return "", fmt.Errorf("build the hub, which does this work: %w; \"go build ./gen/cmd/hub\" in the repository's root has to succeed", err)
	}
	return binary, nil
}

func (a *app) compileHub(ctx context.Context, root, binary string) error {
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "./gen/cmd/hub")
	build.Dir, build.Stdout, build.Stderr = root, a.stderr, a.stderr
	return build.Run()
}

func hubBesidePlGen(noGo error) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the hub beside pl-gen: %w", err)
	}
	binary := filepath.Join(filepath.Dir(self), "hub")
	if !exists(binary) {
		return "", fmt.Errorf("the hub does this work, and it can neither be built (%w) nor is it at %s: install Go, or put the hub there", noGo, binary)
	}
	return binary, nil
}

// hubEnviron is the environment with the hub's settings replaced by these,
// KEY=value: what somebody set for a hub of theirs is not meant for this one.
func hubEnviron(settings ...string) []string {
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool { return strings.HasPrefix(entry, "PL_") })
	return append(env, settings...)
}

// A hubCall is one command of the hub that answers on its standard output.
type hubCall struct {
	command  string
	settings []string
	input    []byte
}

// callHub runs the hub's command and returns its answer. What the hub says
// otherwise goes to stderr.
func (a *app) callHub(ctx context.Context, root string, call hubCall) ([]byte, error) {
	binary, err := a.buildHub(ctx, root)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, binary, call.command)
	cmd.Env = hubEnviron(call.settings...)
	cmd.Stdin = strings.NewReader(string(call.input))
	cmd.Stderr = a.stderr
	answer, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil, fmt.Errorf("the hub's command %q failed; it says why above", call.command)
	}
	if err != nil {
		return nil, fmt.Errorf("run the hub: %w", err)
	}
	return answer, nil
}
