package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// runRegistry serves the embedded registry alone, for pl-gen and for processes
// that have a broker elsewhere. Brokers and databases are not touched.
func (c *cli) runRegistry(cfg *Config) error {
	log := c.logger(cfg)
	ctx, cancel := c.untilSignal(log)
	defer cancel()
	p, err := startRegistry(ctx, c.app, cfg, c.engines, log)
	if err != nil {
		return errUnlessStopped(ctx, err)
	}
	fmt.Fprintf(c.stdout, "registry  %s\n", p.registryURL())
	return c.serveUntil(ctx, p, cfg)
}

func startRegistry(ctx context.Context, app *App, cfg *Config, engines Engines, log *slog.Logger) (*Process, error) {
	if cfg.RegistryURL != "" {
		return nil, &ConfigError{errors.New("the command \"registry\" serves the embedded registry: unset PL_REGISTRY_URL")}
	}
	p := &Process{app: app, cfg: cfg, engines: engines, log: log, failed: make(chan error, 1)}
	if err := p.startRegistryAlone(); err != nil {
		return nil, errors.Join(err, p.close(context.WithoutCancel(ctx)))
	}
	return p, nil
}

func (p *Process) startRegistryAlone() error {
	lock, err := lockDir(p.cfg.DataDir)
	if err != nil {
		return err
	}
	p.closeLast("lock", lock)
	return p.embedRegistry()
}
