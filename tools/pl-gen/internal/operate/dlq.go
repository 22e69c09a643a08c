package operate

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pulselearn/campus-hub/platform/admin"
)

func (env Env) dlq() *cobra.Command {
	return group("dlq", "See and steer deliveries that failed",
		`dlq shows what consumers hold: deliveries that wait for another attempt (held),
have failed for good (dead) or wait for a decision (parked). Each blocks the
later events of its key, unless the contract says on_dead: SKIP, until it
succeeds or is dropped; events of other keys go on.

  pl-gen dlq list                      what failed, grouped by cause
  pl-gen dlq show ID                   everything about one letter
  pl-gen dlq redrive ID --dry-run      what its handler would do now
  pl-gen dlq redrive --signature S --reason R
                                       run all with that cause again, carefully

docs/runbooks/dead-letters.md goes through it step by step.`,
		env.dlqList(), env.dlqShow(), env.dlqRedrive(), env.dlqPark(), env.dlqDrop(), env.dlqExport())
}

// defaultRows is how many letters list --rows prints.
const defaultRows = 50

func (env Env) dlqList() *cobra.Command {
	var conn connection
	var chosen choice
	var rows bool
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List letters, grouped by cause",
		Long: `list prints how many letters each consumer holds of each state and cause, the
most frequent first. A signature is a cause without the ids and numbers in it.
With --rows it prints single letters, in the order of their records.`,
		Example: "  pl-gen dlq list\n  pl-gen dlq list --context achievement --state dead --rows --limit 200\n  pl-gen dlq list --key ada --rows --format json",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 || limit > 10_000 {
				return usage("--limit %d is not between 1 and 10000", limit)
			}
			f, err := env.choose(cmd.Context(), &conn, &chosen)
			if err != nil {
				return err
			}
			if rows {
				return env.listLetters(cmd.Context(), &conn, f, chosen.filter, limit)
			}
			return env.listGroups(cmd.Context(), &conn, f, chosen.filter, limit)
		},
	}
	chosen.flags(cmd)
	cmd.Flags().BoolVar(&rows, "rows", false, "print single letters")
	cmd.Flags().IntVar(&limit, "limit", defaultRows, "how many rows to print at most")
	conn.flags(cmd)
	return cmd
}

// choose checks the flags, connects, and looks up a short signature.
func (env Env) choose(ctx context.Context, conn *connection, chosen *choice) (*fleet, error) {
	if err := chosen.check(); err != nil {
		return nil, err
	}
	f, err := conn.reach(ctx)
	if err != nil {
		return nil, err
	}
	return f, chosen.resolve(ctx, f)
}

func (env Env) listGroups(ctx context.Context, conn *connection, f *fleet, filter admin.Filter, limit int) error {
	groups := []admin.Group{}
	err := f.each(filter, func(c *admin.Client, filter admin.Filter) error {
		some, err := c.Groups(ctx, filter)
		groups = append(groups, some...)
		return err
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(groups, func(a, b admin.Group) int { return int(b.Count - a.Count) })
	left := max(len(groups)-limit, 0)
	groups = groups[:len(groups)-left]
	return env.emit(conn, groups, func(w io.Writer) error { return env.printGroups(w, groups, left) })
}

func (env Env) printGroups(w io.Writer, groups []admin.Group, left int) error {
	if len(groups) == 0 {
		fmt.Fprintln(env.Stderr, "nothing is held")
		return nil
	}
	err := table(w, func(w io.Writer) {
		fmt.Fprintln(w, "COUNT\tSTATE\tCONSUMER\tTOPIC\tOLDEST\tNEWEST\tSIGNATURE\tEXAMPLE")
		for _, g := range groups {
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
				g.Count, g.State, g.Consumer, g.Topic, stamp(g.Oldest), stamp(g.Newest), signatureID(g.Signature), g.Example)
		}
	})
	fmt.Fprintln(w)
	causes := map[string]bool{}
	for _, g := range groups {
		if id := signatureID(g.Signature); !causes[id] {
			causes[id] = true
			fmt.Fprintf(w, "%s  %s\n", id, line(waitsBehind(g.Cause), 400))
		}
	}
	if left > 0 {
		fmt.Fprintf(env.Stderr, "%d more groups; raise --limit\n", left)
	}
	return err
}

// waitsBehind is the cause of a letter that has not failed itself.
func waitsBehind(cause string) string {
	if cause == "" {
		return "waits behind another letter of its key"
	}
	return cause
}

func (env Env) listLetters(ctx context.Context, conn *connection, f *fleet, filter admin.Filter, limit int) error {
	list := []admin.Letter{}
	err := f.each(filter, func(c *admin.Client, filter admin.Filter) error {
		some, err := c.Letters(ctx, filter, limit)
		list = append(list, some...)
		return err
	})
	if err != nil {
		return err
	}
	list = list[:min(len(list), limit)]
	return env.emit(conn, list, func(w io.Writer) error {
		if len(list) == 0 {
			fmt.Fprintln(env.Stderr, "nothing is held")
		}
		if len(list) == limit {
			fmt.Fprintf(env.Stderr, "%s printed, there may be more; raise --limit\n", letters(int64(limit)))
		}
		return printLetters(w, list)
	})
}

func printLetters(w io.Writer, list []admin.Letter) error {
	if len(list) == 0 {
		return nil
	}
	return table(w, func(w io.Writer) {
		fmt.Fprintln(w, "ID\tSTATE\tKEY\tATTEMPTS\tREDRIVES\tLAST FAILED\tNEXT\tCAUSE")
		for _, l := range list {
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%s\t%s\t%s\n", l.ID, l.State, keyOf(&l), l.Attempts, l.Redrives,
				stamp(l.LastFailedAt), stamp(l.NextAt), line(waitsBehind(l.Cause), 100))
		}
	})
}

func keyOf(l *admin.Letter) string {
	switch {
	case l.Key != "":
		return line(l.Key, 60)
	case l.KeyBase64 != "":
		return "base64:" + line(l.KeyBase64, 60)
	}
	return "-"
}

func (env Env) dlqShow() *cobra.Command {
	var conn connection
	var unmask bool
	var reason string
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show everything about one letter",
		Long: `show prints the record's headers and its payload, read with the schema that it
was written with, why it failed and how often, what people did with it, and what
waits behind it. Personal data is masked; --unmask shows it, needs --reason and
is audited.`,
		Example: "  pl-gen dlq show achievement.OnQuizCompleted/pl.quiz.quiz_completed.v1/3/42\n  pl-gen dlq show achievement.OnQuizCompleted/pl.quiz.quiz_completed.v1/3/42 --unmask --reason INC-1234",
		Args:    arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if unmask && reason == "" {
				return usage("--unmask needs --reason: who looks at personal data says why")
			}
			f, err := conn.reach(cmd.Context())
			if err != nil {
				return err
			}
			c, err := f.ofLetter(args[0])
			if err != nil {
				return err
			}
			d, err := c.Letter(cmd.Context(), args[0], unmask, reason)
			if err != nil {
				return err
			}
			return env.emit(&conn, d, func(w io.Writer) error { return printDetail(w, &d) })
		},
	}
	cmd.Flags().BoolVar(&unmask, "unmask", false, "show personal data")
	cmd.Flags().StringVar(&reason, "reason", "", "why personal data has to be seen")
	conn.flags(cmd)
	return cmd
}

func printDetail(w io.Writer, d *admin.Detail) error {
	err := table(w, func(w io.Writer) {
		row := func(name, value string) { fmt.Fprintf(w, "%s\t%s\n", name, cmp.Or(value, "-")) }
		row("id", d.ID)
		row("state", d.State+stateNote(d))
		row("consumer", d.Consumer)
		row("record", fmt.Sprintf("%s, partition %d, offset %d, %d bytes, of %s", d.Topic, d.Partition, d.Offset, d.Bytes, stamp(d.RecordedAt)))
		row("key", keyOf(&d.Letter))
		row("event", strings.TrimSpace(d.EventID+" "+d.EventSource))
		row("attempts", fmt.Sprintf("%d, and %d redrives; first failed %s, last %s", d.Attempts, d.Redrives, stamp(d.FirstFailedAt), stamp(d.LastFailedAt)))
		row("held since", stamp(d.HeldAt))
		row("next attempt", stamp(d.NextAt))
		row("signature", signatureID(d.Signature))
		row("schema", d.Schema)
	})
	fmt.Fprintf(w, "\ncause\n  %s\n\npayload\n  %s\n", strings.ReplaceAll(strings.TrimSpace(waitsBehind(d.Cause)), "\n", "\n  "), payload(d))
	fmt.Fprintln(w, "\nheaders"+none(len(d.Headers)))
	for _, h := range d.Headers {
		fmt.Fprintf(w, "  %s: %s\n", h.Name, headerValue(h))
	}
	printBehind(w, d)
	printHistory(w, d.History)
	return err
}

func stateNote(d *admin.Detail) string {
	switch {
	case d.Blocks:
		return ", blocks its key"
	case d.State == admin.Dead && d.SkipDead:
		return ", blocks nothing: later events of its key went past it (on_dead: SKIP)"
	}
	return ""
}

func payload(d *admin.Detail) string {
	if d.PayloadError != "" {
		return "cannot be shown: " + d.PayloadError
	}
	return indented(d.Payload, "  ")
}

func none(n int) string {
	if n == 0 {
		return ": none"
	}
	return ""
}

func headerValue(h admin.Header) string {
	if h.Base64 != "" {
		return "base64:" + h.Base64
	}
	return h.Value
}

func printBehind(w io.Writer, d *admin.Detail) {
	if d.Behind == 0 {
		return
	}
	behind := "1 later letter of its key waits"
	if d.Behind > 1 {
		behind = fmt.Sprintf("%d later letters of its key wait", d.Behind)
	}
	fmt.Fprintf(w, "\n%s behind it\n", behind)
	for _, id := range d.First {
		fmt.Fprintf(w, "  %s\n", id)
	}
}

func printHistory(w io.Writer, history []admin.Audit) {
	if len(history) == 0 {
		return
	}
	fmt.Fprintln(w, "\nhistory")
	for _, a := range history {
		fmt.Fprintf(w, "  %s  %s  %s  %s\n", stamp(a.At), a.Action, a.Actor, strings.TrimSpace(a.Reason+" "+a.Detail))
	}
}
