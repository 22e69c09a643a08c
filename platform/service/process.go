package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/pulselearn/campus-hub/platform/admin/adminserver"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/gateway/door"
	"github.com/pulselearn/campus-hub/platform/gateway/graphql"
	"github.com/pulselearn/campus-hub/platform/gateway/rest"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/realtime"
	"github.com/pulselearn/campus-hub/platform/registry"
	"github.com/pulselearn/campus-hub/platform/rpc"
	"github.com/pulselearn/campus-hub/platform/schema"
	"github.com/pulselearn/campus-hub/platform/telemetry"
)

// A Process is one running process. [Start] makes it; its methods are safe for
// concurrent use.
type Process struct {
	app     *App
	cfg     *Config
	engines Engines
	log     *slog.Logger

	telemetry *telemetry.Telemetry
	door      *door.Door
	gate      gate
	calls     *webServer // nil without an address
	admin     *webServer // nil without an address
	adminGate gate
	pauses    adminserver.Pauses
	registry  *webServer // nil without an embedded registry
	broker    Broker     // nil without an embedded broker
	conn      driver.Conn
	live      *realtime.Server // nil without events to listen to
	wanted    *wantedTopics    // of the events to listen to
	graph     *graphql.Handler // nil without GraphQL
	schemas   *schemas
	server    *connect.Server
	directory *rpc.Directory
	people    *identity.Verifier // nil without an issuer
	services  *identity.Services // nil without a secret
	// authorizer stands before every call.
	authorizer *rpc.Authorizer
	units      []*unit

	closers  []namedCloser // in the order in which they were opened
	failed   chan error
	draining atomic.Bool
	phase    atomic.Pointer[string] // what the start is doing; nil once started
	obstacle atomic.Pointer[error]  // what the start waits for
	drained  sync.Once
	drainErr error
}

type namedCloser struct {
	name  string
	close func(ctx context.Context) error
}

// Start starts the app as cfg says and returns while it is still becoming
// ready. On an error it has released all that it had opened. An empty
// cfg.HTTPAddr serves calls inside the process only. log receives everything
// that the process has to say; nil discards it.
func Start(ctx context.Context, app *App, cfg *Config, engines Engines, log *slog.Logger) (*Process, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if err := errors.Join(app.check(), cfg.check(app, engines)); err != nil {
		return nil, err
	}
	own := *cfg
	p := &Process{app: app, cfg: &own, door: newDoor(&own, log), engines: engines, log: log, failed: make(chan error, 1)}
	for _, step := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"telemetry", p.startTelemetry},
		{"http", p.startServer},
		{"admin API", p.startAdmin},
		{"embedded engines", p.startEmbedded},
		{"broker and registry", p.dial},
		{"databases", p.openDatabases},
		{"topics and schemas", p.provision},
		{"contexts", p.startUnits},
	} {
		p.phase.Store(&step.name)
		if err := step.run(ctx); err != nil {
			return nil, errors.Join(err, p.close(context.WithoutCancel(ctx)))
		}
	}
	p.phase.Store(nil)
	p.openAdmin()
	return p, nil
}

func (p *Process) onClose(name string, f func(ctx context.Context) error) {
	p.closers = append(p.closers, namedCloser{name, f})
}

func (p *Process) closeLast(name string, c io.Closer) {
	p.onClose(name, func(context.Context) error { return c.Close() })
}

// close releases everything, in the reverse order of its opening.
func (p *Process) close(ctx context.Context) error {
	var errs []error
	for i := len(p.closers) - 1; i >= 0; i-- {
		c := p.closers[i]
		if err := c.close(ctx); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", c.name, err))
		}
	}
	p.closers = nil
	return errors.Join(errs...)
}

func (p *Process) startTelemetry(ctx context.Context) error {
	t, err := telemetry.New(ctx, telemetry.Options{Service: p.app.name, OTLPEndpoint: p.cfg.OTLPEndpoint})
	if err != nil {
		return err
	}
	p.telemetry = t
	p.onClose("telemetry", t.Shutdown)
	return nil
}

// startServer makes the Connect server and begins to listen, so that a busy
// port is found before anything is touched and probes get an answer at once.
func (p *Process) startServer(context.Context) error {
	spans, err := p.telemetry.ServerInterceptor()
	if err != nil {
		return fmt.Errorf("trace calls: %w", err)
	}
	l, err := p.listenForCalls()
	if err != nil {
		return err
	}
	if err := p.startIdentity(); err != nil {
		return errors.Join(err, closeListener(l))
	}
	p.server = rpc.NewServer(p.log, spans, p.authorizer.Intercept)
	if l == nil {
		return nil
	}
	p.calls = serve(l, p.Handler(), p.log, p.failed)
	p.onClose("http", p.calls.drain)
	return nil
}

// listenForCalls opens the port of PL_HTTP_ADDR, or returns nil without one,
// and settles where people reach the process.
func (p *Process) listenForCalls() (net.Listener, error) {
	if p.cfg.HTTPAddr == "" {
		p.cfg.PublicURL = cmp.Or(p.cfg.PublicURL, "http://localhost:8080")
		return nil, nil
	}
	l, err := p.engines.listen(p.cfg.HTTPAddr, "PL_HTTP_ADDR")
	if err != nil {
		return nil, err
	}
	p.cfg.PublicURL = publicURL(p.cfg.PublicURL, l.Addr())
	return l, nil
}

func closeListener(l net.Listener) error {
	if l == nil {
		return nil
	}
	return l.Close()
}

// Handler answers requests as the port of PL_HTTP_ADDR does.
func (p *Process) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", aliveHandler)
	mux.HandleFunc("GET /readyz", readyHandler(p.components))
	mux.Handle("GET /metrics", p.telemetry.MetricsHandler())
	guarded := p.door.Guard(&p.gate)
	mux.Handle("/", guarded)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, rest.Prefix) { // as it was asked for, see exactPaths
			guarded.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (p *Process) startEmbedded(ctx context.Context) error {
	brokers, registry := p.cfg.embedsBroker(), p.cfg.RegistryURL == ""
	if !brokers && !registry {
		return nil
	}
	lock, err := lockDir(p.cfg.DataDir)
	if err != nil {
		return err
	}
	p.closeLast("lock", lock)
	if brokers {
		if err := p.embedBroker(ctx); err != nil {
			return err
		}
	}
	if registry {
		return p.embedRegistry()
	}
	return nil
}

func (p *Process) embedBroker(ctx context.Context) error {
	broker, err := p.engines.EmbedBroker(ctx, filepath.Join(p.cfg.DataDir, "kafka"), p.cfg.EmbeddedKafkaAddr, p.log)
	if err != nil {
		return portError(err, p.cfg.EmbeddedKafkaAddr, "PL_EMBEDDED_KAFKA_ADDR")
	}
	p.broker = broker
	p.closeLast("embedded broker", broker)
	return nil
}

func (p *Process) embedRegistry() error {
	opened, err := registry.Open(filepath.Join(p.cfg.DataDir, "registry"), registry.Options{Logger: p.log})
	if err != nil {
		return fmt.Errorf("start the embedded registry: %w", err)
	}
	p.closeLast("embedded registry", opened)
	l, err := p.engines.listen(p.cfg.EmbeddedRegistryAddr, "PL_EMBEDDED_REGISTRY_ADDR")
	if err != nil {
		return err
	}
	p.registry = serve(l, opened.Handler(), p.log, p.failed)
	p.onClose("registry's port", p.registry.drain)
	return nil
}

// brokers returns the addresses of the Kafka brokers that the process uses.
func (p *Process) brokers() []string {
	if p.broker != nil {
		return []string{p.broker.Addr()}
	}
	return p.cfg.KafkaBrokers
}

func (p *Process) registryURL() string {
	if p.registry != nil {
		return "http://" + p.registry.addr.String()
	}
	return p.cfg.RegistryURL
}

func (p *Process) dial(ctx context.Context) error {
	conn, err := p.engines.dialBroker(ctx, p.cfg, p.brokers(), "pl."+p.app.name, p.log)
	if err != nil {
		return err
	}
	p.conn = conn
	p.closeLast("broker's connection", conn)
	registry, err := p.engines.Registry(p.registryURL())
	if err != nil {
		return fmt.Errorf("PL_REGISTRY_URL: %w", err)
	}
	p.schemas, err = newSchemas(registry, p.cfg)
	return err
}

// The pauses of a start that waits for a broker or registry.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// patiently runs f until it no longer fails because the broker or the registry
// is away. Meanwhile the process is alive and not ready, and says why.
func (p *Process) patiently(ctx context.Context, f func() error) error {
	defer p.obstacle.Store(nil)
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := f()
		if !errors.Is(err, driver.ErrUnreachable) && !errors.Is(err, schema.ErrUnavailable) {
			return err
		}
		p.obstacle.Store(&err)
		p.log.Warn("the start waits for a dependency", "retry_in", pause, "error", err)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(err, ctx.Err())
		}
	}
}

// report keeps the first failure; it never blocks.
func report(failed chan<- error, err error) {
	select {
	case failed <- err:
	default:
	}
}

// Failed receives the first error that the process cannot go on with.
func (p *Process) Failed() <-chan error { return p.failed }

// Client returns a client of the named context, in process or over HTTP, whose
// calls are made by as.
func (p *Process) Client(context string, as identity.Caller) *connect.Client {
	return p.directory.As(as).Client(context)
}

// Ready returns nil when the process can do its work, and otherwise every
// reason why not.
func (p *Process) Ready(ctx context.Context) error {
	var errs []error
	for name, err := range p.components(ctx) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

var errDraining = errors.New("draining: the process is about to end")

// components returns the state of every component. The registry is none: what
// the process needs of it was resolved at the start, and a schema that is new
// to it waits for the registry, as a batch waits for the broker.
func (p *Process) components(ctx context.Context) map[string]error {
	if phase := p.phase.Load(); phase != nil {
		return map[string]error{"process": p.starting(*phase)}
	}
	state := map[string]error{"process": nil}
	if p.draining.Load() {
		state["process"] = errDraining
	}
	state["broker"] = p.conn.Ping(ctx)
	if p.live != nil {
		state["realtime"] = cmp.Or(p.wanted.check(ctx), p.live.Ready())
	}
	for _, u := range p.units {
		u.components(ctx, state)
	}
	return state
}

func (p *Process) starting(phase string) error {
	if obstacle := p.obstacle.Load(); obstacle != nil {
		return fmt.Errorf("starting: %s: waiting: %w", phase, *obstacle)
	}
	return fmt.Errorf("starting: %s", phase)
}

// AwaitReady waits until the process is ready. When ctx ends or the process
// fails first, it returns why.
func (p *Process) AwaitReady(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := p.Ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case failure := <-p.failed:
			report(p.failed, failure)
			return failure
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w", err)
		case <-tick.C:
		}
	}
}

// Drain ends the process in order: it becomes unready, takes no new calls,
// finishes the commands and batches in flight, publishes what they committed,
// and closes everything. What has not finished when ctx ends is cut off, which
// loses nothing: the next start goes on with it. Draining twice is harmless.
func (p *Process) Drain(ctx context.Context) error {
	p.drained.Do(func() {
		p.draining.Store(true)
		var errs []error
		if p.calls != nil {
			p.door.Close()
			errs = append(errs, p.drainRealtime(ctx), p.calls.drain(ctx))
		}
		if p.admin != nil {
			errs = append(errs, p.admin.drain(ctx))
		}
		errs = append(errs, p.drainUnits(ctx))
		p.drainErr = errors.Join(append(errs, p.close(ctx))...)
	})
	return p.drainErr
}
