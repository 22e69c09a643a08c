package outbox

import (
	"log/slog"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
)

// A Hook observes a relay.
type Hook interface {
	// Relayed is called after the broker has taken n events of a shard and the
	// outbox knows; oldest is how long the first of them has waited.
	Relayed(shard, n int, oldest time.Duration)
	// RelayFailed is called when a shard has stopped and will read its rows
	// again at the time next.
	RelayFailed(shard int, err error, next time.Time)
}

// An Option changes a [Relay].
type Option func(*settings)

type settings struct {
	log   *slog.Logger
	hooks bus.Hooks
}

func newSettings(opts []Option) settings {
	s := settings{log: slog.Default()}
	for _, o := range opts {
		o(&s)
	}
	return s
}

// WithLogger sets the logger; the default is slog.Default.
func WithLogger(l *slog.Logger) Option { return func(s *settings) { s.log = l } }

// WithHooks adds observers of a relay's work; those that do not implement
// [Hook] are ignored.
func WithHooks(h ...any) Option { return func(s *settings) { s.hooks = append(s.hooks, h...) } }

func (s *settings) relayed(shard, n int, oldest time.Duration) {
	for _, h := range s.hooks {
		if hook, ok := h.(Hook); ok {
			hook.Relayed(shard, n, oldest)
		}
	}
}

func (s *settings) relayFailed(shard int, err error, next time.Time) {
	for _, h := range s.hooks {
		if hook, ok := h.(Hook); ok {
			hook.RelayFailed(shard, err, next)
		}
	}
}
