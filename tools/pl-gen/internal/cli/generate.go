package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/generate"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/output"
)

// A generateMode is what to do about pending changes.
type generateMode struct {
	check, diff, watch, force bool
}

func (m generateMode) valid() error {
	if m.check && m.diff || m.watch && (m.check || m.diff) {
		return usageError{errors.New("--check, --diff and --watch exclude each other")}
	}
	return nil
}

func (a *app) generate() *cobra.Command {
	var mode generateMode
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Bring gen/ up to date with the contracts",
		Long: `generate reads the contracts, checks them, and writes what follows from them.

With a finding that is an error nothing on disk changes. Files are written only
when their content changed, and pruned when nothing leads to them any more. A
generated file that somebody edited is never overwritten: generate names it and
stops; "pl-gen generate --diff" shows the difference, --force discards it.`,
		Example: "  pl-gen generate\n  pl-gen generate --check     # exit 100 and a list when gen/ is not up to date\n  pl-gen generate --diff | less\n  pl-gen generate --watch",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := mode.valid(); err != nil {
				return err
			}
			root, err := a.root()
			if err != nil {
				return err
			}
			if mode.watch {
				return a.watch(cmd.Context(), root, mode)
			}
			return a.generateOnce(cmd.Context(), root, mode)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&mode.check, "check", false, "write nothing; list what would change, and exit 100 if anything would")
	flags.BoolVar(&mode.diff, "diff", false, "write nothing; print what would change as a unified diff")
	flags.BoolVar(&mode.force, "force", false, "overwrite generated files that somebody edited")
	flags.BoolVar(&mode.watch, "watch", false, "go on, and generate whenever a contract changes")
	a.addFormat(cmd)
	return cmd
}

// generateOnce generates, or says what generating would do.
func (a *app) generateOnce(ctx context.Context, root string, mode generateMode) error {
	result, err := generate.New(root, a.stderr).Run(ctx)
	if err != nil {
		return err
	}
	if err := a.render(result.Findings); err != nil {
		return err
	}
	switch {
	case result.Blocked():
		return errFindings
	case mode.diff:
		return a.printDiff(result.Stale())
	case mode.check:
		return a.printPending(result.Stale())
	}
	return a.write(result, mode.force)
}

func (a *app) printDiff(changes []output.Change) error {
	for _, c := range changes {
		if _, err := a.stdout.Write(c.Diff()); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) printPending(changes []output.Change) error {
	if len(changes) == 0 {
		return nil
	}
	for _, c := range changes {
		fmt.Fprintf(a.stdout, "%s %s\n", c.Kind, c.Path)
	}
	fmt.Fprintf(a.stderr, "%s not up to date; run \"pl-gen generate\" and commit the result\n", count(len(changes), "file is", "files are"))
	return errFindings
}

func (a *app) write(result *generate.Result, force bool) error {
	if edited := result.Edited(); len(edited) > 0 && !force {
		return refuse(edited)
	}
	if err := result.Write(); err != nil {
		return err
	}
	a.summarize(result.Pending())
	return nil
}

// mostNamed is how many written files are named one by one.
const mostNamed = 20

func (a *app) summarize(changes []output.Change) {
	if len(changes) > mostNamed {
		kinds := map[output.Kind]int{}
		for _, c := range changes {
			kinds[c.Kind]++
		}
		fmt.Fprintf(a.stderr, "%s: %d created, %d updated, %d deleted\n", count(len(changes), "file", "files"),
			kinds[output.Create], kinds[output.Update], kinds[output.Delete])
		return
	}
	for _, c := range changes {
		fmt.Fprintf(a.stderr, "%s %s\n", c.Kind, c.Path)
	}
}

// refuse names the files that somebody edited.
func refuse(edited []output.Change) error {
	list := ""
	for _, c := range edited {
		list += "\n  " + c.Path
	}
	return fmt.Errorf("%s not as pl-gen wrote %s, so nothing was written:%s\n"+
		"\"pl-gen generate --diff\" shows the difference; change the contract or the template instead, "+
		"or run \"pl-gen generate --force\" to discard the edits",
		count(len(edited), "file is", "files are"), them(len(edited)), list)
}

func them(n int) string {
	if n == 1 {
		return "it"
	}
	return "them"
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
