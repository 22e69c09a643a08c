package operate

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/pulselearn/campus-hub/platform/admin"
)

func (env Env) consumer() *cobra.Command {
	return group("consumer", "See and move the positions of consumers",
		`consumer shows where consumers are in their topics, what keeps them, and which
keys wait; reset moves a consumer to another position.`,
		env.consumerShow(), env.consumerReset())
}

func (env Env) consumerShow() *cobra.Command {
	var conn connection
	var name string
	cmd := &cobra.Command{
		Use:   "show [CONSUMER]",
		Short: "Show positions, lag, pauses and blocked keys",
		Long: `show prints for every partition of a consumer the offset of its next record, the
topic's end and the lag, how many letters are held, dead and parked, and how
many keys wait. Below come the reasons for which something is not consumed.`,
		Example: "  pl-gen consumer show\n  pl-gen consumer show achievement.OnQuizCompleted --format json",
		Args:    arguments(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := conn.reach(cmd.Context())
			if err != nil {
				return err
			}
			filter := admin.Filter{Context: name}
			if len(args) == 1 {
				filter.Consumer = args[0]
			}
			list := []admin.Consumer{}
			err = f.each(filter, func(c *admin.Client, filter admin.Filter) error {
				some, err := c.Consumers(cmd.Context(), filter.Context, filter.Consumer)
				list = append(list, some...)
				return err
			})
			if err != nil {
				return err
			}
			return env.emit(&conn, list, func(w io.Writer) error { return printConsumers(w, list) })
		},
	}
	cmd.Flags().StringVar(&name, "context", "", "consumers of this context")
	conn.flags(cmd)
	return cmd
}

func printConsumers(w io.Writer, list []admin.Consumer) error {
	err := table(w, func(w io.Writer) {
		fmt.Fprintln(w, "CONSUMER\tPARTITION\tNEXT\tEND\tLAG\tEPOCH\tHELD\tDEAD\tPARKED\tBLOCKED KEYS")
		for _, c := range list {
			for _, p := range c.Partitions {
				fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\n", c.Consumer, p.Partition,
					offset(p.Next), known(p.End), known(p.Lag), p.Epoch, p.Held, p.Dead, p.Parked, p.BlockedKeys)
			}
		}
	})
	for _, c := range list {
		for _, note := range notes(&c) {
			fmt.Fprintln(w, "\n"+note)
		}
	}
	return err
}

// notes says what keeps a consumer.
func notes(c *admin.Consumer) []string {
	var list []string
	if c.Unready != "" {
		list = append(list, fmt.Sprintf("%s: not consuming in the process asked: %s", c.Consumer, c.Unready))
	}
	if len(c.Partitions) == 0 {
		list = append(list, fmt.Sprintf("%s: no partition was ever claimed", c.Consumer))
	}
	for _, p := range c.Partitions {
		if p.Paused != "" {
			list = append(list, fmt.Sprintf("%s partition %d takes no new records: %s", c.Consumer, p.Partition, p.Paused))
		}
		if p.BlockedKeys > 0 {
			list = append(list, fmt.Sprintf("%s partition %d: %s, the longest since %s behind %s",
				c.Consumer, p.Partition, count(p.BlockedKeys, "key waits", "keys wait"), stamp(p.OldestBlocked), p.OldestLetter))
		}
	}
	return list
}

// A reset is one run of the command.
type reset struct {
	env        Env
	conn       connection
	to, reason string
	partitions []int
	yes, dry   bool
}

func (env Env) consumerReset() *cobra.Command {
	r := &reset{env: env}
	cmd := &cobra.Command{
		Use:   "reset CONSUMER",
		Short: "Move a consumer to another position",
		Long: `reset moves the position of every partition, or of those that --partition names,
in the consumer's own database, and raises its epoch: whoever works on the
partition loses it, commits nothing more, and claims it anew.

Moving back does not apply everything again. The inbox knows the events of the
last eight days that were applied; those run through without effect, older ones
are applied a second time. Letters that are held stay as they are. To build a
projection anew, give the handler a new name in the contract: it begins with an
empty inbox. Moving forward skips events for good.`,
		Example: "  pl-gen consumer reset achievement.OnQuizCompleted --to earliest --dry-run\n  pl-gen consumer reset achievement.OnQuizCompleted --to 2026-11-23T03:00:00Z --reason INC-1234\n  pl-gen consumer reset achievement.OnQuizCompleted --to 4711 --partition 3 --reason INC-1234 --yes",
		Args:    arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.run(cmd.Context(), args[0])
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&r.to, "to", "", "earliest, latest, an offset, a time, or how long ago: 2h (required)")
	flags.IntSliceVar(&r.partitions, "partition", nil, "the partitions to move (default: all)")
	flags.StringVar(&r.reason, "reason", "", "why, for the audit (required)")
	flags.BoolVar(&r.yes, "yes", false, "do not ask")
	flags.BoolVar(&r.dry, "dry-run", false, "say where the positions would be, and move none")
	r.conn.flags(cmd)
	return cmd
}

func (r *reset) request(consumer string) (admin.Reset, error) {
	request := admin.Reset{Consumer: consumer, Reason: r.reason, DryRun: true}
	for _, p := range r.partitions {
		request.Partitions = append(request.Partitions, int32(p))
	}
	if r.reason == "" && !r.dry {
		return request, usage("--reason is required: the audit keeps it")
	}
	if n, err := strconv.ParseInt(r.to, 10, 64); err == nil && n >= 0 {
		request.To, request.Offset = "offset", n
		return request, nil
	}
	if slices.Contains([]string{"earliest", "latest"}, r.to) {
		request.To = r.to
		return request, nil
	}
	if r.to == "" {
		return request, usage("--to is required: earliest, latest, an offset or a time")
	}
	at, err := moment("to", r.to, time.Now())
	request.To, request.Time = "time", at
	return request, err
}

func (r *reset) run(ctx context.Context, consumer string) error {
	request, err := r.request(consumer)
	if err != nil {
		return err
	}
	f, err := r.conn.reach(ctx)
	if err != nil {
		return err
	}
	c, err := f.ofConsumer(consumer)
	if err != nil {
		return err
	}
	plan, err := c.Reset(ctx, request)
	if err != nil || r.dry {
		return r.report(plan, err)
	}
	if err := printMoves(r.env.Stderr, plan); err != nil {
		return err
	}
	if err := r.env.confirm(consequences(plan), consumer, r.yes); err != nil {
		return err
	}
	request.DryRun = false
	moved, err := c.Reset(ctx, request)
	return r.report(moved, err)
}

func (r *reset) report(moves []admin.Moved, err error) error {
	if err != nil {
		return err
	}
	if err := r.env.emit(&r.conn, moves, func(w io.Writer) error { return printMoves(w, moves) }); err != nil {
		return err
	}
	for _, m := range moves {
		if m.Failed != "" {
			return ErrFindings
		}
	}
	return nil
}

func printMoves(w io.Writer, moves []admin.Moved) error {
	return table(w, func(w io.Writer) {
		fmt.Fprintln(w, "PARTITION\tFROM\tTO\tEPOCH\tNOTE")
		for _, m := range moves {
			fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%s\n", m.Partition, offset(m.From), offset(m.To), m.Epoch, m.Failed)
		}
	})
}

// consequences warns of what a reset does.
func consequences(moves []admin.Moved) string {
	back, forward := false, false
	for _, m := range moves {
		switch {
		case m.To == m.From:
		case m.To == -2 || m.To >= 0 && m.To < m.From:
			back = true
		default:
			forward = true
		}
	}
	text := "The consumer moves."
	if back {
		text += " Back: events of the last eight days that it has applied have no effect again, older ones are applied a second time, and letters that are held stay as they are."
	}
	if forward {
		text += " Forward: events in between that were not applied never will be."
	}
	return text
}
