// Package natsbus connects package bus to NATS JetStream.
//
// A partition is a stream: partition 3 of topic pl.quiz.completed.v1 is stream
// pl-quiz-completed-v1-3 with the one subject pl.quiz.completed.v1.3. So the
// records of a partition are numbered without gaps, and a record that the
// server has dropped is noticed and never passed over. A record's offset is
// its sequence in the stream less one.
//
// JetStream has no consumer groups with an owner for each partition. The
// members of a group agree on that among themselves, over leases in a
// key-value bucket; see [Conn.Join].
package natsbus

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/natsbus/internal/wire"
)

const (
	// unreachableAfter is how long a request waits for a connection before
	// the server counts as unreachable.
	unreachableAfter = 5 * time.Second
	// answerWithin is how long one request waits for its answer.
	answerWithin = 10 * time.Second
	// reconnectWait is the pause after the first attempt to connect again to
	// all servers; each further one is twice as long, up to reconnectLimit, and
	// up to half of it longer at random.
	reconnectWait  = 100 * time.Millisecond
	reconnectLimit = 2 * time.Second
	// pingEvery is how often the client asks whether the server is there. The
	// third question without an answer ends the connection.
	pingEvery = 5 * time.Second

	defaultIdle = 3 * time.Second
)

// Config says where the servers are.
type Config struct {
	// Servers are the addresses to begin with, host:port or nats:// or tls://
	// URLs.
	Servers []string
	// ClientID names this process in the server's reports; "campus-hub" when
	// empty.
	ClientID string
	// Credentials is a file with the user's JWT and seed; none when empty.
	Credentials string
	// User and Password, or Token, are for servers that know their users that
	// way.
	User, Password, Token string
	// TLS is how to speak TLS, nil for tls:// URLs with the system's
	// authorities and for servers without it.
	TLS *tls.Config
	// Instance is the name of this process among those with the same groups,
	// which it keeps when it is started again; none when empty. See
	// [Conn.Join].
	Instance string
	// Replicas is how many servers keep each new stream; 1 when 0.
	Replicas int
	// Logger is slog.Default when nil.
	Logger *slog.Logger
	// Idle is how often a member shows that it is alive; 3 seconds when 0. A
	// killed member is noticed after three times as long and a second.
	Idle time.Duration
}

// A Conn is a [driver.Conn] on JetStream.
type Conn struct {
	cfg  Config
	log  *slog.Logger
	nc   *nats.Conn
	js   jetstream.JetStream
	link link
	ways ways
	// replies are the answers to fast batches.
	replies fastReplies
	// lost is why there is no connection, as far as the client has said.
	lost atomic.Pointer[error]

	mu      sync.Mutex
	closed  bool
	topics  map[string]int32 // partition counts; they never change
	members map[*member]struct{}
}

var _ driver.Conn = (*Conn)(nil)

// Open checks the configuration and returns a connection. When no server
// answers it goes on trying in the background; [Conn.Ping] tells.
func Open(cfg Config) (*Conn, error) {
	if len(cfg.Servers) == 0 {
		return nil, errors.New("nats: no server address; set PL_NATS_SERVERS to host:port[,host:port…]")
	}
	if cfg.Instance != "" {
		if err := checkName(cfg.Instance); err != nil {
			return nil, fmt.Errorf("%w; correct PL_INSTANCE", err)
		}
	}
	if cfg.ClientID == "" {
		cfg.ClientID = "campus-hub"
	}
	if cfg.Idle == 0 {
		cfg.Idle = defaultIdle
	}
	if cfg.Replicas == 0 {
		cfg.Replicas = 1
	}
	c := &Conn{cfg: cfg, log: cfg.Logger, topics: make(map[string]int32), members: make(map[*member]struct{})}
	if c.log == nil {
		c.log = slog.Default()
	}
	c.link.init()
	c.ways.forget()
	var err error
	if c.nc, err = nats.Connect(strings.Join(cfg.Servers, ","), c.options()...); err != nil {
		return nil, fmt.Errorf("nats: connect to %s: %w; correct PL_NATS_SERVERS", c.servers(), err)
	}
	if c.nc.IsConnected() {
		c.connected()
	}
	if c.js, err = jetstream.New(c.nc); err != nil {
		c.nc.Close()
		return nil, fmt.Errorf("nats: %w", err)
	}
	return c, nil
}

func (c *Conn) options() []nats.Option {
	opts := []nats.Option{
		nats.Name(c.cfg.ClientID),
		nats.RetryOnFailedConnect(true),
		nats.SetCustomDialer(wire.NewDialer()),
		nats.MaxReconnects(-1),
		nats.CustomReconnectDelay(reconnectDelay),
		// What is published without a connection fails at once: only the
		// publisher knows whether it may be sent again.
		nats.ReconnectBufSize(-1),
		nats.PingInterval(pingEvery),
		nats.MaxPingsOutstanding(2),
		// A server that refuses this client may know it again later.
		nats.IgnoreAuthErrorAbort(),
		nats.ConnectHandler(func(*nats.Conn) { c.connected() }),
		nats.ReconnectHandler(func(*nats.Conn) { c.connected() }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { c.disconnected(err) }),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { c.lost.Store(&err) }),
		nats.ErrorHandler(func(nc *nats.Conn, _ *nats.Subscription, err error) {
			if !nc.IsConnected() {
				c.lost.Store(&err)
			}
			c.log.Warn("nats: asynchronous error", "error", err)
		}),
	}
	return append(opts, c.cfg.access()...)
}

func reconnectDelay(attempts int) time.Duration {
	const most = 10 // more would overflow
	wait := min(reconnectWait<<min(max(attempts-1, 0), most), reconnectLimit)
	return wait + rand.N(wait/2)
}

// access are the options that say who the client is.
func (cfg *Config) access() (opts []nats.Option) {
	if cfg.Credentials != "" {
		opts = append(opts, nats.UserCredentials(cfg.Credentials))
	}
	if cfg.User != "" {
		opts = append(opts, nats.UserInfo(cfg.User, cfg.Password))
	}
	if cfg.Token != "" {
		opts = append(opts, nats.Token(cfg.Token))
	}
	if cfg.TLS != nil {
		opts = append(opts, nats.Secure(cfg.TLS))
	}
	return opts
}

func (c *Conn) connected() {
	c.lost.Store(nil)
	c.ways.forget()
	c.link.up()
}

func (c *Conn) disconnected(err error) {
	c.link.down()
	if err != nil {
		c.log.Warn("the connection to the NATS server broke; connecting again", "error", err)
	}
}

// Ping fails when no server answers.
func (c *Conn) Ping(ctx context.Context) error {
	return c.call(ctx, "ping", c.nc.FlushWithContext)
}

// Close ends all members, then publishing and the connection. Publishes in
// flight fail.
func (c *Conn) Close() error {
	c.mu.Lock()
	c.closed = true
	members := make([]*member, 0, len(c.members))
	for m := range c.members {
		members = append(members, m)
	}
	c.mu.Unlock()
	errs := make([]error, len(members))
	var left sync.WaitGroup
	for i, m := range members {
		left.Go(func() { errs[i] = m.Close(context.Background()) })
	}
	left.Wait()
	c.nc.Close()
	c.link.close()
	return errors.Join(errs...)
}

// add registers a member, which Close ends; it fails after Close.
func (c *Conn) add(m *member) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return errClosed
	}
	c.members[m] = struct{}{}
	return nil
}

func (c *Conn) remove(m *member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.members, m)
}

// call asks the server something that may be asked twice. It waits for a
// connection, and asks again when the connection breaks.
func (c *Conn) call(ctx context.Context, doing string, ask func(context.Context) error) error {
	for begin := time.Now(); ; {
		err := c.once(ctx, ask)
		if !errors.Is(err, errLinkDown) || ctx.Err() != nil || time.Since(begin) >= unreachableAfter {
			return c.explain(doing, err)
		}
	}
}

// once waits for a connection and asks while it lasts.
func (c *Conn) once(ctx context.Context, ask func(context.Context) error) error {
	linked, release, err := c.link.wait(ctx, unreachableAfter)
	if err != nil {
		return err
	}
	defer release()
	within, cancel := context.WithTimeoutCause(linked, answerWithin, errNoAnswer)
	defer cancel()
	err = ask(within)
	if err != nil && within.Err() != nil && errors.Is(err, within.Err()) {
		err = context.Cause(within)
	}
	if c.cutOff(err) {
		err = fmt.Errorf("%w: %w", errLinkDown, err)
		c.link.await(ctx, linked)
	}
	return err
}

// cutOff tells whether an error says that the connection has just broken.
func (c *Conn) cutOff(err error) bool {
	for _, cut := range []error{nats.ErrReconnectBufExceeded, nats.ErrConnectionReconnecting, nats.ErrDisconnected, nats.ErrConnectionClosed} {
		if errors.Is(err, cut) {
			return !c.nc.IsClosed()
		}
	}
	return false
}

// explain says what failed, where, and which setting to look at. It returns
// nil for a nil error.
func (c *Conn) explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	if !unreachable(err) {
		return fmt.Errorf("nats: %s: %w", doing, err)
	}
	return fmt.Errorf("nats: %s: %w: no JetStream answers at %s; %s: %w",
		doing, driver.ErrUnreachable, c.servers(), c.advice(), err)
}

// servers are the addresses without the passwords that URLs may have.
func (c *Conn) servers() string {
	shown := make([]string, len(c.cfg.Servers))
	for i, server := range c.cfg.Servers {
		shown[i] = server
		if u, err := url.Parse(server); err == nil && u.User != nil {
			shown[i] = u.Redacted()
		}
	}
	return strings.Join(shown, ",")
}

// advice says which settings to look at while there is no connection.
func (c *Conn) advice() string {
	general := "start one there or correct PL_NATS_SERVERS"
	if c.cfg.TLS != nil {
		general += ", PL_NATS_CA or PL_NATS_CERT"
	}
	lost := c.lost.Load()
	if lost == nil {
		return general
	}
	var certificate *tls.CertificateVerificationError
	switch err := *lost; {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked):
		return "it refuses this client (" + err.Error() + "); correct PL_NATS_USER and PL_NATS_PASSWORD, PL_NATS_TOKEN, or PL_NATS_CREDS"
	case errors.As(err, &certificate):
		return "its certificate is not trusted; correct PL_NATS_CA"
	case strings.Contains(err.Error(), "tls: "):
		return "it refuses this client's TLS (" + err.Error() + "); correct PL_NATS_CERT"
	default:
		return general + " (" + err.Error() + ")"
	}
}

// unreachable tells a server that is away from one that says no.
func unreachable(err error) bool {
	var network net.Error
	for _, away := range []error{errLinkDown, errNoAnswer, nats.ErrNoServers, nats.ErrNoResponders, nats.ErrTimeout} {
		if errors.Is(err, away) {
			return true
		}
	}
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return api.Code == 503
	}
	return errors.As(err, &network) && !errors.Is(err, context.DeadlineExceeded)
}
