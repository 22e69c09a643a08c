package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/compat/history"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/migrate"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/migrate/safety"
)

// migrate returns the command, to which diff is added.
func (a *app) migrate(diff *cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Plan, check and run migrations of the contexts' databases",
		Args:  unknownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(diff, a.migrateLint(), a.migrateApply())
	return cmd
}

// A migrateLint is what "pl-gen migrate lint" looks at.
type migrateLint struct {
	contexts    []string
	against     string
	destructive bool
}

func (a *app) migrateLint() *cobra.Command {
	var l migrateLint
	cmd := &cobra.Command{
		Use:   "lint [CONTEXT...]",
		Short: "Find migrations that lose data, lock tables or break what runs",
		Long: `lint judges the migrations that are new compared with a commit: what they drop,
rename or narrow, what fails on rows that exist, which locks hurt on PostgreSQL,
and what does not fit into the one transaction that each file is. It checks that
files which others have are unchanged, that numbers have no gap, and that both
databases get the same tables. Without arguments it looks at all contexts.

What a migration has to do although a rule is against it is allowed by a comment
right above the statement: -- pl:allow RULE reason. With --allow-destructive
nothing is said about what is dropped, renamed or narrowed.`,
		Example: "  pl-gen migrate lint\n  pl-gen migrate lint library --against git:origin/release --format github",
		RunE: func(cmd *cobra.Command, args []string) error {
			l.contexts = args
			root, err := a.root()
			if err != nil {
				return err
			}
			return a.lintMigrations(cmd.Context(), root, l)
		},
	}
	a.addAgainst(cmd, &l.against)
	cmd.Flags().BoolVar(&l.destructive, "allow-destructive", false, "say nothing about what is dropped, renamed or narrowed")
	a.addFormat(cmd)
	return cmd
}

func (a *app) lintMigrations(ctx context.Context, root string, l migrateLint) error {
	for _, name := range l.contexts {
		if err := hasMigrations(root, name); err != nil {
			return err
		}
	}
	base, err := a.openBase(ctx, root, l.against)
	if err != nil {
		return err
	}
	found, err := judgeMigrations(ctx, root, base)
	if err != nil {
		return err
	}
	return a.verdict(slices.DeleteFunc(found, func(d diag.Diagnostic) bool {
		return l.destructive && safety.Destructive(d.Rule) || len(l.contexts) > 0 && !slices.ContainsFunc(l.contexts, func(name string) bool {
			return strings.HasPrefix(d.Pos.File, migrate.Dir(name)+"/")
		})
	}))
}

func hasMigrations(root, context string) error {
	_, err := os.Stat(path.Join(root, migrate.Dir(context)))
	if errors.Is(err, fs.ErrNotExist) {
		return usageError{fmt.Errorf("%s is no context with migrations: there is no %s", context, migrate.Dir(context))}
	}
	return err
}

// openBase opens what is compared with, and says what that is. It is nil where
// there is nothing, except under CI=true.
func (a *app) openBase(ctx context.Context, root, against string) (*history.Base, error) {
	base, err := history.Open(ctx, root, against, a.stderr)
	if errors.Is(err, history.ErrNothing) && os.Getenv("CI") != "true" {
		fmt.Fprintf(a.stderr, "all migrations count as new: %v\n", err)
		return nil, nil
	}
	if err == nil {
		fmt.Fprintf(a.stderr, "compared with %s\n", base.Name)
	}
	return base, err
}

// judgeMigrations returns the findings about all contexts; base may be nil.
func judgeMigrations(ctx context.Context, root string, base *history.Base) ([]diag.Diagnostic, error) {
	var old fs.FS
	if base != nil {
		var err error
		if old, err = base.Migrations(ctx); err != nil {
			return nil, err
		}
	}
	return safety.Check(os.DirFS(root), old)
}

// A migrateRun is one run of "pl-gen migrate apply".
type migrateRun struct {
	context, database   string
	dryRun, destructive bool
}

func (a *app) migrateApply() *cobra.Command {
	var r migrateRun
	cmd := &cobra.Command{
		Use:   "apply CONTEXT",
		Short: "Run the migrations that a database lacks",
		Long: `apply runs the migrations of one context on one database: the platform's own and
the context's, each in a transaction, with the rules and the record that the
command "migrate" of the context's program has. It shows what it has run.
A migration that drops, renames or narrows something without a comment that
allows it is refused, unless --allow-destructive is given.

The database is a PostgreSQL URL or the path of a SQLite file. Without the flag
it is that of PL_DATABASE_URL_<CONTEXT> or PL_DATABASE_URL, which does not show
a password to everybody on the machine.`,
		Example: "  pl-gen migrate apply library --database postgres://library@db/library --dry-run\n  pl-gen migrate apply library --database .pl/library.db",
		Args:    arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.context = args[0]
			root, err := a.root()
			if err != nil {
				return err
			}
			return a.applyMigrations(cmd.Context(), root, r)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&r.database, "database", "", "a PostgreSQL `URL`, or the path of a SQLite file")
	flags.BoolVar(&r.dryRun, "dry-run", false, "print the SQL and run nothing")
	flags.BoolVar(&r.destructive, "allow-destructive", false, "also run what drops, renames or narrows something")
	a.addFormat(cmd)
	return cmd
}

func (a *app) applyMigrations(ctx context.Context, root string, r migrateRun) error {
	if err := hasMigrations(root, r.context); err != nil {
		return err
	}
	r.database = cmp.Or(r.database, os.Getenv("PL_DATABASE_URL_"+strings.ToUpper(r.context)), os.Getenv("PL_DATABASE_URL"))
	if r.database == "" {
		return usageError{errors.New("--database is required: a PostgreSQL URL, or the path of a SQLite file")}
	}
	hub := hubMigrations{app: a, root: root, run: r}
	pending, err := hub.ask(ctx, false)
	if err != nil {
		return err
	}
	if len(pending.Pending) == 0 {
		fmt.Fprintf(a.stderr, "the database of %s is up to date\n", r.context)
		return nil
	}
	lost, err := pending.destructive(root, r.context)
	if err != nil {
		return err
	}
	if len(lost) > 0 && !r.destructive {
		fmt.Fprintln(a.stderr, "nothing was run; --allow-destructive runs it, after a backup")
		return a.verdict(lost)
	}
	if r.dryRun {
		return pending.print(a)
	}
	if _, err := hub.ask(ctx, true); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "%s\n", count(len(pending.Pending), "migration was run", "migrations were run"))
	return nil
}

// hubMigrations reaches a database through the hub, which knows the drivers
// and how migrations are run.
type hubMigrations struct {
	app  *app
	root string
	run  migrateRun
}

// pendingMigrations is the hub's answer.
type pendingMigrations struct {
	Dialect string `json:"dialect"`
	Pending []struct {
		History string `json:"history"`
		File    string `json:"file"`
		SQL     string `json:"sql"`
	} `json:"pending"`
}

func (h hubMigrations) ask(ctx context.Context, apply bool) (*pendingMigrations, error) {
	input, err := json.Marshal(map[string]any{"context": h.run.context, "database": h.run.database, "apply": apply})
	if err != nil {
		return nil, err
	}
	text, err := h.app.callHub(ctx, h.root, hubCall{command: "migrations", input: input, settings: []string{"PL_LOG_LEVEL=error"}})
	if err != nil {
		return nil, err
	}
	var answer pendingMigrations
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, fmt.Errorf("read the hub's answer: %w", err)
	}
	return &answer, nil
}

// destructive returns the findings about what the context's migrations lose.
func (p *pendingMigrations) destructive(root, context string) ([]diag.Diagnostic, error) {
	var names []string
	for _, m := range p.Pending {
		if m.History == "context" {
			names = append(names, path.Base(m.File))
		}
	}
	found, err := safety.Files(os.DirFS(root), context, p.Dialect, names)
	return slices.DeleteFunc(found, func(d diag.Diagnostic) bool { return !safety.Destructive(d.Rule) }), err
}

func (p *pendingMigrations) print(a *app) error {
	for _, m := range p.Pending {
		if _, err := fmt.Fprintf(a.stdout, "-- %s of the %s\n%s\n", m.File, m.History, strings.TrimRight(m.SQL, "\n")); err != nil {
			return err
		}
	}
	return nil
}
