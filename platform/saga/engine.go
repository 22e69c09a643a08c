package saga

import (
	"context"
	"log/slog"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// Config is what an [Engine] is made of. DB, Store and Definitions are
// required, and Decoder when a step awaits an event.
type Config struct {
	// DB is the context's database, and Store its store, which was made with
	// the [Consumers] of the same definitions.
	DB          *database.DB
	Store       *tx.Store
	Definitions []Definition
	// Decoder decodes events that were kept until a step awaited them.
	Decoder bus.Decoder
	// Logger is slog.Default when nil.
	Logger *slog.Logger
	Hooks  bus.Hooks
}

// An Engine moves the instances of one context's sagas. Several engines, also
// in several processes, share the work.
type Engine struct {
	cfg   Config
	sagas map[string]*Definition
}

// New returns an engine that [Engine.Run] starts.
func New(cfg Config) (*Engine, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	e := &Engine{cfg: cfg, sagas: make(map[string]*Definition, len(cfg.Definitions))}
	for i := range cfg.Definitions {
		if err := cfg.Definitions[i].Check(); err != nil {
			return nil, err
		}
		e.sagas[cfg.Definitions[i].Name] = &cfg.Definitions[i]
	}
	return e, nil
}

// Run moves instances until ctx ends, and returns ctx's error.
func (e *Engine) Run(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}
