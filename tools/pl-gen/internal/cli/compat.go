package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/compat/history"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/compat/repair"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/compat/review"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/proto"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// A comparison is what "pl-gen compat" compares.
type comparison struct {
	against, reader, writer string
	fix                     bool
}

func (c comparison) valid() error {
	pair := c.reader != "" || c.writer != ""
	switch {
	case pair && (c.reader == "" || c.writer == ""):
		return usageError{errors.New("--reader and --writer go together")}
	case pair && (c.fix || c.against != ""):
		return usageError{errors.New("--reader and --writer compare two files, without --against and --fix")}
	}
	return nil
}

func (a *app) compat() *cobra.Command {
	var c comparison
	cmd := &cobra.Command{
		Use:   "compat",
		Short: "Find what a change of the contracts breaks, and for whom",
		Long: `compat compares the contracts with those that are published: with a commit and
everything before it, with a directory, or with a schema registry; by default
with the commit at which HEAD left origin/main, or main.

It checks both directions against every version that is known, and names at
once everything that is broken: where, why, how to fix it, what a schema
registry will answer, and which contexts consume the event and what they read.
What a registry lets through although it is dangerous can be waived in the
contract with a reason: "pl": {"allow": [{"rule": "COMPAT_…", "reason": "…"}]}.
A waiver counts for the change that brings it.

With --reader and --writer it compares two schema files.`,
		Example: "  pl-gen compat\n  pl-gen compat --against git:v1.4.0 --format github\n  pl-gen compat --against registry:http://127.0.0.1:8081\n" +
			"  pl-gen compat --fix\n  pl-gen compat --reader new.avsc --writer old.avsc",
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.valid(); err != nil {
				return err
			}
			if c.reader != "" {
				return a.comparePair(c)
			}
			return a.compareContracts(cmd.Context(), c)
		},
	}
	flags := cmd.Flags()
	a.addAgainst(cmd, &c.against)
	flags.StringVar(&c.reader, "reader", "", "the schema `file` that reads")
	flags.StringVar(&c.writer, "writer", "", "the schema `file` that wrote")
	flags.BoolVar(&c.fix, "fix", false, "make the changes to the schemas that cannot do harm, and say which")
	a.addFormat(cmd)
	return cmd
}

func (a *app) addAgainst(cmd *cobra.Command, against *string) {
	cmd.Flags().StringVar(against, "against", "", "what to compare with: git:`REF`, dir:PATH or registry:URL")
}

func (a *app) comparePair(c comparison) error {
	reader, err1 := readSchema(c.reader)
	writer, err2 := readSchema(c.writer)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	return a.verdict(review.Pair(reader, writer))
}

func readSchema(name string) (*avro.Schema, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read a schema: %w", err)
	}
	s, err := avro.Parse(name, text, nil)
	if err != nil {
		return nil, fmt.Errorf("read a schema:\n%w", err)
	}
	return s, nil
}

func (a *app) compareContracts(ctx context.Context, c comparison) error {
	root, err := a.root()
	if err != nil {
		return err
	}
	base, err := history.Open(ctx, root, c.against, a.stderr)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "compared with %s\n", base.Name)
	if c.fix {
		done, err := repair.Contracts(ctx, root, base)
		for _, line := range done {
			fmt.Fprintln(a.stderr, "fixed "+line)
		}
		if err != nil {
			return err
		}
	}
	set, m, broken, err := loadContracts(root)
	if err != nil {
		return err
	}
	found, err := a.review(ctx, &proto.Buf{Root: root, Log: a.stderr}, base, set, m)
	if err != nil {
		return err
	}
	return a.verdict(diag.Sort(append(broken, found...)))
}

// loadContracts reads the contracts, and the findings for which parts of them
// could not be read.
func loadContracts(root string) (*source.Set, *model.Model, []diag.Diagnostic, error) {
	set, found, err := source.Load(os.DirFS(root))
	if err != nil {
		return nil, nil, nil, err
	}
	m, more := model.Build(set)
	var broken []diag.Diagnostic
	for _, d := range append(found, more...) {
		if d.Severity == diag.Error {
			broken = append(broken, d)
		}
	}
	return set, m, broken, nil
}

// review compares schemas and protos. Without buf it says so, and fails under
// CI=true, where nothing may be left out.
func (a *app) review(ctx context.Context, buf *proto.Buf, base *history.Base, set *source.Set, m *model.Model) ([]diag.Diagnostic, error) {
	found, err := review.Contracts(ctx, base, set, m)
	if err != nil {
		return nil, err
	}
	if !base.Complete {
		fmt.Fprintln(a.stderr, "the protos were not compared: a schema registry has none")
	}
	more, err := review.Protos(ctx, buf, base, set)
	if errors.Is(err, review.ErrNoBuf) && os.Getenv("CI") != "true" {
		fmt.Fprintln(a.stderr, err)
		err = nil
	}
	return append(found, more...), err
}

// checkCompat is the part of "check" that compares contracts and migrations.
// Where there is nothing to compare with it says so, and fails under CI=true.
func (a *app) checkCompat(ctx context.Context, root, against string, buf *proto.Buf) ([]diag.Diagnostic, error) {
	base, err := history.Open(ctx, root, against, a.stderr)
	if errors.Is(err, history.ErrNothing) && os.Getenv("CI") != "true" {
		fmt.Fprintf(a.stderr, "the contracts were not compared: %v\n", err)
		return judgeMigrations(ctx, root, nil)
	}
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(a.stderr, "compared with %s\n", base.Name)
	unsafe, err := judgeMigrations(ctx, root, base)
	if err != nil {
		return nil, err
	}
	set, m, _, err := loadContracts(root)
	if err != nil {
		return nil, err
	}
	found, err := a.review(ctx, buf, base, set, m)
	return append(found, unsafe...), err
}
