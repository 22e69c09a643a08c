package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// Config is what a [Router] is made of. Group, Conn, Store, Decoder and at
// least one route are required.
type Config struct {
	// Group is the consumer group, pl.<context>.
	Group   string
	Conn    driver.Conn
	Store   Store
	Decoder Decoder
	// Routes holds at most one route a topic.
	Routes []Route
	// Logger is slog.Default when nil.
	Logger *slog.Logger
	Hooks  Hooks
}

func (c *Config) check() error {
	var errs []error
	if c.Group == "" || c.Conn == nil || c.Store == nil || c.Decoder == nil {
		errs = append(errs, errors.New("bus: router needs a group, a connection, a store and a decoder"))
	}
	if len(c.Routes) == 0 {
		errs = append(errs, fmt.Errorf("bus: router of group %s has no routes", c.Group))
	}
	topics := make(map[string]string, len(c.Routes))
	for i := range c.Routes {
		r := &c.Routes[i]
		if err := r.check(); err != nil {
			errs = append(errs, err)
			continue
		}
		if other, ok := topics[r.Type.Topic]; ok {
			errs = append(errs, fmt.Errorf("bus: consumers %s and %s of group %s both read topic %s; a group has one consumer a topic",
				other, r.Consumer, c.Group, r.Type.Topic))
		}
		topics[r.Type.Topic] = r.Consumer
	}
	return errors.Join(errs...)
}

// A Router takes records from a broker to a [Store]: it claims the position of
// every partition that is assigned to it, seeks there, and applies what it
// fetches in order, one batch in flight a partition. A delivery that fails is
// run again in place, with back-off, and blocks its partition until it
// succeeds; nothing is skipped.
//
// Its methods are safe for concurrent use.
type Router struct {
	cfg    Config
	log    *slog.Logger
	routes map[string]*Route // by topic

	work  context.Context // ends when transactions in flight must be given up
	abort context.CancelFunc
	stop  context.Context // ends when no new batch may begin
	drain context.CancelFunc
	done  chan struct{} // closed when Run has returned

	mu      sync.Mutex
	started bool
	member  driver.Member
	workers map[driver.Partition]*worker
}

// NewRouter returns a router that [Router.Run] starts.
func NewRouter(cfg Config) (*Router, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	r := &Router{
		cfg: cfg, log: cfg.Logger,
		routes:  make(map[string]*Route, len(cfg.Routes)),
		done:    make(chan struct{}),
		workers: make(map[driver.Partition]*worker),
	}
	if r.log == nil {
		r.log = slog.Default()
	}
	r.log = r.log.With("group", cfg.Group)
	for i := range cfg.Routes {
		route := cfg.Routes[i]
		r.routes[route.Type.Topic] = &route
	}
	r.work, r.abort = context.WithCancel(context.Background())
	r.stop, r.drain = context.WithCancel(r.work)
	return r, nil
}

func (r *Router) topics() []string {
	topics := make([]string, 0, len(r.cfg.Routes))
	for i := range r.cfg.Routes {
		topics = append(topics, r.cfg.Routes[i].Type.Topic)
	}
	return topics
}

// Run joins the group and serves until [Router.Close] has drained it, and then
// returns nil. When ctx ends first, Run gives up what is in flight and returns
// ctx's error; the next start runs it again. A router runs once.
func (r *Router) Run(ctx context.Context) error {
	if err := r.start(); err != nil {
		return err
	}
	defer close(r.done)
	defer r.abort()
	joinCtx, leave := context.WithCancel(context.WithoutCancel(ctx))
	defer leave()
	member, err := r.cfg.Conn.Join(joinCtx, r.cfg.Group, r.topics(), assignments{r})
	if err != nil {
		return fmt.Errorf("join group %s: %w", r.cfg.Group, err)
	}
	r.setMember(member)
	select {
	case <-ctx.Done():
		r.abort()
	case <-r.stop.Done():
	}
	closeErr := member.Close(r.work)
	if err := ctx.Err(); err != nil {
		return err
	}
	if closeErr != nil {
		return fmt.Errorf("leave group %s: %w", r.cfg.Group, closeErr)
	}
	return nil
}

func (r *Router) start() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.started {
		return fmt.Errorf("router of group %s was started before or is closed; a router runs once", r.cfg.Group)
	}
	r.started = true
	return nil
}

func (r *Router) setMember(m driver.Member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.member = m
}

// Close drains the router: batches in flight are finished, no new ones begin,
// and the member leaves the group. When ctx ends first, the transactions in
// flight are given up and Close returns ctx's error. After Close the router
// cannot run again; closing twice is harmless.
func (r *Router) Close(ctx context.Context) error {
	r.drain()
	if r.neverRan() {
		return nil
	}
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		r.abort()
		return fmt.Errorf("drain group %s: gave up the batches in flight: %w", r.cfg.Group, ctx.Err())
	}
}

// neverRan makes sure that Run cannot start any more when it has not.
func (r *Router) neverRan() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.started {
		return false
	}
	r.started = true
	close(r.done)
	return true
}

// Ready returns nil when the router takes part in its group and every assigned
// partition has been claimed; a member that got no partition is ready. The
// error says what is missing.
func (r *Router) Ready() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.stop.Err() != nil:
		return fmt.Errorf("group %s: draining", r.cfg.Group)
	case r.member == nil:
		return fmt.Errorf("group %s: not joined", r.cfg.Group)
	}
	errs := []error{r.member.Ready()}
	for _, w := range r.workers {
		errs = append(errs, w.ready())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("group %s: %w", r.cfg.Group, err)
	}
	return nil
}

// assignments is the router as the driver sees it.
type assignments struct{ r *Router }

func (a assignments) Assigned(p driver.Partition) {
	route, ok := a.r.routes[p.Topic()]
	if !ok {
		a.r.log.Error("assigned a topic that no route reads", "topic", p.Topic(), "partition", p.Index())
		return
	}
	w := newWorker(a.r, route, p)
	a.r.mu.Lock()
	a.r.workers[p] = w
	a.r.mu.Unlock()
	go w.run()
}

func (a assignments) Revoked(p driver.Partition) {
	a.r.mu.Lock()
	w := a.r.workers[p]
	delete(a.r.workers, p)
	a.r.mu.Unlock()
	if w != nil {
		w.release()
	}
}
