// Package scaffold writes what people start from: a new context with its
// contracts, handlers and tests, what is added to one, stubs for handlers that
// the contracts ask for, and migrations. What it writes belongs to people from
// then on: it is written once and never again.
package scaffold

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/migrate"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
)

// An Env is what the commands get from the command line that they belong to.
type Env struct {
	// Root finds the repository.
	Root func() (string, error)
	// Stdout is for data, Stderr for everything else.
	Stdout, Stderr io.Writer
	// Generate brings gen/ up to date.
	Generate func(ctx context.Context, root string) error
}

// A UsageError is a command line that makes no sense.
type UsageError struct{ Err error }

// Error returns the text of the error inside.
func (e UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the error inside.
func (e UsageError) Unwrap() error { return e.Err }

// Commands returns the commands new and add.
func Commands(env Env) []*cobra.Command {
	return []*cobra.Command{env.newCommand(), env.addCommand()}
}

func (env Env) newCommand() *cobra.Command {
	var s spec
	cmd := &cobra.Command{
		Use:   "new CONTEXT",
		Short: "Write a new context: contracts, handlers, tests, migrations",
		Long: `new writes a bounded context that generates, compiles and passes its tests as it
is. What it writes is yours: edit it, and run "pl-gen generate" after changes
of the contracts. A context that is already there is refused, and nothing is
overwritten. When anything fails, nothing is left behind.`,
		Example: "  pl-gen new library --event book_borrowed --rpc GetLoan --entity Loan --consumes pl.userprofile.user_registered.v1",
		Args:    exactly(1, "the context's name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s.context = args[0]
			return env.create(cmd.Context(), &s)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&s.events, "event", nil, "an event that it publishes, in snake case: book_borrowed; repeatable")
	flags.StringArrayVar(&s.rpcs, "rpc", nil, "a call of its API: GetLoan, ListLoans and CreateLoan of an entity Loan are written out; repeatable")
	flags.StringArrayVar(&s.entities, "entity", nil, "an entity of its database: Loan; repeatable")
	flags.StringArrayVar(&s.consumes, "consumes", nil, "a topic that it consumes: pl.userprofile.user_registered.v1; repeatable")
	flags.StringVar(&s.owner, "owner", "", "who answers for it (default: squad-CONTEXT)")
	return cmd
}

func (env Env) addCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "add",
		Short: "Add an event, call, entity, consumer or saga to a context",
		Long: `add inserts into the context's contracts and leaves everything else in them as
it is. It writes the handler with a test, and the migration of a new entity.`,
	}
	for _, kind := range []struct{ use, short, example string }{
		{"event CONTEXT NAME", "Add an event that the context publishes", "  pl-gen add event library book_returned"},
		{"rpc CONTEXT NAME", "Add a call to the context's API", "  pl-gen add rpc library ListLoans"},
		{"entity CONTEXT NAME", "Add an entity to the context's database", "  pl-gen add entity library Reader"},
		{"consumer CONTEXT TOPIC", "Add an event that the context consumes", "  pl-gen add consumer library pl.course.course_published.v1 --external --attempts 5"},
	} {
		name, _, _ := strings.Cut(kind.use, " ")
		var how consumption
		add := &cobra.Command{
			Use: kind.use, Short: kind.short, Example: kind.example,
			Args: exactly(2, "a context and a name"),
			RunE: func(cmd *cobra.Command, args []string) error {
				return env.add(cmd.Context(), name, args[0], args[1], how)
			},
		}
		if name == "consumer" {
			how.flags(add)
		}
		cmd.AddCommand(add)
	}
	cmd.AddCommand(env.addSagaCommand())
	return cmd
}

// A consumption is how a new consumer takes its events.
type consumption struct {
	external, skipDead bool
	attempts           uint32
	first, longest     time.Duration
}

func (c *consumption) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&c.external, "external", false, "its effect is outside of the database, for example an e-mail: the handler gets a Call with an idempotency key")
	flags.BoolVar(&c.skipDead, "skip-dead", false, "later events of a key do not wait for a dead one")
	flags.Uint32Var(&c.attempts, "attempts", 0, "how often a delivery is tried (default: 15)")
	flags.DurationVar(&c.first, "first-delay", 0, "the delay behind the first attempt (default: 500ms)")
	flags.DurationVar(&c.longest, "max-delay", 0, "the longest delay between attempts (default: 15m)")
}

// option is the annotation of a consumer of topic.
func (c *consumption) option(topic string) string {
	parts := []string{"topic: " + strconv.Quote(topic)}
	if c.external {
		parts = append(parts, "effect: EFFECT_EXTERNAL")
	}
	if c.skipDead {
		parts = append(parts, "on_dead: ON_DEAD_SKIP")
	}
	if retry := c.retry(); retry != "" {
		parts = append(parts, "retry: {"+retry+"}")
	}
	return "{" + strings.Join(parts, " ") + "}"
}

func (c *consumption) retry() string {
	var parts []string
	if c.attempts > 0 {
		parts = append(parts, fmt.Sprintf("attempts: %d", c.attempts))
	}
	if c.first != 0 {
		parts = append(parts, fmt.Sprintf("first_delay: %q", c.first))
	}
	if c.longest != 0 {
		parts = append(parts, fmt.Sprintf("max_delay: %q", c.longest))
	}
	return strings.Join(parts, " ")
}

func exactly(n int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != n {
			return UsageError{fmt.Errorf("give %s", what)}
		}
		return nil
	}
}

// create writes a new context.
func (env Env) create(ctx context.Context, s *spec) error {
	if err := s.check(); err != nil {
		return UsageError{err}
	}
	if s.owner == "" {
		s.owner = "squad-" + s.context
	}
	r, m, err := env.open()
	if err != nil {
		return err
	}
	if err := s.refuseExisting(r); err != nil {
		return err
	}
	if err := knownTopics(m, s.consumes); err != nil {
		return err
	}
	r.put(protoPath(s.context), []byte(s.proto(m.Module)))
	for _, e := range s.events {
		r.put(avroPath(s.context, e), avsc(s.context, e, firstOf(s.entities)))
	}
	return env.finish(ctx, r, s.context)
}

func firstOf(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// refuseExisting names what is already there of the context.
func (s *spec) refuseExisting(r *repository) error {
	var there []string
	for _, name := range []string{"contracts/proto/pl/" + s.context, "contracts/avro/" + s.context, serviceDir(s.context)} {
		if r.exists(name) {
			there = append(there, name)
		}
	}
	if len(there) == 0 {
		return nil
	}
	return fmt.Errorf("context %s is already there (%s); nothing was written. \"pl-gen add\" adds to it", s.context, strings.Join(there, ", "))
}

// open reads the repository, whose contracts must be in order.
func (env Env) open() (*repository, *model.Model, error) {
	root, err := env.Root()
	if err != nil {
		return nil, nil, err
	}
	r := open(root)
	m, findings, err := r.load()
	if err != nil {
		return nil, nil, err
	}
	return r, m, env.refuse(findings, "the contracts have findings; correct them first")
}

// refuse prints findings that are errors and fails if there are any.
func (env Env) refuse(findings []diag.Diagnostic, message string) error {
	findings = slices.DeleteFunc(slices.Clone(findings), func(d diag.Diagnostic) bool { return d.Severity != diag.Error })
	if len(findings) == 0 {
		return nil
	}
	if err := diag.Render(env.Stdout, diag.Text, findings); err != nil {
		return err
	}
	return errors.New(message)
}

// finish plans code and migrations for contracts that were changed in memory,
// writes everything, and generates.
func (env Env) finish(ctx context.Context, r *repository, name string) error {
	m, findings, err := r.load()
	if err != nil {
		return err
	}
	if err := env.refuse(findings, "these findings would be in the contracts, so nothing was written"); err != nil {
		return err
	}
	i := slices.IndexFunc(m.Contexts, func(c *model.Context) bool { return c.Name == name })
	if i < 0 {
		return fmt.Errorf("context %s is not in the contracts", name)
	}
	if err := planCode(r, m, m.Contexts[i]); err != nil {
		return err
	}
	return env.write(r, func() error { return env.Generate(ctx, r.dir) })
}

// planCode adds the handlers that are missing, with tests, one of crashes when
// there is none, and the migrations.
func planCode(r *repository, m *model.Model, c *model.Context) error {
	code, err := readService(r, c)
	if err != nil {
		return err
	}
	if code.broken {
		return fmt.Errorf("%s has files that are not Go, so it is not known which handlers are missing; nothing was written", serviceDir(c.Name))
	}
	w := newWriter(r, m, c)
	var fresh []handler
	for _, h := range w.handlers() {
		if _, ok := code.methods[h.name]; !ok {
			fresh = append(fresh, h)
		}
	}
	isNew := !code.hasType
	if err := w.missing(code, w.handler, w.sagaMethod); err != nil {
		return err
	}
	freshSagas := slices.DeleteFunc(slices.Clone(c.Sagas), func(s *model.Saga) bool {
		_, there := code.methods[s.Name]
		return there
	})
	if err := w.sagaTests(freshSagas); err != nil {
		return err
	}
	if isNew || len(fresh) > 0 {
		if err := w.tests(fresh); err != nil {
			return err
		}
	}
	if err := w.crashTest(fresh); err != nil {
		return err
	}
	return planMigrations(r, c, w.planned)
}

func planMigrations(r *repository, c *model.Context, code []plan.File) error {
	migrations, err := migrate.Plan(r, c, migrate.Options{})
	if err != nil {
		return err
	}
	for _, f := range code {
		if err := r.add(f.Path, f.Content); err != nil {
			return err
		}
	}
	for _, f := range migrations {
		r.put(f.Path, f.Content)
	}
	return nil
}

// write writes everything and does what comes after; when that fails,
// everything is taken back.
func (env Env) write(r *repository, after func() error) error {
	undo, err := r.commit()
	if err != nil {
		return err
	}
	if err := after(); err != nil {
		return errors.Join(fmt.Errorf("nothing was written: %w", err), undo())
	}
	for _, name := range r.names() {
		verb := "create"
		if !r.added[name] {
			verb = "update"
		}
		fmt.Fprintf(env.Stdout, "%s %s\n", verb, name)
	}
	return nil
}
