package kafkabus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

const (
	// One request of the broker for more; what is buffered is bounded apart.
	fetchBytes          = 4 << 20
	fetchPartitionBytes = 256 << 10
)

type topicPartition struct {
	topic     string
	partition int32
}

// A member is one member of a consumer group. See the package doc for why it
// is two clients.
type member struct {
	conn     *Conn
	group    string
	handler  driver.Handler
	log      *slog.Logger
	seats    *kgo.Client // takes part in the group
	data     *kgo.Client // fetches
	commits  *committer
	polling  chan struct{} // closed when the poll loop has ended
	appetite chan struct{} // holds one token when a partition may take more
	leaving  sync.Once
	gone     chan struct{} // closed when the group is left
	left     error         // of leaving; set before gone is closed

	buffered atomic.Int64          // bytes queued in all partitions
	trouble  atomic.Pointer[error] // what last broke the group session

	// assign holds a token while the data client's partitions change. It is a
	// channel, so that waiting for it lets virtual time go on.
	assign chan struct{}

	mu    sync.Mutex
	parts map[topicPartition]*partition
	turn  *turn
}

// Join implements [driver.Conn]. It fails when a topic does not exist, and
// does not wait until the group has assigned partitions.
func (c *Conn) Join(ctx context.Context, group string, topics []string, h driver.Handler) (driver.Member, error) {
	if err := c.requireTopics(ctx, topics); err != nil {
		return nil, err
	}
	m := &member{
		conn: c, group: group, handler: h,
		log:      c.log.With("group", group),
		polling:  make(chan struct{}),
		appetite: make(chan struct{}, 1),
		assign:   make(chan struct{}, 1),
		parts:    make(map[topicPartition]*partition),
	}
	m.gone = make(chan struct{})
	if err := c.add(m); err != nil {
		return nil, err
	}
	if err := m.open(topics); err != nil {
		c.remove(m)
		return nil, fmt.Errorf("kafka: join group %s: %w", group, err)
	}
	context.AfterFunc(ctx, func() { _ = m.Close(context.Background()) })
	return m, nil
}

func (m *member) open(topics []string) (err error) {
	// The broker holds an empty fetch for a tenth of a second: a partition
	// that is sought or resumed meanwhile waits for it to return.
	m.data, err = kgo.NewClient(append(m.conn.opts,
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(m.conn.cfg.Idle/30),
		kgo.FetchMaxBytes(fetchBytes),
		kgo.FetchMaxPartitionBytes(fetchPartitionBytes),
	)...)
	if err != nil {
		return err
	}
	// The callbacks may run before NewClient returns.
	m.commits = newCommitter(m)
	ready := make(chan struct{})
	defer close(ready)
	m.seats, err = kgo.NewClient(append(append(m.conn.opts, m.conn.cfg.instance()...),
		kgo.ConsumerGroup(m.group),
		kgo.ConsumeTopics(topics...),
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.SessionTimeout(3*m.conn.cfg.Idle+time.Second),
		kgo.RebalanceTimeout(max(rebalanceTime, 3*m.conn.cfg.Idle+time.Second)),
		kgo.HeartbeatInterval(m.conn.cfg.Idle),
		kgo.DisableAutoCommit(),
		kgo.MaxVersions(commitsByName()),
		kgo.AdjustFetchOffsetsFn(fetchNothing),
		kgo.WithHooks(groupErrors{m}),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, ps map[string][]int32) {
			<-ready
			m.assigned(ps)
		}),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, ps map[string][]int32) {
			<-ready
			m.revoked(ps, true)
		}),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, ps map[string][]int32) {
			<-ready
			m.revoked(ps, false)
		}),
	)...)
	if err != nil {
		m.data.Close()
		return err
	}
	go m.poll()
	go m.commits.run()
	return nil
}

// commitsByName are all requests as the client knows them, and commits in the
// last version that names topics and not their ids.
func commitsByName() *kversion.Versions {
	v := kversion.Stable()
	v.SetMaxKeyVersion(kmsg.OffsetCommit.Int16(), 9)
	return v
}

// fetchNothing keeps the group's client from consuming what it is assigned.
func fetchNothing(context.Context, map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	return nil, nil
}

func (m *member) assigned(ps map[string][]int32) {
	for topic, indexes := range ps {
		for _, index := range indexes {
			p := newPartition(m, topicPartition{topic, index})
			m.mu.Lock()
			m.parts[p.id] = p
			m.mu.Unlock()
			m.handler.Assigned(p)
		}
	}
	m.trouble.Store(nil)
}

// revoked takes partitions back. When it returns the handler has let go of
// them, nothing is fetched from them, and what it did is committed if it can
// be.
func (m *member) revoked(ps map[string][]int32, commit bool) {
	parts := m.take(ps)
	if len(parts) == 0 {
		return
	}
	m.detach(parts)
	var wg sync.WaitGroup
	for _, p := range parts {
		wg.Go(func() { m.handler.Revoked(p) })
	}
	wg.Wait()
	if commit {
		m.commits.flush()
	}
	m.commits.forget(parts)
}

// take removes the partitions from the member and ends their fetches.
func (m *member) take(ps map[string][]int32) []*partition {
	m.mu.Lock()
	defer m.mu.Unlock()
	var parts []*partition
	for topic, indexes := range ps {
		for _, index := range indexes {
			id := topicPartition{topic, index}
			if p, ok := m.parts[id]; ok {
				delete(m.parts, id)
				p.end(driver.ErrRevoked)
				parts = append(parts, p)
			}
		}
	}
	return parts
}

// detach stops the data client from fetching the partitions. Records that it
// has fetched before never reach them afterwards.
func (m *member) detach(parts []*partition) {
	m.assign <- struct{}{}
	defer func() { <-m.assign }()
	m.detachLocked(parts)
}

func (m *member) detachLocked(parts []*partition) {
	remove := make(map[string][]int32)
	for _, p := range parts {
		if p.attached {
			p.attached = false
			remove[p.id.topic] = append(remove[p.id.topic], p.id.partition)
		}
	}
	if len(remove) == 0 {
		return
	}
	m.data.RemoveConsumePartitions(remove)
	m.data.ResumeFetchPartitions(remove)
	m.finishTurn()
}

// attach makes the data client fetch the partition from an offset on, and
// drops whatever was queued before. It fails when the partition was revoked.
func (m *member) attach(p *partition, at int64) error {
	m.assign <- struct{}{}
	defer func() { <-m.assign }()
	m.detachLocked([]*partition{p})
	if err := p.restart(); err != nil {
		return err
	}
	p.attached = true
	m.data.AddConsumePartitions(map[string]map[int32]kgo.Offset{
		p.id.topic: {p.id.partition: kgo.NewOffset().At(at)},
	})
	return nil
}

// Ready implements [driver.Member].
func (m *member) Ready() error {
	if err := m.trouble.Load(); err != nil {
		return m.conn.explain("group "+m.group, *err)
	}
	if _, generation := m.seats.GroupMetadata(); generation < 0 {
		return fmt.Errorf("kafka: group %s: not joined yet", m.group)
	}
	return nil
}

// rebalanceTime is how long members may take to let go of partitions. A member
// that is killed while the others wait for it keeps them waiting so long.
const rebalanceTime = 20 * time.Second

// groupErrors hears what breaks the group session.
type groupErrors struct{ m *member }

// OnGroupManageError implements kgo.HookGroupManageError.
func (g groupErrors) OnGroupManageError(err error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, kgo.ErrClientClosed) {
		return
	}
	g.m.trouble.Store(&err)
	g.m.log.Warn("the consumer group's session broke; joining again",
		"error", g.m.conn.explain("group "+g.m.group, err))
}

// Close implements [driver.Member]. The work goes on in the background when
// ctx ends first.
func (m *member) Close(ctx context.Context) error {
	m.leaving.Do(func() {
		go func() {
			defer close(m.gone)
			m.left = m.leave()
		}()
	})
	select {
	case <-m.gone:
		return m.left
	case <-ctx.Done():
		return fmt.Errorf("kafka: leave group %s: handlers still hold partitions: %w", m.group, ctx.Err())
	}
}

func (m *member) leave() error {
	err := errors.Join(m.seats.LeaveGroupContext(context.Background()), m.leaveAsInstance())
	m.commits.stop()
	m.seats.Close()
	m.data.Close()
	<-m.polling
	m.conn.remove(m)
	if unreachable(err) {
		m.log.Warn("left the consumer group without telling the broker; its session times out by itself", "error", err)
		return nil
	}
	return err
}
