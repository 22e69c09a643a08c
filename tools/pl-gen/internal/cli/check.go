package cli

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/proto"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/generate"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/output"
)

func (a *app) lint() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "lint",
		Short:   "Check the contracts",
		Long:    "lint checks the contracts and generates nothing. It exits 100 on any finding, also on warnings.",
		Example: "  pl-gen lint\n  pl-gen lint --format sarif > findings.sarif",
		Args:    arguments(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			root, err := a.root()
			if err != nil {
				return err
			}
			_, findings, err := generate.New(root, a.stderr).Lint()
			if err != nil {
				return err
			}
			return a.verdict(findings)
		},
	}
	a.addFormat(cmd)
	return cmd
}

// verdict prints findings and fails if there are any.
func (a *app) verdict(findings []diag.Diagnostic) error {
	if err := a.render(findings); err != nil {
		return err
	}
	if len(findings) > 0 {
		fmt.Fprintf(a.stderr, "%s; \"pl-gen explain RULE\" says more about a rule\n", count(len(findings), "finding", "findings"))
		return errFindings
	}
	return nil
}

func (a *app) check() *cobra.Command {
	var against string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "The one gate: contracts and generated code are in order",
		Long: `check is what CI runs. It checks the contracts, that gen/ is what they lead to,
that nothing of what is published breaks ("pl-gen compat"), that new migrations
do no harm ("pl-gen migrate lint"), and, where the pinned buf is installed, that
the protos pass buf lint. It changes nothing and exits 100 on any finding.`,
		Example: "  pl-gen check\n  pl-gen check --format github\n  pl-gen check --against git:origin/release",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			root, err := a.root()
			if err != nil {
				return err
			}
			g := generate.New(root, a.stderr)
			findings, err := a.checkAll(cmd.Context(), g)
			if err != nil {
				return err
			}
			lacking, err := a.checkMuseum(root, g)
			if err != nil {
				return err
			}
			findings = append(findings, lacking...)
			more, err := a.checkCompat(cmd.Context(), root, against, g.Buf())
			if verdict := a.verdict(mergeDocs(findings, more)); err == nil {
				return verdict
			}
			return err
		},
	}
	a.addAgainst(cmd, &against)
	a.addFormat(cmd)
	return cmd
}

// mergeDocs adds the findings of compat. That a new field has no doc is a
// finding of lint already.
func mergeDocs(found, more []diag.Diagnostic) []diag.Diagnostic {
	for _, d := range more {
		if d.Rule != diag.CompatDoc || !slices.ContainsFunc(found, func(f diag.Diagnostic) bool {
			return f.Rule == diag.DocMissing && f.Pos == d.Pos
		}) {
			found = append(found, d)
		}
	}
	return diag.Sort(found)
}

func (a *app) checkAll(ctx context.Context, g *generate.Generator) ([]diag.Diagnostic, error) {
	result, err := g.Run(ctx)
	if err != nil {
		return nil, err
	}
	if result.Blocked() {
		return result.Findings, nil
	}
	findings := result.Findings
	for _, c := range result.Stale() {
		findings = append(findings, stale(c))
	}
	lines, ok, err := g.Buf().Lint(ctx)
	if err != nil {
		return nil, err
	}
	if !ok {
		fmt.Fprintln(a.stderr, "buf lint was left out: the pinned buf is not installed (pl-gen doctor says how)")
	}
	for _, line := range lines {
		findings = append(findings, bufFinding(line))
	}
	return diag.Sort(findings), nil
}

// stale is the finding about a file that is not what the contracts lead to.
func stale(c output.Change) diag.Diagnostic {
	d := diag.New(diag.GenStale, diag.Pos{File: c.Path, Line: 1, Col: 1}, "pl-gen generate would "+string(c.Kind)+" the file")
	if c.Edited {
		return d.Because("somebody edited the file, which is derived",
			`change the contract instead; "pl-gen generate --force" discards the edit`)
	}
	return d.Because("the contracts or pl-gen changed since it was generated", `run "pl-gen generate" and commit the result`)
}

// bufFinding reads a line that buf lint prints, "path:line:col:message".
func bufFinding(line string) diag.Diagnostic {
	parts := strings.SplitN(line, ":", 4)
	if len(parts) < 4 {
		return diag.New(diag.BufLint, diag.Pos{}, line)
	}
	row, _ := strconv.Atoi(parts[1])
	col, _ := strconv.Atoi(parts[2])
	return diag.New(diag.BufLint, diag.Pos{File: parts[0], Line: row, Col: col}, strings.TrimSpace(parts[3])).Because(
		"buf.yaml asks for it", "correct the proto, or the list of rules in buf.yaml")
}

func (a *app) version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the versions of pl-gen and of what it pins",
		Args:  arguments(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprintf(a.stdout, "pl-gen %s, generation %d, %s %s/%s\n", buildVersion(), output.Generation,
				runtime.Version(), runtime.GOOS, runtime.GOARCH)
			root, err := a.root()
			if err != nil {
				return nil // outside of a repository there is nothing pinned
			}
			pinned, err := proto.Pinned(root)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, "buf %s (pinned)\n", pinned)
			return nil
		},
	}
}

// buildVersion is the version that Go stamped into the binary.
func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
