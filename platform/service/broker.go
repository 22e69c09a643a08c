package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
)

// runBroker serves the embedded broker and registry without any context. It
// listens on PL_HTTP_ADDR for health only when that was set.
func (c *cli) runBroker(cfg *Config) error {
	log := c.logger(cfg)
	ctx, cancel := c.untilSignal(log)
	defer cancel()
	p, err := startBroker(ctx, c.app, cfg, c.engines, log)
	if err != nil {
		return errUnlessStopped(ctx, err)
	}
	fmt.Fprintf(c.stdout, "broker    %s\nregistry  %s\n", p.broker.Addr(), p.registryURL())
	return c.serveUntil(ctx, p, cfg)
}

func startBroker(ctx context.Context, app *App, cfg *Config, engines Engines, log *slog.Logger) (*Process, error) {
	if !cfg.embedsBroker() || cfg.RegistryURL != "" {
		return nil, &ConfigError{errors.New("the command \"broker\" serves the embedded engines: unset PL_KAFKA_BROKERS, PL_NATS_SERVERS and PL_REGISTRY_URL")}
	}
	p := &Process{app: app, cfg: cfg, engines: engines, log: log, failed: make(chan error, 1)}
	for _, step := range []func(context.Context) error{p.startTelemetry, p.startEmbedded} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, p.close(context.WithoutCancel(ctx)))
		}
	}
	return p, nil
}

// openGate lets requests through to the contexts.
func (p *Process) openGate() error {
	mux, front := http.NewServeMux(), http.NewServeMux()
	p.mountPlain(mux)
	if err := p.mountFront(front); err != nil {
		return err
	}
	front.Handle("/", p.withSite(callsHandler(p.server, p.cfg.Door.MaxBytes)))
	mux.Handle("/", p.authorizer.Authenticate(p.door.Limit(front), p.refuseToken))
	p.gate.set(p.telemetry.Continue(p.telemetry.Entries(traced, exactPaths(mux))))
	return nil
}
