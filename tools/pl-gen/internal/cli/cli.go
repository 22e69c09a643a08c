// Package cli is pl-gen's command line. Data goes to stdout, everything else
// to stderr; nothing prompts, and nothing needs a terminal or a network.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/operate"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/scaffold"
)

// The exit codes.
const (
	exitFailure  = 1
	exitUsage    = 2
	exitFindings = 100
)

// errFindings ends a command that printed findings.
var errFindings = errors.New("there are findings")

// A usageError is a command line that makes no sense.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// Main runs the command line and returns the exit code: 0 fine, 1 failure, 2
// usage, 100 findings.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := New(stdout, stderr)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	var usage usageError
	var scaffolding scaffold.UsageError
	var operating operate.UsageError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errFindings), errors.Is(err, operate.ErrFindings):
		return exitFindings
	case errors.As(err, &usage), errors.As(err, &scaffolding), errors.As(err, &operating):
		fmt.Fprintf(stderr, "pl-gen: %v\nRun \"%s --help\".\n", err, cmd.CommandPath())
		return exitUsage
	}
	fmt.Fprintf(stderr, "pl-gen: %v\n", err)
	return exitFailure
}

// An app is what all commands share.
type app struct {
	stdout, stderr io.Writer
	// dir is the value of --root, or "".
	dir string
	// format is the value of --format; commands that do not have it print text.
	format string
}

// New returns the root command. Commands of other packages are added to it
// with AddCommand.
func New(stdout, stderr io.Writer) *cobra.Command {
	a := &app{stdout: stdout, stderr: stderr}
	root := &cobra.Command{
		Use:   "pl-gen",
		Short: "Turn contracts into services",
		Long: `pl-gen turns the contracts of this repository (protos and Avro schemas under
contracts/) into code under gen/, and checks that both are in order.

Findings are printed as "path:line:col: RULE message" with a cause and a fix;
"pl-gen explain RULE" says more. Exit codes: 0 fine, 1 failure, 2 usage,
100 findings.`,
		Example:       "  pl-gen generate            bring gen/ up to date\n  pl-gen check               the gate that CI runs\n  pl-gen explain EVENT_KEY_FIELD",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          unknownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.PersistentFlags().StringVar(&a.dir, "root", "", "the repository's root (default: the nearest directory above with go.mod and contracts)")
	root.AddCommand(a.generate(), a.lint(), a.check(), a.compat(), a.dev(), a.doctor(), a.explain(), a.version(), a.catalog(), a.registry(), a.register(), a.topics(), a.museum(), a.decode(), a.token())
	env := scaffold.Env{
		Root: a.root, Stdout: stdout, Stderr: stderr,
		Generate: func(ctx context.Context, root string) error { return a.generateOnce(ctx, root, generateMode{}) },
	}
	root.AddCommand(operate.Commands(a.operations())...)
	root.AddCommand(scaffold.Commands(env)...)
	root.AddCommand(a.migrate(scaffold.MigrateDiff(env)))
	return root
}

func (a *app) operations() operate.Env {
	return operate.Env{Stdin: os.Stdin, Stdout: a.stdout, Stderr: a.stderr, Terminal: isTerminal(os.Stdin) && isTerminal(os.Stderr)}
}

func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError{fmt.Errorf("there is no command %q%s", args[0], suggestion(cmd, args[0]))}
}

func suggestion(cmd *cobra.Command, name string) string {
	if cmd.SuggestionsMinimumDistance <= 0 {
		cmd.SuggestionsMinimumDistance = 2
	}
	if near := cmd.SuggestionsFor(name); len(near) > 0 {
		return fmt.Sprintf("; did you mean %q?", near[0])
	}
	return ""
}

// arguments turns cobra's check of arguments into a usage error.
func arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{err}
		}
		return nil
	}
}

// root returns the repository's root.
func (a *app) root() (string, error) {
	if a.dir != "" {
		return filepath.Abs(a.dir)
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	for {
		if exists(filepath.Join(dir, "go.mod")) && exists(filepath.Join(dir, "contracts")) {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("find the repository: no directory above has go.mod and contracts; change into it, or use --root")
		}
		dir = parent
	}
}

// isTerminal tells a terminal from files, pipes and the null device.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// addFormat adds the flag --format.
func (a *app) addFormat(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.format, "format", string(diag.Text), "how to print findings: text, json, github, junit or sarif")
}

// render prints the findings.
func (a *app) render(findings []diag.Diagnostic) error {
	format, err := diag.ParseFormat(cmp.Or(a.format, string(diag.Text)))
	if err != nil {
		return usageError{err}
	}
	return diag.Render(a.stdout, format, findings)
}
