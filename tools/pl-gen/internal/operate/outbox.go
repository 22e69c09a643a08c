package operate

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pulselearn/campus-hub/platform/admin"
)

func (env Env) outbox() *cobra.Command {
	return group("outbox", "See what is not published, and publish again what a broker has lost",
		`outbox shows how many events of each context the broker does not have yet and
who publishes them; replay publishes events again.`,
		env.outboxStatus(), env.outboxReplay())
}

func (env Env) outboxStatus() *cobra.Command {
	var conn connection
	var name string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what waits to be published",
		Long: `status prints for every shard of a context's outbox how many events wait, since when, and which relay has it until when.
A relay without events to publish lets its time run out, and another may take over.`,
		Example: "  pl-gen outbox status\n  pl-gen outbox status --context quiz --format json",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := conn.reach(cmd.Context())
			if err != nil {
				return err
			}
			list := []admin.Outbox{}
			err = f.each(admin.Filter{Context: name}, func(c *admin.Client, filter admin.Filter) error {
				o, err := c.Outbox(cmd.Context(), filter.Context)
				list = append(list, o)
				return err
			})
			if err != nil {
				return err
			}
			return env.emit(&conn, list, func(w io.Writer) error { return printOutboxes(w, list) })
		},
	}
	cmd.Flags().StringVar(&name, "context", "", "the outbox of this context")
	conn.flags(cmd)
	return cmd
}

func printOutboxes(w io.Writer, list []admin.Outbox) error {
	return table(w, func(w io.Writer) {
		fmt.Fprintln(w, "CONTEXT\tSHARD\tUNPUBLISHED\tOLDEST\tRELAY\tUNTIL\tEPOCH")
		for _, o := range list {
			for _, s := range o.Shards {
				holder := s.Holder
				if holder == "" {
					holder = "none"
				}
				fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t%s\t%d\n", o.Context, s.Shard, s.Unpublished, stamp(s.Oldest), holder, stamp(s.LeasedUntil), s.Epoch)
			}
		}
	})
}

// A replay is one run of the command.
type replay struct {
	env              Env
	conn             connection
	context          string
	from, to, reason string
	topics           []string
	yes, dry         bool
}

func (env Env) outboxReplay() *cobra.Command {
	r := &replay{env: env}
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Publish events again that a broker has lost",
		Long: `replay marks events that were published from --from until --to as not published;
the relay then publishes them again, in their order and as fast as it can, with
the ids that they had. Consumers that have applied an event in the last eight
days recognise it; others apply it now, after later events that survived. The
outbox keeps events for seven days.`,
		Example: "  pl-gen outbox replay --context quiz --from 2026-11-23T02:00:00Z --to 2026-11-23T03:30:00Z --dry-run\n  pl-gen outbox replay --context quiz --from 2h --topic pl.quiz.quiz_completed.v1 --reason INC-1234",
		Args:    arguments(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return r.run(cmd.Context()) },
	}
	flags := cmd.Flags()
	flags.StringVar(&r.context, "context", "", "the context whose events are meant (required)")
	flags.StringVar(&r.from, "from", "", "events published at or after this time, or this long ago: 2h (required)")
	flags.StringVar(&r.to, "to", "", "events published before this time (default: now)")
	flags.StringSliceVar(&r.topics, "topic", nil, "the topics to replay (default: all)")
	flags.StringVar(&r.reason, "reason", "", "why, for the audit (required)")
	flags.BoolVar(&r.yes, "yes", false, "do not ask")
	flags.BoolVar(&r.dry, "dry-run", false, "say how many events are meant, and change nothing")
	r.conn.flags(cmd)
	return cmd
}

func (r *replay) request() (admin.Replay, error) {
	request := admin.Replay{Context: r.context, Topics: r.topics, Reason: r.reason, DryRun: true}
	if r.context == "" || r.from == "" {
		return request, usage("--context and --from are required")
	}
	if r.reason == "" && !r.dry {
		return request, usage("--reason is required: the audit keeps it")
	}
	now := time.Now().UTC()
	var err error
	if request.From, err = moment("from", r.from, now); err != nil {
		return request, err
	}
	request.To = now
	if r.to != "" {
		request.To, err = moment("to", r.to, now)
	}
	if err == nil && !request.From.Before(request.To) {
		err = usage("--from has to be before --to")
	}
	return request, err
}

func (r *replay) run(ctx context.Context) error {
	request, err := r.request()
	if err != nil {
		return err
	}
	f, err := r.conn.reach(ctx)
	if err != nil {
		return err
	}
	c, err := f.of(r.context)
	if err != nil {
		return err
	}
	plan, err := c.Replay(ctx, request)
	if err != nil || r.dry {
		return r.report(plan, err)
	}
	if plan.Events == 0 {
		return fmt.Errorf("no event of context %s was published from %s until %s", r.context, stamp(request.From), stamp(request.To))
	}
	question := fmt.Sprintf("%s of context %s will be published again: %s.", events(plan.Events), r.context, topicCounts(plan.Topics))
	if err := r.env.confirm(question, fmt.Sprint(plan.Events), r.yes); err != nil {
		return err
	}
	request.DryRun = false
	done, err := c.Replay(ctx, request)
	return r.report(done, err)
}

func events(n int64) string { return count(n, "event", "events") }

func topicCounts(topics map[string]int64) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(topics)) {
		list = append(list, fmt.Sprintf("%d of %s", topics[name], name))
	}
	return strings.Join(list, ", ")
}

func (r *replay) report(a admin.Replayed, err error) error {
	if err != nil {
		return err
	}
	return r.env.emit(&r.conn, a, func(w io.Writer) error {
		verb := " are published again"
		switch {
		case r.dry:
			verb = " would be published again"
		case a.Events == 1:
			verb = " is published again"
		}
		if a.Events > 0 {
			verb += ": " + topicCounts(a.Topics)
		}
		_, err := fmt.Fprintln(w, events(a.Events)+verb)
		return err
	})
}
