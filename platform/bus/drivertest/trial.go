package drivertest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// A Trial is something that connections have to survive while records are
// published and consumed.
type Trial struct {
	// Open returns a new connection, which the trial closes.
	Open func(t *testing.T) driver.Conn
	// Disturb is called while records flow, and returns when they are to flow
	// again. The topic has one partition for each of Partitions.
	Disturb func(t *testing.T, topic string)
	// Partitions is 3 when 0.
	Partitions int32
	// Patience bounds the trial; a minute when 0.
	Patience time.Duration
}

// Times of a trial.
const (
	publishEvery = 10 * time.Millisecond
	// Every call of a driver gets this long, and must not take much longer.
	callWithin = 5 * time.Second
	callGrace  = 2 * time.Second
	// afterwards is how many records of each key follow the disturbance.
	afterwards = 20
)

// Survive runs the trial on a topic of its own. Several publishers write
// records of several keys, and repeat what failed, as the outbox does; two
// members of a group consume them, and seek again when fetching fails.
//
// It fails when a record that was acknowledged is not consumed, when the first
// arrivals of a key are out of order, and when a call ends long after its
// context. Duplicates are allowed: the inbox settles them.
func Survive(t *testing.T, trial Trial) {
	t.Helper()
	if trial.Partitions == 0 {
		trial.Partitions = 3
	}
	ctx, cancel := context.WithTimeout(context.Background(), max(trial.Patience, time.Minute))
	defer cancel()
	s := &suite{T: t, broker: Broker{Open: trial.Open}, ctx: ctx}
	s.survive(trial.Partitions, func(topic string) { trial.Disturb(t, topic) })
}

// survive is [Survive] within the time of a case.
func (s *suite) survive(partitions int32, disturb func(topic string)) {
	s.Helper()
	run := &trialRun{s: s, arrivals: newArrivals(s.Errorf), acked: make(map[string]int)}
	run.topic = s.topic(s.open(), fmt.Sprintf("trial-%d", time.Now().UnixNano()), partitions)
	run.consume()
	run.publish(func() { disturb(run.topic) })
	if err := run.arrivals.wait(s.ctx, run.acked); err != nil {
		s.Fatal(err)
	}
	s.Logf("%d records of %d keys, %d of them twice; the slowest publish took %s, and the longest silence at the consumers was %s",
		run.total(), len(run.acked), run.arrivals.twice, run.slowest.Round(time.Millisecond), run.arrivals.silence.Round(time.Millisecond))
}

type trialRun struct {
	s        *suite
	topic    string
	arrivals *arrivals

	mu      sync.Mutex
	acked   map[string]int // how many records of each key were acknowledged
	slowest time.Duration
}

func (r *trialRun) total() (n int) {
	for _, count := range r.acked {
		n += count
	}
	return n
}

// consume joins the group with two members, each of a connection of its own.
func (r *trialRun) consume() {
	for range 2 {
		c := &trialConsumer{s: r.s, arrivals: r.arrivals, work: make(map[driver.Partition]*running)}
		r.s.join(r.s.open(), "pl.drivertest.trial", r.topic, c)
	}
}

// publish writes until some records of every key have followed the disturbance.
func (r *trialRun) publish(disturb func()) {
	const publishers, keys = 3, 4
	conn := r.s.open()
	var over, started sync.WaitGroup
	done := make(chan struct{})
	for p := range publishers {
		started.Add(1)
		over.Go(func() {
			left := afterwards
			for n := 0; left > 0 && r.s.ctx.Err() == nil; n++ {
				r.batch(conn, p*keys, keys, n)
				if n == afterwards {
					started.Done()
				}
				select {
				case <-done:
					left--
				default:
				}
			}
		})
	}
	started.Wait()
	disturb()
	close(done)
	over.Wait()
}

// batch publishes the nth record of some keys until they are acknowledged.
func (r *trialRun) batch(conn driver.Conn, first, keys, n int) {
	var batch []*driver.Record
	for key := first; key < first+keys; key++ {
		batch = append(batch, keyed(r.topic, key, n))
	}
	begin := time.Now()
	for r.attempt(conn, batch) != nil {
		if r.s.ctx.Err() != nil {
			r.s.Errorf("record %d of some keys could not be published", n)
			return
		}
		wait(r.s.ctx, publishEvery)
	}
	r.acknowledge(batch, n, time.Since(begin))
	wait(r.s.ctx, publishEvery)
}

func (r *trialRun) attempt(conn driver.Conn, batch []*driver.Record) error {
	ctx, cancel := context.WithTimeout(r.s.ctx, callWithin)
	defer cancel()
	begin := time.Now()
	err := conn.Publish(ctx, batch)
	if took := time.Since(begin); took > callWithin+callGrace {
		r.s.Errorf("a publish with %s of time took %s: %v", callWithin, took, err)
	}
	return err
}

func (r *trialRun) acknowledge(batch []*driver.Record, n int, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rec := range batch {
		r.acked[string(rec.Key)] = n + 1
	}
	r.slowest = max(r.slowest, took)
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// A trialConsumer works on the partitions of one member.
type trialConsumer struct {
	s        *suite
	arrivals *arrivals

	mu   sync.Mutex
	work map[driver.Partition]*running
}

func (c *trialConsumer) Assigned(p driver.Partition) {
	ctx, stop := context.WithCancel(c.s.ctx)
	r := &running{stop: stop, done: make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.work[p] = r
	epoch := c.arrivals.claim(p.Index())
	go func() {
		defer close(r.done)
		for ctx.Err() == nil {
			if err := c.consume(ctx, p, epoch); errors.Is(err, driver.ErrRevoked) {
				return
			}
			wait(ctx, publishEvery)
		}
	}()
}

// consume works on from the position until something fails.
func (c *trialConsumer) consume(ctx context.Context, p driver.Partition, epoch int) error {
	if _, err := c.bounded(ctx, "seek", func(ctx context.Context) ([]*driver.Record, error) {
		_, err := p.Seek(ctx, c.arrivals.position(p.Index()))
		return nil, err
	}); err != nil {
		return err
	}
	for {
		records, err := c.bounded(ctx, "fetch", func(ctx context.Context) ([]*driver.Record, error) {
			return p.Fetch(ctx, 100, 1<<20)
		})
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		if !c.arrivals.apply(p.Index(), epoch, records) {
			return driver.ErrRevoked // another member has it
		}
	}
}

func (c *trialConsumer) bounded(ctx context.Context, what string, call func(context.Context) ([]*driver.Record, error)) ([]*driver.Record, error) {
	within, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	begin := time.Now()
	records, err := call(within)
	if took := time.Since(begin); took > callWithin+callGrace {
		c.s.Errorf("a %s with %s of time took %s: %v", what, callWithin, took, err)
	}
	return records, err
}

func (c *trialConsumer) Revoked(p driver.Partition) {
	c.mu.Lock()
	r := c.work[p]
	delete(c.work, p)
	c.mu.Unlock()
	r.stop()
	<-r.done
}
