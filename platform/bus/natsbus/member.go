package natsbus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// leaveTimeout bounds what a member that leaves still tells the server.
const leaveTimeout = 5 * time.Second

// A member is one member of a consumer group.
type member struct {
	conn    *Conn
	id      string
	group   string
	topics  map[string]int32 // partition counts
	handler driver.Handler
	log     *slog.Logger
	bucket  jetstream.KeyValue
	commits *committer

	buffered atomic.Int64              // bytes queued in all partitions
	renewed  atomic.Pointer[time.Time] // when the last sign of life that arrived was given
	trouble  atomic.Pointer[error]     // what last broke the session; nil when it is well

	stop  context.Context // ends when the member leaves
	quit  context.CancelFunc
	ended sync.WaitGroup // the goroutines of the session
	left  func() error   // leaves the group, once
	seats *seats
}

// Join implements [driver.Conn]. It fails when a topic does not exist, and
// does not wait until partitions are assigned.
//
// Every member shows in the group's bucket that it is alive, and watches the
// others. It takes free partitions up to its fair share, by a write that fails
// when another was first, and gives back what is more. The partitions of a
// member that shows no life are free, and a member that could show none for as
// long gives up its own. When a stopped process wakes up late two members can
// have a partition for a moment: the epoch in the consumer's database keeps
// the older one from writing.
//
// A member with a [Config].Instance removes what an earlier one of that name
// has left, so that its partitions are free at once. Should that one be alive
// after all it becomes a member again with its next sign of life.
func (c *Conn) Join(ctx context.Context, group string, topics []string, h driver.Handler) (driver.Member, error) {
	m, err := c.newMember(ctx, group, topics, h)
	if err != nil {
		return nil, err
	}
	if err := c.add(m); err != nil {
		return nil, err
	}
	if err := m.open(ctx); err != nil {
		c.remove(m)
		return nil, fmt.Errorf("join group %s: %w", group, err)
	}
	context.AfterFunc(ctx, func() { _ = m.Close(context.Background()) })
	return m, nil
}

func (c *Conn) newMember(ctx context.Context, group string, topics []string, h driver.Handler) (*member, error) {
	if err := checkName(group); err != nil {
		return nil, err
	}
	counts, err := c.requireTopics(ctx, topics)
	if err != nil {
		return nil, err
	}
	bucket, err := c.bucket(ctx)
	if err != nil {
		return nil, err
	}
	m := &member{
		conn: c, id: c.cfg.memberID(), group: group, topics: counts, handler: h,
		log:    c.log.With("group", group),
		bucket: bucket,
	}
	m.stop, m.quit = context.WithCancel(context.Background())
	m.left = sync.OnceValue(m.leave)
	m.commits = newCommitter(m)
	m.seats = newSeats(m)
	return m, nil
}

// requireTopics returns the partition counts of the topics and fails when one
// of them does not exist.
func (c *Conn) requireTopics(ctx context.Context, topics []string) (map[string]int32, error) {
	counts := make(map[string]int32, len(topics))
	var errs []error
	for _, topic := range topics {
		n, err := c.partitions(ctx, topic)
		if errors.Is(err, driver.ErrUnreachable) {
			return nil, err
		}
		counts[topic] = n
		errs = append(errs, err)
	}
	return counts, errors.Join(errs...)
}

func (m *member) open(ctx context.Context) error {
	if err := m.conn.call(ctx, "become a member", m.renew); err != nil {
		return err
	}
	if err := m.conn.call(ctx, "succeed instance "+m.conn.cfg.Instance, m.succeed); err != nil {
		return err
	}
	go m.commits.run()
	m.ended.Go(m.stayAlive)
	m.ended.Go(m.seats.run)
	return nil
}

// memberID is new for each member, and tells its instance.
func (cfg *Config) memberID() string {
	if cfg.Instance == "" {
		return nuid.Next()
	}
	return token(cfg.Instance) + "=" + nuid.Next()
}

// succeed removes the members that this one takes the place of.
func (m *member) succeed(ctx context.Context) error {
	instance, _, named := strings.Cut(m.id, "=")
	if !named {
		return nil
	}
	keys, err := m.bucket.ListKeysFiltered(ctx, memberKey(m.group, "*"))
	if err != nil {
		return err
	}
	for key := range keys.Keys() {
		if id, _, ok := parseKey(key); ok && id != m.id && strings.HasPrefix(id, instance+"=") {
			if err := m.bucket.Purge(ctx, key); err != nil {
				return err
			}
		}
	}
	return nil
}

// ttl is how long a member may show no life.
func (m *member) ttl() time.Duration { return 3*m.conn.cfg.Idle + time.Second }

// renew shows that the member is alive.
func (m *member) renew(ctx context.Context) error {
	at := time.Now()
	names := make([]string, 0, len(m.topics))
	for topic := range m.topics {
		names = append(names, topic)
	}
	if _, err := m.bucket.Put(ctx, memberKey(m.group, m.id), []byte(strings.Join(names, " "))); err != nil {
		return err
	}
	m.renewed.Store(&at)
	return nil
}

// alive tells whether the others still have to take the member for alive. One
// interval is kept back, because it takes that long to notice. It measures on
// the monotonic clock: the time of day may be set meanwhile.
func (m *member) alive() bool {
	return time.Since(*m.renewed.Load()) < m.ttl()-m.conn.cfg.Idle
}

// stayAlive renews until the member leaves.
func (m *member) stayAlive() {
	tick := time.NewTicker(m.conn.cfg.Idle)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-m.stop.Done():
			return
		}
		ctx, cancel := context.WithTimeout(m.stop, m.ttl())
		err := m.conn.once(ctx, m.renew)
		cancel()
		m.report(err)
		signal(m.seats.wake)
	}
}

// report keeps what is wrong for Ready, and logs when that changes.
func (m *member) report(err error) {
	if m.stop.Err() != nil {
		return
	}
	if err == nil {
		m.trouble.Store(nil)
		return
	}
	err = m.conn.explain("group "+m.group, err)
	if m.trouble.Swap(&err) == nil {
		m.log.Warn("the consumer group's session is disturbed", "error", err)
	}
}

// Ready implements [driver.Member].
func (m *member) Ready() error {
	if err := m.trouble.Load(); err != nil {
		return *err
	}
	if !m.seats.joined.Load() {
		return fmt.Errorf("nats: group %s: not joined yet", m.group)
	}
	return nil
}

// Close implements [driver.Member]. The work goes on in the background when
// ctx ends first.
func (m *member) Close(ctx context.Context) error {
	result := make(chan error, 1)
	go func() { result <- m.left() }()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return fmt.Errorf("nats: leave group %s: handlers still hold partitions: %w", m.group, ctx.Err())
	}
}

// leave gives back all partitions and tells the others. When the server is
// away they notice by themselves.
func (m *member) leave() error {
	m.quit()
	m.ended.Wait()
	m.seats.leave()
	m.commits.stop()
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	err := m.conn.once(ctx, func(ctx context.Context) error {
		return m.bucket.Purge(ctx, memberKey(m.group, m.id))
	})
	if err != nil {
		m.log.Warn("left the consumer group without telling the server; the others notice by themselves", "error", err)
	}
	m.conn.remove(m)
	return nil
}
