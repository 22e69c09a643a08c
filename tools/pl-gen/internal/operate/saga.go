package operate

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pulselearn/campus-hub/platform/admin"
)

func (env Env) saga() *cobra.Command {
	return group("saga", "See and steer sagas",
		`saga shows instances of processes that go through several contexts, with their
history, and steers those that are stuck.`,
		env.sagaList(), env.sagaShow(),
		env.sagaChange("retry", "Try the step again that an instance is stuck at",
			"retry makes the step due now, with the same idempotency key, and gives it all of\nits attempts again."),
		env.sagaChange("skip", "Go on as if a step were done",
			"skip marks the step as skipped and goes on with the next one. What the step\nwould have done has to be done by other means."),
		env.sagaChange("compensate", "Undo what an instance has done",
			"compensate stops an instance where it is and undoes its steps in reverse order,\nas after a failure."))
}

func (env Env) sagaList() *cobra.Command {
	var conn connection
	var filter admin.SagaFilter
	var all bool
	var limit int
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List instances",
		Long:    `list prints the instances that are at work or wait for a person, those that changed last first; with --all or a --status also those at their end.`,
		Example: "  pl-gen saga list --status stuck\n  pl-gen saga list --context enrollment --key pay-4711 --all --format json",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 || limit > 10_000 {
				return usage("--limit %d is not between 1 and 10000", limit)
			}
			f, err := conn.reach(cmd.Context())
			if err != nil {
				return err
			}
			filter.Open = !all && filter.Status == ""
			list := []admin.Saga{}
			err = f.each(admin.Filter{Context: filter.Context}, func(c *admin.Client, narrow admin.Filter) error {
				one := filter
				one.Context = narrow.Context
				some, err := c.Sagas(cmd.Context(), one, limit)
				list = append(list, some...)
				return err
			})
			if err != nil {
				return err
			}
			slices.SortStableFunc(list, func(a, b admin.Saga) int { return b.ChangedAt.Compare(a.ChangedAt) })
			list = list[:min(len(list), limit)]
			return env.emit(&conn, list, func(w io.Writer) error { return env.printSagas(w, list) })
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&filter.Context, "context", "", "instances of this context")
	flags.StringVar(&filter.Saga, "saga", "", "instances of this saga: EnrollPremiumCourse")
	flags.StringVar(&filter.Key, "key", "", "instances with this key")
	flags.StringVar(&filter.Status, "status", "", "running, compensating, stuck, completed or compensated")
	flags.BoolVar(&all, "all", false, "also instances at their end")
	flags.IntVar(&limit, "limit", defaultRows, "how many rows to print at most")
	conn.flags(cmd)
	return cmd
}

func (env Env) printSagas(w io.Writer, list []admin.Saga) error {
	if len(list) == 0 {
		fmt.Fprintln(env.Stderr, "there is no such instance")
		return nil
	}
	return table(w, func(w io.Writer) {
		fmt.Fprintln(w, "ID\tKEY\tSTATUS\tSTEP\tPARKED\tDUE\tDEADLINE\tCHANGED")
		for _, s := range list {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", s.ID, line(s.Key, 40), s.Status, s.Step, s.Parked,
				stamp(s.DueAt), stamp(s.DeadlineAt), stamp(s.ChangedAt))
		}
	})
}

// ofSaga returns the process that has the instance with an id.
func (f *fleet) ofSaga(id string) (*admin.Client, error) {
	parts := strings.SplitN(id, ":", 3)
	if len(parts) != 3 {
		return nil, usage("%q is not the id of an instance such as enrollment:EnrollPremiumCourse:018f; \"pl-gen saga list\" prints ids", id)
	}
	return f.of(parts[0])
}

func (env Env) sagaShow() *cobra.Command {
	var conn connection
	cmd := &cobra.Command{
		Use:     "show ID",
		Short:   "Show an instance with its history",
		Long:    "show prints where an instance is, its state, and everything that happened to it.",
		Example: "  pl-gen saga show enrollment:EnrollPremiumCourse:018f64ab",
		Args:    arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := conn.reach(cmd.Context())
			if err != nil {
				return err
			}
			c, err := f.ofSaga(args[0])
			if err != nil {
				return err
			}
			d, err := c.SagaInstance(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return env.emit(&conn, d, func(w io.Writer) error { return printSaga(w, &d) })
		},
	}
	conn.flags(cmd)
	return cmd
}

func printSaga(w io.Writer, d *admin.SagaDetail) error {
	err := table(w, func(w io.Writer) {
		row := func(name string, value any) { fmt.Fprintf(w, "%s\t%v\n", name, value) }
		row("id", d.ID)
		row("key", d.Key)
		row("status", d.Status)
		row("step", d.Step)
		row("parked steps", d.Parked)
		row("started", stamp(d.StartedAt))
		row("changed", stamp(d.ChangedAt))
		row("due", stamp(d.DueAt))
		row("deadline", stamp(d.DeadlineAt))
		row("cause", line(d.Cause, 400))
	})
	if len(d.State) > 0 {
		fmt.Fprintf(w, "\nstate\n  %s\n", indented(d.State, "  "))
	}
	fmt.Fprintln(w, "\nhistory")
	if err != nil {
		return err
	}
	return table(w, func(w io.Writer) {
		for _, s := range d.History {
			fmt.Fprintf(w, "  %s\t%s\t%d\t%s\t%s\n", stamp(s.At), s.Step, s.Attempt, s.What, line(strings.TrimSpace(s.Code+" "+s.Reason+" "+s.Actor), 200))
		}
	})
}

func (env Env) sagaChange(action, short, long string) *cobra.Command {
	var conn connection
	var ch admin.SagaChange
	cmd := &cobra.Command{
		Use:     action + " ID",
		Short:   short,
		Long:    long + "\nIt is audited.",
		Example: "  pl-gen saga " + action + " enrollment:EnrollPremiumCourse:018f64ab --reason INC-1234",
		Args:    arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if ch.Reason == "" {
				return usage("--reason is required: the audit keeps it")
			}
			f, err := conn.reach(cmd.Context())
			if err != nil {
				return err
			}
			c, err := f.ofSaga(args[0])
			if err != nil {
				return err
			}
			ch.ID = args[0]
			s, err := c.ChangeSaga(cmd.Context(), action, ch)
			if err != nil {
				return err
			}
			return env.emit(&conn, s, func(w io.Writer) error { return env.printSagas(w, []admin.Saga{s}) })
		},
	}
	cmd.Flags().StringVar(&ch.Reason, "reason", "", "why, for the audit (required)")
	if action != "compensate" {
		cmd.Flags().StringVar(&ch.Step, "step", "", "the step (default: where the instance is)")
	}
	conn.flags(cmd)
	return cmd
}
