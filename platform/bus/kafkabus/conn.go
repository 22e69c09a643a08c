// Package kafkabus connects package bus to Apache Kafka and to everything that
// speaks its protocol.
//
// A member of a consumer group is two clients: one takes part in the group and
// never fetches, the other fetches exactly the partitions that were sought. So
// no record can arrive before its partition's position is known, and the
// offsets that the broker keeps decide nothing.
package kafkabus

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// unreachableAfter is how long requests other than produce and fetch are waited
// for and tried again before the broker counts as unreachable.
const unreachableAfter = 10 * time.Second

const defaultIdle = 3 * time.Second

// Config says where the brokers are.
type Config struct {
	// Brokers are the addresses to begin with, host:port.
	Brokers []string
	// ClientID names this process in the broker's logs and quotas; "campus-hub"
	// when empty.
	ClientID string
	// Logger is slog.Default when nil.
	Logger *slog.Logger
	// TLS is how to speak TLS with the brokers, which do not when it is nil.
	TLS *tls.Config
	// SASL says who the client is.
	SASL SASL
	// Instance is the name of this process among those with the same groups,
	// which it keeps when it is started again after a crash: its partitions
	// are its own at once then, instead of when its session has timed out. Two
	// processes with one name take the partitions from each other. None when
	// empty.
	Instance string
	// Dial replaces the dialer, for a network in memory.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Idle is how often a member without work shows that it is alive; 3 seconds
	// when 0. A killed member is noticed after three times as long, and empty
	// fetches return after a thirtieth of it. Tests in virtual time set it to
	// minutes, so that hours without events cost little.
	Idle time.Duration
}

// A Conn is a [driver.Conn] on a Kafka cluster.
type Conn struct {
	cfg   Config
	log   *slog.Logger
	opts  []kgo.Opt   // of every client
	out   *kgo.Client // publishes, and asks for metadata
	admin *kadm.Client

	mu      sync.Mutex
	closed  bool
	members map[*member]struct{}
}

var _ driver.Conn = (*Conn)(nil)

// Open checks the configuration and returns a connection. It does not wait for
// the brokers, which may come up later; [Conn.Ping] does.
func Open(cfg Config) (*Conn, error) {
	if len(cfg.Brokers) == 0 {
		return nil, errors.New("kafka: no broker address; set PL_KAFKA_BROKERS to host:port[,host:port…]")
	}
	for _, b := range cfg.Brokers {
		if _, _, err := net.SplitHostPort(b); err != nil {
			return nil, fmt.Errorf("kafka: broker address %q is not host:port; correct PL_KAFKA_BROKERS: %w", b, err)
		}
	}
	if cfg.ClientID == "" {
		cfg.ClientID = "campus-hub"
	}
	if cfg.Idle == 0 {
		cfg.Idle = defaultIdle
	}
	c := &Conn{cfg: cfg, log: cfg.Logger, members: make(map[*member]struct{})}
	if c.log == nil {
		c.log = slog.Default()
	}
	var err error
	if c.opts, err = c.options(); err != nil {
		return nil, err
	}
	out, err := kgo.NewClient(append(c.opts, producerOptions()...)...)
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	c.out, c.admin = out, kadm.NewClient(out)
	return c, nil
}

// options are those of every client of the connection.
func (c *Conn) options() ([]kgo.Opt, error) {
	access, err := c.cfg.access()
	return slices.Clip(append(access,
		kgo.SeedBrokers(c.cfg.Brokers...),
		kgo.ClientID(c.cfg.ClientID),
		kgo.WithLogger(logger{c.log}),
		kgo.RetryTimeout(unreachableAfter),
		kgo.DisableClientMetrics(),
		kgo.MetadataMinAge(250*time.Millisecond),
		kgo.MetadataMaxAge(min(20*c.cfg.Idle, time.Hour)),
	)), err
}

// Ping fails when no broker answers.
func (c *Conn) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, unreachableAfter)
	defer cancel()
	return c.explain("ping", c.out.Ping(ctx))
}

// any is whichever broker answers.
func (c *Conn) any() patient { return patient{c.out} }

// A patient asks until a broker answers, for as long as a cluster may take to
// be reachable: the client gives up at once on a request that it sends to the
// one broker that is away while others answer.
type patient struct{ client *kgo.Client }

// Request implements kmsg.Requestor.
func (p patient) Request(ctx context.Context, req kmsg.Request) (kmsg.Response, error) {
	within, cancel := context.WithTimeout(ctx, unreachableAfter)
	defer cancel()
	var last error
	for {
		resp, err := p.client.Request(within, req)
		switch {
		case !unreachable(err) || p.client.Context().Err() != nil:
			return resp, err
		case last == nil || within.Err() == nil:
			last = err
		}
		select {
		case <-time.After(askAgain):
		case <-within.Done():
			return nil, last
		}
	}
}

// Close ends all members, then publishing and the connections. Publishes in
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
	c.out.Close()
	return errors.Join(errs...)
}

// add registers a member, which Close ends; it fails after Close.
func (c *Conn) add(m *member) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return errors.New("kafka: connection is closed")
	}
	c.members[m] = struct{}{}
	return nil
}

func (c *Conn) remove(m *member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.members, m)
}

// explain says what failed, where, and which setting to look at. It returns
// nil for a nil error.
func (c *Conn) explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	if why := c.cfg.refusal(err); why != "" {
		return fmt.Errorf("kafka: %s: %s: %w", doing, why, err)
	}
	if !unreachable(err) {
		return fmt.Errorf("kafka: %s: %w", doing, err)
	}
	settings := "PL_KAFKA_BROKERS or PL_KAFKA_TLS"
	if c.cfg.TLS != nil {
		settings = "PL_KAFKA_BROKERS, PL_KAFKA_TLS, PL_KAFKA_CA or PL_KAFKA_CERT"
	}
	return fmt.Errorf("kafka: %s: %w: no broker answers at %s; start one there, or correct %s: %w",
		doing, driver.ErrUnreachable, strings.Join(c.cfg.Brokers, ","), settings, err)
}

// unreachable tells a broker that is away from one that says no.
func unreachable(err error) bool {
	var closed *kgo.ErrFirstReadEOF
	var network net.Error
	return errors.As(err, &closed) || errors.As(err, &network) || kgo.IsRetryableBrokerErr(err) ||
		errors.Is(err, io.ErrClosedPipe) // a network in memory
}
