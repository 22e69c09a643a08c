package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/topics"
)

// A topicsRun is one run of a topics command.
type topicsRun struct {
	brokers, nats, format string
	losing                []string
}

func (a *app) topics() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "topics",
		Short: "Compare and create the broker's topics",
		Long: `topics compares the topics of a Kafka cluster, or the streams of NATS JetStream,
with the contracts: one topic an event, and for each context that consumes it
<topic>.<context>.dlq for its dead letters. Only topics whose names begin with
"pl." are looked at. On JetStream a topic has one stream a partition.

A plan marks what would be created (+), changed (~) and deleted (-), and what is
refused (!), with the reason.`,
		Args: unknownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.topicsPlan(), a.topicsApply(), a.topicsDrift())
	return cmd
}

func (a *app) topicsPlan() *cobra.Command {
	return a.topicsCommand(&cobra.Command{
		Use:     "plan",
		Short:   "Say what apply would do",
		Long:    "plan says what apply would do, and changes nothing. It exits 100 when something is refused.",
		Example: "  pl-gen topics plan --brokers 127.0.0.1:9092\n  pl-gen topics plan --nats nats://nats.staging:4222 --format json",
	}, func(_ context.Context, _ *hubTopics, plan *topics.Plan) error { return refusedIf(plan.Refused() > 0) })
}

func (a *app) topicsApply() *cobra.Command {
	return a.topicsCommand(&cobra.Command{
		Use:   "apply",
		Short: "Create and change topics as the contracts say",
		Long: `apply makes the changes that plan lists, except for those that it refuses, and
exits 100 when there were any. Applying again changes nothing.

Deleting a topic and shortening a retention lose records, so they are refused
unless --allow-data-loss names the topic, or is given without a name. Another
partition count is always refused.`,
		Example: "  pl-gen topics apply --brokers 127.0.0.1:9092\n  pl-gen topics apply --brokers 127.0.0.1:9092 --allow-data-loss=pl.quiz.quiz_started.v1",
	}, func(ctx context.Context, hub *hubTopics, plan *topics.Plan) error {
		if err := hub.apply(ctx, plan.Requests()); err != nil {
			return err
		}
		return refusedIf(plan.Refused() > 0)
	})
}

func (a *app) topicsDrift() *cobra.Command {
	return a.topicsCommand(&cobra.Command{
		Use:     "drift",
		Short:   "Fail when the broker is not as the contracts say",
		Long:    "drift exits 100 when apply would change or refuse anything, and changes nothing.",
		Example: "  pl-gen topics drift --brokers 127.0.0.1:9092",
	}, func(_ context.Context, _ *hubTopics, plan *topics.Plan) error {
		return refusedIf(len(plan.Changes) > 0)
	})
}

// topicsCommand makes a command that prints a plan and then ends as end says.
func (a *app) topicsCommand(cmd *cobra.Command, end func(context.Context, *hubTopics, *topics.Plan) error) *cobra.Command {
	var r topicsRun
	cmd.Args = arguments(cobra.NoArgs)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := r.check(); err != nil {
			return err
		}
		hub, plan, err := a.planTopics(cmd.Context(), r)
		if err != nil {
			return err
		}
		if err := a.print(plan, r.format); err != nil {
			return err
		}
		return end(cmd.Context(), hub, plan)
	}
	flags := cmd.Flags()
	flags.StringVar(&r.brokers, "brokers", "", "Kafka brokers to begin with, host:port separated by commas; PL_KAFKA_TLS, PL_KAFKA_SASL and their like come from the environment")
	flags.StringVar(&r.nats, "nats", "", "NATS servers to begin with, host:port or URLs separated by commas; PL_NATS_CREDS, PL_NATS_REPLICAS and their like come from the environment")
	flags.StringSliceVar(&r.losing, "allow-data-loss", nil, "topics whose records may be lost; without a value: all")
	flags.Lookup("allow-data-loss").NoOptDefVal = allTopics
	addDataFormat(cmd, &r.format)
	return cmd
}

// allTopics is no topic's name.
const allTopics = "*"

func (r topicsRun) check() error {
	if (r.brokers == "") == (r.nats == "") {
		return usageError{errors.New("one of --brokers and --nats is required")}
	}
	return checkDataFormat(r.format)
}

func (r topicsRun) losable() topics.Losing {
	losing := topics.Losing{Topics: r.losing}
	for _, t := range r.losing {
		losing.All = losing.All || t == allTopics
	}
	return losing
}

func (a *app) planTopics(ctx context.Context, r topicsRun) (*hubTopics, *topics.Plan, error) {
	root, m, err := a.contracts()
	if err != nil {
		return nil, nil, err
	}
	hub := &hubTopics{app: a, root: root, settings: r.settings()}
	answer, err := hub.ask(ctx, nil)
	if err != nil {
		return nil, nil, err
	}
	return hub, topics.MakePlan(topics.Wanted(m), answer.Topics, r.losable()), nil
}

// settings tell the hub which broker is meant, and hand it what the environment
// has to get in there: users, passwords, certificates.
func (r topicsRun) settings() []string {
	prefix, broker := "PL_KAFKA_", "PL_KAFKA_BROKERS="+r.brokers
	if r.nats != "" {
		prefix, broker = "PL_NATS_", "PL_NATS_SERVERS="+r.nats
	}
	settings := slices.DeleteFunc(os.Environ(), func(entry string) bool { return !strings.HasPrefix(entry, prefix) })
	return append(settings, "PL_LOG_LEVEL=error", broker)
}

// hubTopics reaches a broker's topics through the hub.
type hubTopics struct {
	app      *app
	root     string
	settings []string // which broker
}

type topicsAnswer struct {
	Topics []topics.Topic `json:"topics"`
	Errors []string       `json:"errors"`
}

func (h *hubTopics) ask(ctx context.Context, changes []topics.Request) (*topicsAnswer, error) {
	input, err := json.Marshal(map[string]any{"prefix": topics.Prefix, "changes": changes})
	if err != nil {
		return nil, err
	}
	text, err := h.app.callHub(ctx, h.root, hubCall{
		command: "topics", input: input, settings: h.settings,
	})
	if err != nil {
		return nil, err
	}
	var answer topicsAnswer
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, fmt.Errorf("read the hub's answer: %w", err)
	}
	return &answer, nil
}

// apply makes the changes, and reports those that failed together.
func (h *hubTopics) apply(ctx context.Context, changes []topics.Request) error {
	if len(changes) == 0 {
		return nil
	}
	answer, err := h.ask(ctx, changes)
	if err != nil {
		return err
	}
	var errs []error
	for i, text := range answer.Errors {
		if text != "" {
			errs = append(errs, fmt.Errorf("%s topic %s: %s", changes[i].Action, changes[i].Topic.Name, text))
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("%d of %d changes failed; apply again once their cause is gone: %w", len(errs), len(changes), errors.Join(errs...))
	}
	fmt.Fprintf(h.app.stderr, "%s\n", count(len(changes), "topic was changed", "topics were changed"))
	return nil
}
