package scaffold

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

func (env Env) addSagaCommand() *cobra.Command {
	var start string
	cmd := &cobra.Command{
		Use:   "saga CONTEXT NAME",
		Short: "Add a saga that the context runs",
		Long: `saga adds a process with one step: it begins with an event and publishes
another. It generates, compiles and runs as it is; put the steps that it is
for before that one, and run "pl-gen generate" to get their methods.`,
		Example: "  pl-gen add saga library LendBook --start pl.payment.captured.v1",
		Args:    exactly(2, "a context and a name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return env.addSaga(cmd.Context(), args[0], args[1], start)
		},
	}
	cmd.Flags().StringVar(&start, "start", "", "the topic whose events begin an instance (default: the first event that the context publishes)")
	return cmd
}

func (env Env) addSaga(ctx context.Context, contextName, name, start string) error {
	errs := []error{checkContext(contextName), checkSaga(name)}
	if start != "" {
		errs = append(errs, checkTopic(start))
	}
	if err := errors.Join(errs...); err != nil {
		return UsageError{err}
	}
	r, m, err := env.open()
	if err != nil {
		return err
	}
	a, err := begin(r, m, contextName, name)
	if err != nil {
		return err
	}
	if err := a.saga(start); err != nil {
		return fmt.Errorf("add saga %s to %s: %w; nothing was written", name, contextName, err)
	}
	r.put(a.context.Service.File, a.proto.bytes())
	return env.finish(ctx, r, contextName)
}

func checkSaga(name string) error {
	if !camelPattern.MatchString(name) {
		return fmt.Errorf("%q cannot name a saga: use upper camel case and say what it does, such as LendBook", name)
	}
	return nil
}

func (a *addition) saga(start string) error {
	if slices.ContainsFunc(a.context.Sagas, func(s *model.Saga) bool { return s.Name == a.name }) {
		return errors.New("it is already there")
	}
	e, err := a.startOf(start)
	if err != nil {
		return err
	}
	state := a.name + "State"
	if a.proto.declares(state) {
		return fmt.Errorf("%s is already declared", state)
	}
	done := snake(a.name) + "_done"
	key := e.Key.Name
	if err := a.repository.add(avroPath(a.context.Name, done), doneAvsc(a.context.Name, done, a.name, key)); err != nil {
		return err
	}
	topic, service := topicOf(a.context.Name, done), a.context.Service.Name
	a.proto.message(message(state, "is what the steps of the saga "+a.name+" know.",
		fmt.Sprintf("  // What identifies an instance: %s of %s.\n  string %s = 1;\n", key, e.Topic, snake(key))))
	return errors.Join(
		a.proto.wire(service, "publishes", strconv.Quote(topic)),
		a.proto.wire(service, "sagas", sagaText(a.name, e, state, topic)))
}

// startOf returns the event that a new saga begins with.
func (a *addition) startOf(topic string) (*model.Event, error) {
	if topic == "" {
		for _, e := range a.context.Publishes {
			if e.Key != nil {
				return e, nil
			}
		}
		return nil, errors.New("the context publishes no event with a key; say what begins it with --start TOPIC")
	}
	if err := knownTopics(a.model, []string{topic}); err != nil {
		return nil, err
	}
	for _, e := range a.model.Events {
		if e.Topic == topic && e.Key != nil {
			return e, nil
		}
	}
	return nil, fmt.Errorf("%s has no key, so its events tell no instances apart", topic)
}

func sagaText(name string, start *model.Event, state, done string) string {
	return strings.Join([]string{
		"{",
		fmt.Sprintf("      name: %q", name),
		fmt.Sprintf("      start: %q", start.Topic),
		fmt.Sprintf("      key: %q", start.Key.Name),
		`      deadline: "24h"`,
		fmt.Sprintf("      state: %q", state),
		"      steps: {",
		`        name: "announce"`,
		fmt.Sprintf("        publish: %q", done),
		"      }",
		"    }",
	}, "\n")
}

// doneAvsc returns the schema of the event that a new saga ends with.
func doneAvsc(context, event, saga, key string) []byte {
	return fmt.Appendf(nil, `{
  "type": "record",
  "namespace": "pl.%s.v1",
  "name": %q,
  "doc": "The saga %s is done: say in one sentence what that means to other contexts.",
  "pl": { "key": %[4]q, "subject": %[4]q, "compat": "FULL_TRANSITIVE", "partitions": 6, "retention": "30d" },
  "fields": [
    { "name": %[4]q, "type": "string", "doc": "What the saga was about." },
    { "name": "%[5]s", "type": { "type": "long", "logicalType": "timestamp-micros" }, "doc": "When it was done." }
  ]
}
`, context, pascal(event), saga, key, occurredAt)
}
