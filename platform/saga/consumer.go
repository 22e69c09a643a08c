package saga

import (
	"context"

	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// Consumers returns the consumers of the events that the sagas of one context
// begin with and wait for, one a topic. They belong into the context's
// [tx.Service].
func Consumers(definitions ...Definition) []tx.Consumer {
	var all []tx.Consumer
	for i := range definitions {
		d := &definitions[i]
		all = append(all, tx.Consumer{Route: d.Start.Route, Handle: func(context.Context, *tx.Tx, event.Message) error { return nil }})
	}
	return all
}

type stepKey struct{}

// StepKey returns the Idempotency-Key of the step whose [Call.Request] runs, or
// of the one that it undoes. It is "" for what undoes the start, and outside of
// Request.
func StepKey(ctx context.Context) string {
	key, _ := ctx.Value(stepKey{}).(string)
	return key
}
