package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/generate"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/operate"
)

// A symptom is what one look at the workplace found. Cause and fix are set
// when something is wrong; a bad symptom keeps pl-gen or the hub from working.
type symptom struct {
	name, found, cause, fix string
	bad                     bool
}

func (a *app) doctor() *cobra.Command {
	var question operate.Question
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out why something does not work here",
		Long: `doctor looks at everything that pl-gen and the hub need: Go, buf and its plugins,
git, free ports, the contracts, and whether gen/ is up to date. What is wrong
comes with its cause and a fix. It changes nothing and exits 1 if anything
keeps pl-gen or the hub from working.

With --consumer it asks running processes instead why a handler is not called:
for anything, for one event, or for one key. It goes the way that an event goes,
says what it finds and which command to type next, and exits 100 if something
keeps the handler from being called.`,
		Example: "  pl-gen doctor\n  pl-gen doctor --consumer achievement.OnQuizCompleted\n  pl-gen doctor --consumer achievement.OnQuizCompleted --event 019a0000-0000-7000-8000-000000000000",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if question.Asked() {
				return a.operations().Answer(cmd.Context(), &question)
			}
			root, err := a.root()
			if err != nil {
				return err
			}
			return a.examine(cmd.Context(), root)
		},
	}
	question.Flags(cmd)
	return cmd
}

func (a *app) examine(ctx context.Context, root string) error {
	g := generate.New(root, a.stderr)
	looks := []func() symptom{
		func() symptom { return lookGo(ctx, root) },
		func() symptom { return lookBuf(ctx, g) },
		func() symptom { return lookGit(ctx, root) },
		func() symptom { return lookPort(ctx, "calls", "127.0.0.1:8080", "PL_HTTP_ADDR") },
		func() symptom { return lookPort(ctx, "broker", "127.0.0.1:9092", "PL_EMBEDDED_KAFKA_ADDR") },
		func() symptom { return lookPort(ctx, "registry", "127.0.0.1:8081", "PL_EMBEDDED_REGISTRY_ADDR") },
		func() symptom { return lookPort(ctx, "admin", "127.0.0.1:8082", "PL_ADMIN_ADDR") },
		func() symptom { return lookContracts(g) },
		func() symptom { return lookGenerated(ctx, g) },
	}
	bad := 0
	for _, look := range looks {
		s := look()
		a.tell(s)
		if s.bad {
			bad++
		}
	}
	if bad > 0 {
		return fmt.Errorf("%s wrong", count(bad, "thing is", "things are"))
	}
	return nil
}

func (a *app) tell(s symptom) {
	mark := "ok  "
	switch {
	case s.bad:
		mark = "bad "
	case s.fix != "":
		mark = "note"
	}
	fmt.Fprintf(a.stdout, "%s %-10s %s\n", mark, s.name, s.found)
	for _, line := range [][2]string{{"cause", s.cause}, {"fix", s.fix}} {
		if line[1] != "" {
			fmt.Fprintf(a.stdout, "    %-6s %s\n", line[0]+":", line[1])
		}
	}
}

func run(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	text, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		first, _, _ := strings.Cut(strings.TrimSpace(string(exit.Stderr)), "\n")
		err = errors.New(first)
	}
	return strings.TrimSpace(string(text)), err
}

func lookGo(ctx context.Context, root string) symptom {
	found, err := run(ctx, root, "go", "env", "GOVERSION")
	if err != nil {
		return symptom{name: "go", found: "the go command does not run", bad: true,
			cause: err.Error(), fix: "install Go, and put it on PATH; go.mod says which version"}
	}
	if found != runtime.Version() {
		return symptom{name: "go", found: found, cause: "this pl-gen was built with " + runtime.Version(),
			fix: "build it again, or run it as \"go run ./tools/pl-gen\""}
	}
	return symptom{name: "go", found: found}
}

func lookBuf(ctx context.Context, g *generate.Generator) symptom {
	name, ok, err := g.Buf().Installed(ctx)
	switch {
	case err != nil:
		return symptom{name: "buf", found: "no buf can be used", bad: true, cause: err.Error(), fix: "see the cause"}
	case !ok:
		return symptom{name: "buf", found: "not installed", cause: "the pinned version is neither on PATH nor in tools/node_modules",
			fix: "nothing has to be done: the first change of a proto builds it (about 80 s, once); \"npm install\" in tools is faster"}
	}
	return symptom{name: "buf", found: name}
}

func lookGit(ctx context.Context, root string) symptom {
	head, err := run(ctx, root, "git", "rev-parse", "--short", "HEAD")
	if err != nil {
		return symptom{name: "git", found: "no commit was found", cause: err.Error(),
			fix: "install git, or run \"git init\" and commit; without it generated files cannot be restored"}
	}
	return symptom{name: "git", found: "at " + head}
}

func lookPort(ctx context.Context, what, addr, setting string) symptom {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return symptom{name: what, found: addr + " is taken", cause: "a hub or another program listens there: " + err.Error(),
			fix: "stop it, or set " + setting + " to another address"}
	}
	_ = l.Close()
	return symptom{name: what, found: addr + " is free"}
}

func lookContracts(g *generate.Generator) symptom {
	_, findings, err := g.Lint()
	switch {
	case err != nil:
		return symptom{name: "contracts", found: "cannot be read", bad: true, cause: err.Error(), fix: "see the cause"}
	case len(findings) > 0:
		return symptom{name: "contracts", found: count(len(findings), "finding", "findings"), bad: diag.HasErrors(findings),
			cause: findings[0].String(), fix: "run \"pl-gen lint\""}
	}
	return symptom{name: "contracts", found: "no findings"}
}

// lookGenerated gives up after a while: a missing buf may have to be built.
func lookGenerated(ctx context.Context, g *generate.Generator) symptom {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	result, err := g.Run(ctx)
	switch {
	case err != nil:
		return symptom{name: "generated", found: "cannot be compared", bad: true, cause: err.Error(), fix: "see the cause"}
	case result.Blocked():
		return symptom{name: "generated", found: "not compared", cause: "the contracts have findings", fix: "correct them first"}
	case len(result.Edited()) > 0:
		return symptom{name: "generated", found: count(len(result.Edited()), "file was edited", "files were edited"), bad: true,
			cause: "generated files are derived: " + filepath.ToSlash(result.Edited()[0].Path),
			fix:   "see \"pl-gen generate --diff\"; \"pl-gen generate --force\" discards the edits"}
	case len(result.Stale()) > 0:
		return symptom{name: "generated", found: count(len(result.Stale()), "file is not up to date", "files are not up to date"), bad: true,
			cause: "a contract or pl-gen changed since", fix: "run \"pl-gen generate\""}
	}
	return symptom{name: "generated", found: "gen/ is up to date"}
}
