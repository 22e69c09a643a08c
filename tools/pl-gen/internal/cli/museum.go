package cli

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/disk"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/generate"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/museum"
)

func (a *app) museum() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "museum",
		Short: "Keep every published schema with recorded bytes",
		Long: `museum keeps every version of every event's schema, with bytes that were written
with it, under contracts/museum. The test in that directory replays all of them
through today's generated consumers, so a change that makes old records
unreadable fails before it is published. "pl-gen check" reports a version that
is not in the museum.`,
		Args: unknownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "add",
		Short: "Record the versions that are not in the museum",
		Long: `add records the schema of every event whose current version is not in the museum
yet, with samples made from it: the edges of numbers, times and texts, every
branch and symbol. It changes no file that is there. A version that was never
published may be deleted by hand; any other stays for ever.`,
		Example: "  pl-gen museum add",
		Args:    arguments(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			root, m, err := a.contracts()
			if err != nil {
				return err
			}
			return a.museumAdd(root, m)
		},
	})
	return cmd
}

func (a *app) museumAdd(root string, m *model.Model) error {
	kept, err := museum.Read(os.DirFS(root))
	if err != nil {
		return err
	}
	for _, e := range kept.Missing(m.Events) {
		files, err := kept.Add(e)
		if err != nil {
			return err
		}
		for _, f := range files {
			if err := disk.Write(filepath.Join(root, filepath.FromSlash(f.Path)), f.Content); err != nil {
				return fmt.Errorf("write %s (run pl-gen museum add again to complete): %w", f.Path, err)
			}
			fmt.Fprintf(a.stderr, "create %s\n", f.Path)
		}
	}
	return nil
}

// checkMuseum reports the versions that the museum lacks. A repository without
// a museum keeps none.
func (a *app) checkMuseum(root string, g *generate.Generator) ([]diag.Diagnostic, error) {
	if !exists(filepath.Join(root, filepath.FromSlash(museum.Root))) {
		return nil, nil
	}
	m, _, err := g.Lint()
	if err != nil {
		return nil, err
	}
	kept, err := museum.Read(os.DirFS(root))
	if err != nil {
		return nil, err
	}
	return kept.Findings(m.Events), nil
}
