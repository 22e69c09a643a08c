package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/pulselearn/campus-hub/platform/telemetry"
)

// What a process exits with.
const (
	exitClean   = 0
	exitFailure = 1
	exitUsage   = 2
)

// readyWithin is how long a start may take before it is a failure that the
// log reports; the process goes on trying.
const readyWithin = 30 * time.Second

// Main runs the app as its binary's command line says, and ends the process
// with 0 after a clean end, 1 after a failure, and 2 when the configuration or
// the command line is wrong. Commands are documented by "help".
func Main(app *App, engines Engines) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	c := &cli{app: app, engines: engines, environ: os.Environ(), stdout: os.Stdout, stderr: os.Stderr, signals: signals}
	os.Exit(c.main(os.Args[1:]))
}

// A cli is one invocation of a binary.
type cli struct {
	app            *App
	engines        Engines
	environ        []string
	stdout, stderr io.Writer
	signals        <-chan os.Signal
}

type command struct {
	name, usage string
	run         func(c *cli, cfg *Config) error
}

func (c *cli) commands() []command {
	commands := []command{
		{"run", "serve until SIGTERM or SIGINT (the default)", (*cli).run},
		{"migrate", "bring the databases up to date, then end", (*cli).migrate},
		{"migrations", "list and run the migrations of one database, for \"pl-gen migrate\"", (*cli).migrations},
		{"config", "list the settings and their effective values", (*cli).config},
		{"healthcheck", "ask the running process whether it is ready", (*cli).healthcheck},
		{"topics", "describe and change the broker's topics, for \"pl-gen topics\"", (*cli).topics},
		{"version", "print what this binary was built from", (*cli).version},
	}
	if c.engines.EmbedBroker != nil {
		commands = append(commands,
			command{"broker", "serve the embedded broker and registry alone, for other processes", (*cli).runBroker},
			command{"registry", "serve the embedded registry alone", (*cli).runRegistry})
	}
	return commands
}

// main runs one command and returns the exit code.
func (c *cli) main(args []string) int {
	name := "run"
	if len(args) > 0 {
		name = args[0]
	}
	if len(args) > 1 {
		return c.wrongUsage(fmt.Sprintf("%s takes no arguments; settings are PL_* variables, see \"%s config\"", name, c.app.name))
	}
	if name == "help" || name == "-h" || name == "--help" {
		c.help(c.stdout)
		return exitClean
	}
	for _, command := range c.commands() {
		if command.name == name {
			return c.invoke(command)
		}
	}
	return c.wrongUsage(fmt.Sprintf("there is no command %q", name))
}

func (c *cli) invoke(command command) int {
	cfg, err := LoadConfig(c.environ)
	if err == nil {
		err = command.run(c, cfg)
	}
	if err == nil {
		return exitClean
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintf(c.stderr, "%s: %s\n", c.app.name, line)
	}
	var wrong *ConfigError
	if errors.As(err, &wrong) {
		return exitUsage
	}
	return exitFailure
}

func (c *cli) wrongUsage(what string) int {
	fmt.Fprintf(c.stderr, "%s: %s\n", c.app.name, what)
	c.help(c.stderr)
	return exitUsage
}

func (c *cli) help(w io.Writer) {
	fmt.Fprintf(w, "usage: %s [command]\n\n", c.app.name)
	for _, command := range c.commands() {
		fmt.Fprintf(w, "  %-12s %s\n", command.name, command.usage)
	}
}

func (c *cli) logger(cfg *Config) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.LogLevel}
	var handler slog.Handler = slog.NewTextHandler(c.stderr, options)
	if cfg.LogJSON {
		handler = slog.NewJSONHandler(c.stderr, options)
	}
	log := slog.New(telemetry.LogHandler(handler)).With("service", c.app.name)
	slog.SetDefault(slog.New(telemetry.LibraryHandler(log.Handler(), modulePath()))) // for handlers, which have no logger of their own
	return log
}

// modulePath is the path of the module that the program was built from.
func modulePath() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Path != "" {
		return info.Main.Path
	}
	return "github.com/pulselearn/campus-hub"
}

// untilSignal returns a context that ends with the first signal. The second
// one ends the process at once.
func (c *cli) untilSignal(log *slog.Logger) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		select {
		case s := <-c.signals:
			log.Info("draining; a second signal ends at once", "signal", s.String())
			cancel()
		case <-ctx.Done():
			return
		}
		<-c.signals
		fmt.Fprintf(c.stderr, "%s: ended at once by a second signal\n", c.app.name)
		os.Exit(exitFailure)
	}()
	return ctx, cancel
}

func (c *cli) run(cfg *Config) error {
	begin := time.Now()
	log := c.logger(cfg)
	ctx, cancel := c.untilSignal(log)
	defer cancel()
	p, err := Start(ctx, c.app, cfg, c.engines, log)
	if err != nil {
		return errUnlessStopped(ctx, err)
	}
	go c.announce(ctx, p, begin)
	return c.serveUntil(ctx, p, cfg)
}

// announce reports when the process is ready, and why it is not when that
// takes long.
func (c *cli) announce(ctx context.Context, p *Process, begin time.Time) {
	bounded, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	err := p.AwaitReady(bounded)
	if err != nil && ctx.Err() == nil {
		p.log.Error("not ready yet; still trying", "after", readyWithin, "error", err)
		err = p.AwaitReady(ctx)
	}
	if err == nil {
		p.log.Info("ready", "took", time.Since(begin).Round(time.Millisecond))
		p.writePlaces(c.stdout, time.Since(begin))
	}
}

// serveUntil waits for the end of ctx, or for a failure, and then drains.
func (c *cli) serveUntil(ctx context.Context, p *Process, cfg *Config) error {
	var failure error
	select {
	case <-ctx.Done():
	case failure = <-p.Failed():
		p.log.Error("draining because of a failure", "error", failure)
	}
	err := drainWithin(p, cfg.DrainTimeout)
	if err != nil {
		err = fmt.Errorf("drain: %w", err)
	}
	p.log.Info("ended")
	return errors.Join(failure, err)
}

// closeGrace is how long closing may take after the drain's time is up.
const closeGrace = 3 * time.Second

// drainWithin drains the process, and gives up on what does not let go of it.
func drainWithin(p *Process, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	result := make(chan error, 1)
	go func() { result <- p.Drain(ctx) }()
	select {
	case err := <-result:
		return err
	case <-time.After(timeout + closeGrace):
		return fmt.Errorf("gave up after PL_DRAIN_TIMEOUT=%s: something does not end; the next start goes on with it", timeout)
	}
}

// errUnlessStopped hides the error of a start that a signal ended.
func errUnlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (c *cli) config(cfg *Config) error { return cfg.Describe(c.stdout) }

func (c *cli) version(*Config) error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return errors.New("this binary was built without build information")
	}
	_, err := fmt.Fprintf(c.stdout, "%s %s %s\n", c.app.name, revision(info), info.GoVersion)
	return err
}

func revision(info *debug.BuildInfo) string {
	text := info.Main.Version
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			text += " " + s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			text += " (modified)"
		}
	}
	return text
}
