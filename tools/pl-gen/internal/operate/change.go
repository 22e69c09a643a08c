package operate

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pulselearn/campus-hub/platform/admin"
)

// changeRows is how many letters one request changes.
const changeRows = 500

// A change is a run of park or drop.
type change struct {
	env    Env
	action string
	conn   connection
	chosen choice
	ids    []string
	reason string
	all    bool
	yes    bool
}

func (ch *change) flags(cmd *cobra.Command) {
	ch.chosen.flags(cmd)
	cmd.Flags().StringVar(&ch.reason, "reason", "", "why, for the audit (required)")
	cmd.Flags().BoolVar(&ch.all, "all", false, "choose every letter, in place of ids and filters")
	ch.conn.flags(cmd)
}

func (ch *change) check() error {
	switch {
	case ch.reason == "":
		return usage("--reason is required: the audit keeps it")
	case len(ch.ids) > 0 && (ch.all || !ch.chosen.empty()):
		return usage("give ids or filters, not both")
	case len(ch.ids) == 0 && !ch.all && ch.chosen.empty():
		return usage("say which letters: their ids, filters such as --signature, or --all")
	}
	return nil
}

func (env Env) dlqPark() *cobra.Command {
	ch := &change{env: env, action: "park"}
	cmd := &cobra.Command{
		Use:   "park [ID...]",
		Short: "Put letters aside until somebody decides",
		Long: `park stops the attempts of letters that are held or dead. They go on blocking
their keys; redrive or drop them later. It is audited.`,
		Example: "  pl-gen dlq park achievement.OnQuizCompleted/pl.quiz.quiz_completed.v1/3/42 --reason \"waits for INC-1234\"\n  pl-gen dlq park --signature 1a2b3c4d --reason INC-1234",
		RunE: func(cmd *cobra.Command, args []string) error {
			ch.ids = args
			if err := ch.check(); err != nil {
				return err
			}
			f, err := env.choose(cmd.Context(), &ch.conn, &ch.chosen)
			if err != nil {
				return err
			}
			return ch.carryOut(cmd.Context(), f)
		},
	}
	ch.flags(cmd)
	return cmd
}

func (env Env) dlqDrop() *cobra.Command {
	ch := &change{env: env, action: "drop"}
	cmd := &cobra.Command{
		Use:   "drop [ID...]",
		Short: "Give letters up for good",
		Long: `drop removes letters without running them. Their events are never applied by
this consumer, also when they are published again, and the later events of
their keys go on. It first prints what is lost and asks; without a terminal it
needs --yes. It is audited. "pl-gen dlq export" keeps a copy.`,
		Example: "  pl-gen dlq drop achievement.OnQuizCompleted/pl.quiz.quiz_completed.v1/3/42 --reason \"test data, INC-1234\"\n  pl-gen dlq drop --signature 1a2b3c4d --reason INC-1234 --yes",
		RunE: func(cmd *cobra.Command, args []string) error {
			ch.ids = args
			if err := ch.check(); err != nil {
				return err
			}
			f, err := env.choose(cmd.Context(), &ch.conn, &ch.chosen)
			if err != nil {
				return err
			}
			if err := ch.confirm(cmd.Context(), f); err != nil {
				return err
			}
			return ch.carryOut(cmd.Context(), f)
		},
	}
	ch.flags(cmd)
	cmd.Flags().BoolVar(&ch.yes, "yes", false, "do not ask")
	return cmd
}

// confirm says what would be lost, and asks.
func (ch *change) confirm(ctx context.Context, f *fleet) error {
	n, err := ch.losing(ctx, f)
	if err != nil {
		return err
	}
	question := fmt.Sprintf("%s will never be applied.", letters(n))
	return ch.env.confirm(question, fmt.Sprint(n), ch.yes)
}

// confirm asks a person at the terminal to type answer. Without a terminal
// only yes helps.
func (env Env) confirm(question, answer string, yes bool) error {
	fmt.Fprintln(env.Stderr, question)
	if yes {
		return nil
	}
	if !env.Terminal {
		return usage("nothing was changed: there is no terminal to ask at; give --yes")
	}
	fmt.Fprintf(env.Stderr, "Type %s to go on: ", answer)
	typed, err := bufio.NewReader(env.Stdin).ReadString('\n')
	if strings.TrimSpace(typed) != answer {
		return fmt.Errorf("nothing was changed: %q was not typed", answer)
	}
	if err != nil && err != io.EOF {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}

func (ch *change) losing(ctx context.Context, f *fleet) (n int64, err error) {
	if len(ch.ids) > 0 {
		return int64(len(ch.ids)), ch.describe(ctx, f)
	}
	err = f.each(ch.chosen.filter, func(c *admin.Client, filter admin.Filter) error {
		groups, err := c.Groups(ctx, filter)
		for _, g := range groups {
			n += g.Count
			fmt.Fprintf(ch.env.Stderr, "%d %s of %s, %s to %s: %s\n", g.Count, g.State, g.Consumer, stamp(g.Oldest), stamp(g.Newest), line(waitsBehind(g.Cause), 100))
		}
		return err
	})
	if err == nil && n == 0 {
		err = fmt.Errorf("no letter is like that; \"pl-gen dlq list\" says what there is")
	}
	return n, err
}

func (ch *change) describe(ctx context.Context, f *fleet) error {
	for _, id := range ch.ids {
		c, err := f.ofLetter(id)
		if err != nil {
			return err
		}
		d, err := c.Letter(ctx, id, false, "")
		if err != nil {
			return err
		}
		fmt.Fprintf(ch.env.Stderr, "%s  %s  event %s  key %s\n", d.ID, d.State, d.EventID, keyOf(&d.Letter))
	}
	return nil
}

func (ch *change) carryOut(ctx context.Context, f *fleet) error {
	var total admin.Changed
	err := ch.requests(f, func(c *admin.Client, request admin.Change) error {
		for {
			answer, err := c.Change(ctx, ch.action, request)
			total.Changed += answer.Changed
			total.Refused = merge(total.Refused, answer.Refused)
			if err != nil || answer.After == "" {
				return err
			}
			request.After = answer.After
		}
	})
	if err := ch.env.report(&ch.conn, ch.action, total); err != nil {
		return err
	}
	if err == nil && len(total.Refused) > 0 {
		err = ErrFindings
	}
	return err
}

// requests calls do for every request that the ids or filters come to.
func (ch *change) requests(f *fleet, do func(c *admin.Client, request admin.Change) error) error {
	base := admin.Change{Reason: ch.reason, Limit: changeRows}
	if len(ch.ids) == 0 {
		return f.each(ch.chosen.filter, func(c *admin.Client, filter admin.Filter) error {
			request := base
			request.Filter = &filter
			return do(c, request)
		})
	}
	byContext, err := f.letters(ch.ids)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(byContext)) {
		for ids := range slices.Chunk(byContext[name], changeRows) {
			request := base
			request.IDs = ids
			if err := do(f.members[name], request); err != nil {
				return err
			}
		}
	}
	return nil
}

// letters sorts ids by context.
func (f *fleet) letters(ids []string) (map[string][]string, error) {
	byContext := map[string][]string{}
	for _, id := range ids {
		if _, err := f.ofLetter(id); err != nil {
			return nil, err
		}
		name, _, _ := strings.Cut(id, ".")
		byContext[name] = append(byContext[name], id)
	}
	return byContext, nil
}

func merge(a, b map[string]string) map[string]string {
	if a == nil {
		a = map[string]string{}
	}
	maps.Copy(a, b)
	return a
}

var done = map[string]string{"park": "parked", "drop": "dropped", "redrive": "redriven"}

func (env Env) report(conn *connection, action string, total admin.Changed) error {
	return env.emit(conn, total, func(w io.Writer) error {
		for _, id := range slices.Sorted(maps.Keys(total.Refused)) {
			fmt.Fprintf(w, "%s was not %s: %s\n", id, done[action], total.Refused[id])
		}
		_, err := fmt.Fprintf(w, "%s %s\n", letters(int64(total.Changed)), done[action])
		return err
	})
}

func (env Env) dlqExport() *cobra.Command {
	var conn connection
	var chosen choice
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write letters as JSON, one a line, for other tools",
		Long: `export writes every letter that the filters choose as one line of JSON: what
"list --rows" prints, the record's value and headers in base64, and the
registry's id of the schema that it was written with. The values hold personal
data as they are; every export is audited.`,
		Example: "  pl-gen dlq export --context achievement > letters.ndjson",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := env.choose(cmd.Context(), &conn, &chosen)
			if err != nil {
				return err
			}
			return f.each(chosen.filter, func(c *admin.Client, filter admin.Filter) error {
				return c.Export(cmd.Context(), filter, func(text []byte) error {
					_, err := fmt.Fprintf(env.Stdout, "%s\n", text)
					return err
				})
			})
		},
	}
	chosen.flags(cmd)
	conn.flags(cmd)
	return cmd
}
