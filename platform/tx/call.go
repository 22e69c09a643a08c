package tx

import (
	"context"
	"sync"
	"time"

	"github.com/pulselearn/campus-hub/platform/event"
)

// An External applies one event outside of the context's database, for example
// by sending an e-mail. It runs without a transaction, at least once: nil
// means that the effect has happened, an error means what [bus.OutcomeOf]
// says. When the process dies between the effect and its record, the handler
// runs again with the same [Call.Key].
type External func(ctx context.Context, c *Call, m event.Message) error

// A Call is one run of an [External] handler. It is safe for concurrent use.
type Call struct {
	key string
	now time.Time

	mu   sync.Mutex
	then []func(ctx context.Context, t *Tx) error
}

// newCall returns the call of a run.
func newCall(key string, now time.Time) *Call { return &Call{key: key, now: now} }

// Key returns the idempotency key of the effect: the same text for every run
// of this consumer for this event, another one for every other event and
// consumer. It is printable ASCII and at most 256 characters long.
func (c *Call) Key() string { return c.key }

// Now returns the time of the run: UTC, in microseconds, the same whenever it
// is asked. A run after a failure has another one.
func (c *Call) Now() time.Time { return c.now }

// Then adds f to what is committed together with the fact that the effect has
// happened. Once the handler has returned nil, the functions run in the order
// of their addition in one transaction, like a [Handler]. When one of them
// fails nothing is committed, and the handler runs again with the same key.
func (c *Call) Then(f func(ctx context.Context, t *Tx) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.then = append(c.then, f)
}

// settle runs what Then has collected.
func (c *Call) settle(ctx context.Context, t *Tx) error {
	c.mu.Lock()
	steps := c.then
	c.mu.Unlock()
	for _, f := range steps {
		if err := f(ctx, t); err != nil {
			return err
		}
	}
	return nil
}
