package scaffold

import (
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/spf13/cobra"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/migrate"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/migrate/safety"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// A migration is one run of "pl-gen migrate diff".
type migration struct {
	migrate.Options
	// reason is written above what loses data.
	reason string
}

func (m migration) check() error {
	switch {
	case m.Name != "" && !snakePattern.MatchString(m.Name):
		return UsageError{fmt.Errorf("--name %q is not in snake case", m.Name)}
	case m.Destructive != (m.reason != ""):
		return UsageError{errors.New("--allow-destructive and --reason go together: the reason is written into the migration, for the people who run it")}
	}
	return nil
}

// MigrateDiff returns the command "diff" of "pl-gen migrate".
func MigrateDiff(env Env) *cobra.Command {
	var m migration
	cmd := &cobra.Command{
		Use:   "diff [CONTEXT...]",
		Short: "Write the migrations that bring the databases up to the entities",
		Long: `diff compares each context's entities with the tables that its migrations lead
to, and writes the next migration for SQLite and for PostgreSQL. Without
arguments it looks at all contexts. Changes that lose data are refused unless
--allow-destructive is given, with a reason that is written above them; review
what it writes before you commit it.`,
		Example: "  pl-gen migrate diff library --name add_due_date\n  pl-gen migrate diff library --allow-destructive --reason \"version 1.4 and later do not read it\"",
		RunE: func(_ *cobra.Command, args []string) error {
			return env.migrate(args, m)
		},
	}
	cmd.Flags().StringVar(&m.Name, "name", "", "the middle of the new files' names (default: init or change)")
	cmd.Flags().BoolVar(&m.Destructive, "allow-destructive", false, "allow changes that lose data")
	cmd.Flags().StringVar(&m.reason, "reason", "", "why that is right: `text` for the people who run the migration")
	return cmd
}

// migrate writes the migrations that are missing.
func (env Env) migrate(names []string, m migration) error {
	if err := m.check(); err != nil {
		return err
	}
	r, contracts, err := env.open()
	if err != nil {
		return err
	}
	for _, name := range names {
		if !slices.ContainsFunc(contracts.Contexts, func(c *model.Context) bool { return c.Name == name }) {
			return fmt.Errorf("there is no context %s", name)
		}
	}
	var left []diag.Diagnostic
	for _, c := range contracts.Contexts {
		if c.Service == nil || len(names) > 0 && !slices.Contains(names, c.Name) {
			continue
		}
		found, err := m.plan(r, c)
		if err != nil {
			return err
		}
		left = append(left, found...)
	}
	if err := env.write(r, func() error { return nil }); err != nil || len(left) == 0 {
		return err
	}
	fmt.Fprintln(env.Stderr, "pl-gen migrate lint will say:")
	return diag.Render(env.Stderr, diag.Text, left)
}

// plan puts the migrations of a context into the repository, and returns what
// is to be said about them.
func (m migration) plan(r *repository, c *model.Context) ([]diag.Diagnostic, error) {
	files, err := migrate.Plan(r, c, m.Options)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		r.put(f.Path, f.Content)
	}
	found, err := safety.Context(r, r.Disk, c.Name)
	if err != nil || !m.Destructive {
		return found, err
	}
	for _, f := range files {
		if path.Ext(f.Path) != ".sql" {
			continue
		}
		text, err := safety.Allow(f.Path, f.Content, found, m.reason,
			diag.MigrationDrop, diag.MigrationRename, diag.MigrationType, diag.MigrationRequired)
		if err != nil {
			return nil, err
		}
		r.put(f.Path, text)
	}
	return safety.Context(r, r.Disk, c.Name)
}
