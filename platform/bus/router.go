package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

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
// fetches in order, one batch in flight a partition. In between it runs what
// the store holds and is due. While the store has a position paused, only that
// goes on there.
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
	joinErr error // why the last attempt to join failed
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
// returns nil. While no broker answers it keeps trying to join. When ctx ends
// first, Run gives up what is in flight and returns ctx's error; the next
// start runs it again. A router runs once.
func (r *Router) Run(ctx context.Context) error {
	if err := r.start(); err != nil {
		return err
	}
	defer close(r.done)
	defer r.abort()
	defer context.AfterFunc(ctx, r.abort)()
	member, err := r.join()
	if err != nil {
		return r.ended(ctx, fmt.Errorf("join group %s: %w", r.cfg.Group, err))
	}
	<-r.stop.Done()
	return r.ended(ctx, r.leave(member))
}

// join becomes a member, however long the broker is away.
func (r *Router) join() (driver.Member, error) {
	var wait backoff
	for {
		member, err := r.cfg.Conn.Join(context.WithoutCancel(r.stop), r.cfg.Group, r.topics(), assignments{r})
		if err == nil || !errors.Is(err, driver.ErrUnreachable) {
			r.joined(member, err)
			return member, err
		}
		r.joined(nil, err)
		delay := wait.next(infraLimit)
		r.log.Warn("cannot join the consumer group", "retry_in", delay, "error", err)
		if err := sleep(r.stop, delay); err != nil {
			return nil, err
		}
	}
}

// leave waits for the batches in flight, and when they are given up, for the
// handlers to notice.
func (r *Router) leave(m driver.Member) error {
	err := m.Close(r.work)
	if r.work.Err() != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 2*abandonAfter)
		defer cancel()
		err = m.Close(ctx)
	}
	if err != nil {
		return fmt.Errorf("leave group %s: %w", r.cfg.Group, err)
	}
	return nil
}

// ended returns Run's result: that ctx ended, that Close was called before the
// group was joined, or err.
func (r *Router) ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if r.stop.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
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

// joined records how joining went, for Ready.
func (r *Router) joined(m driver.Member, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.member, r.joinErr = m, err
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
		r.settle()
		return fmt.Errorf("drain group %s: gave up the batches in flight: %w", r.cfg.Group, ctx.Err())
	}
}

// settle waits a moment for handlers that were given up to return, so that
// what they use can be closed.
func (r *Router) settle() {
	t := time.NewTimer(abandonAfter)
	defer t.Stop()
	select {
	case <-r.done:
	case <-t.C:
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
	case r.joinErr != nil:
		return fmt.Errorf("group %s: not joined: %w", r.cfg.Group, r.joinErr)
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

// Wake makes the router ask its store at once what is to be done on each of its
// positions: somebody has changed what the store holds.
func (r *Router) Wake() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.workers {
		w.wake()
	}
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
