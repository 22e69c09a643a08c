package natsbus

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// Batches are fast where the stream takes them, and the stream has nothing of
// what the driver tells the server.
func TestFastBatchesAreWritten(t *testing.T) {
	t.Parallel()
	c := start(t, false)()
	ensure(t, c, 1)
	if err := c.Publish(t.Context(), numbered(3)); err != nil {
		t.Fatal(err)
	}
	if got := atomicMessages(t, c, 3); got != 0 {
		t.Errorf("%d of 3 messages were written in an atomic batch", got)
	}
}

// atomicMessages counts the messages of partition 0, which must hold n, that
// came in an atomic batch.
func atomicMessages(t *testing.T, c *Conn, n uint64) (count int) {
	t.Helper()
	contents(t, c, n)
	s, err := c.js.Stream(t.Context(), streamName(topic, 0))
	if err != nil {
		t.Fatal(err)
	}
	for seq := uint64(1); seq <= n; seq++ {
		msg, err := s.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		if msg.Header.Get(headerBatch) != "" {
			count++
		}
	}
	return count
}

// A fast batch ends at the first message that the server does not get. What
// comes before it stays, and is not written again.
func TestAFastBatchEndsAtAGap(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		lost int // the message that the server does not get
		kept uint64
		err  error
	}{
		"the first":       {0, 0, &jetstream.APIError{ErrorCode: 10208}},
		"in the middle":   {2, 2, errCutShort},
		"next to last":    {3, 3, errCutShort},
		"the last of all": {4, 4, errNoAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			c := start(t, false)()
			ensure(t, c, 1)
			runs, err := c.runs(t.Context(), numbered(5))
			if err != nil {
				t.Fatal(err)
			}
			messages := runs[0].messages
			b, err := c.replies.begin(c.nc)
			if err != nil {
				t.Fatal(err)
			}
			address(messages, c.replies.inbox+"."+b.id+"."+fastFlow+fastMode)
			for _, msg := range slices.Delete(slices.Clone(messages), test.lost, test.lost+1) {
				if err := c.nc.PublishMsg(msg); err != nil {
					t.Fatal(err)
				}
			}
			if err := b.wait(t.Context(), len(messages)); !errors.Is(err, test.err) {
				t.Errorf("the batch ends with %v, want %v", err, test.err)
			}
			contents(t, c, test.kept)
			if err := c.writeBatch(t.Context(), runs[0], messages); err != nil {
				t.Fatal(err)
			}
			if got := contents(t, c, 5); !slices.Equal(got, []string{"0", "1", "2", "3", "4"}) {
				t.Errorf("completed to %v", got)
			}
		})
	}
}

// What is left of a fast batch on its way comes after the batch was written
// again: the stream keeps its order, and has nothing twice.
func TestALateFastBatchChangesNothing(t *testing.T) {
	t.Parallel()
	c := start(t, false)()
	ensure(t, c, 1)
	const late = 2 // messages of the first attempt that overtake the second one
	runs, err := c.runs(t.Context(), numbered(5))
	if err != nil {
		t.Fatal(err)
	}
	messages := runs[0].messages
	b, err := c.replies.begin(c.nc)
	if err != nil {
		t.Fatal(err)
	}
	address(messages, c.replies.inbox+"."+b.id+"."+fastFlow+fastMode)
	replies := make([]string, len(messages))
	for i, msg := range messages {
		replies[i] = msg.Reply
		if i < late {
			if err := c.nc.PublishMsg(msg); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := c.writeBatch(t.Context(), runs[0], messages); err != nil {
		t.Fatal(err)
	}
	for i, msg := range messages[late:] {
		msg.Reply = replies[late+i]
		if err := c.nc.PublishMsg(msg); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.wait(t.Context(), len(messages)); err != nil {
		t.Errorf("the late batch ends with %v", err)
	}
	if got := contents(t, c, 5); !slices.Equal(got, []string{"0", "1", "2", "3", "4"}) {
		t.Errorf("the stream has %v", got)
	}
}

// A connection that ends in the middle of a fast batch, at any byte of it,
// neither loses nor doubles nor moves a record.
func TestAConnectionEndsInAFastBatch(t *testing.T) {
	t.Parallel()
	c := start(t, false)()
	ensure(t, c, 1)
	through := newCutter(t, c.nc.ConnectedAddr())
	cut, err := Open(Config{Servers: []string{through.addr}, Idle: c.cfg.Idle, Logger: c.log})
	if err != nil {
		t.Fatal(err)
	}
	defer cut.Close()
	const rounds, each = 12, 100
	var want []string
	for round := range rounds {
		records := numbered(each)
		for i, r := range records {
			r.Value = fmt.Append(nil, round, "-", i)
			want = append(want, string(r.Value))
		}
		through.left.Store(int64(1 + round*1500))
		if err := cut.Publish(t.Context(), records); err != nil {
			t.Fatal(err)
		}
	}
	if got := contents(t, c, rounds*each); !slices.Equal(got, want) {
		t.Errorf("the stream has %v", got)
	}
	if through.cuts.Load() < rounds/2 {
		t.Errorf("only %d connections were cut", through.cuts.Load())
	}
}

// A cutter passes connections on to a server, and ends one after some bytes.
type cutter struct {
	addr string
	left atomic.Int64 // bytes from clients until the next cut; none when negative
	cuts atomic.Int64
}

func newCutter(t *testing.T, server string) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	p := &cutter{addr: l.Addr().String()}
	p.left.Store(-1)
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go p.pass(client, server)
		}
	}()
	return p
}

func (p *cutter) pass(client net.Conn, addr string) {
	defer client.Close()
	server, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	}()
	buf := make([]byte, 512)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		if had := p.left.Load(); had >= 0 && p.left.Add(-int64(n)) < 0 {
			p.cuts.Add(1)
			_, _ = server.Write(buf[:had])
			return
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}

// A stream of an earlier version is written to atomically, and named until a
// configuration has opened it for fast batches.
func TestATopicWithoutFastBatchesIsOutdated(t *testing.T) {
	t.Parallel()
	connect := start(t, false)
	c := connect()
	ensure(t, c, 1)
	s, err := c.js.Stream(t.Context(), streamName(topic, 0))
	if err != nil {
		t.Fatal(err)
	}
	config := s.CachedInfo().Config
	config.AllowBatchPublish = false
	if _, err := c.js.UpdateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	state := onlyTopic(t, c)
	if state.Outdated == "" {
		t.Error("the topic is not outdated")
	}
	if err := c.Publish(t.Context(), numbered(3)); err != nil {
		t.Fatal(err)
	}
	if err := c.ConfigureTopic(t.Context(), state); err != nil {
		t.Fatal(err)
	}
	if now := onlyTopic(t, c); now.Outdated != "" || now.Retention != state.Retention {
		t.Errorf("configured to %+v", now)
	}
	if err := connect().Publish(t.Context(), numbered(3)); err != nil {
		t.Fatal(err)
	}
	if got := atomicMessages(t, c, 6); got != 3 {
		t.Errorf("%d of 6 messages were written in an atomic batch, want the first 3", got)
	}
}

func onlyTopic(t *testing.T, c *Conn) driver.TopicState {
	t.Helper()
	topics, err := c.Topics(t.Context(), "pl.")
	if err != nil || len(topics) != 1 {
		t.Fatalf("topics %v (%v)", topics, err)
	}
	return topics[0]
}

// An operator may close a stream for fast batches while it is written to.
func TestAStreamIsClosedForFastBatches(t *testing.T) {
	t.Parallel()
	c := start(t, false)()
	ensure(t, c, 1)
	s, err := c.js.Stream(t.Context(), streamName(topic, 0))
	if err != nil {
		t.Fatal(err)
	}
	for _, open := range []bool{true, false} {
		config := s.CachedInfo().Config
		config.AllowBatchPublish = open
		if _, err := c.js.UpdateStream(t.Context(), config); err != nil {
			t.Fatal(err)
		}
		if err := c.Publish(t.Context(), numbered(3)); err != nil {
			t.Fatal(err)
		}
	}
	if got := atomicMessages(t, c, 6); got != 3 {
		t.Errorf("%d of 6 messages were written in an atomic batch, want the last 3", got)
	}
}

// A batch with a message that the stream refuses leaves no beginning behind:
// whoever tries for ever would fill the stream.
func TestARefusedMessageLeavesNothing(t *testing.T) {
	t.Parallel()
	c := start(t, false)()
	ensure(t, c, 1)
	s, err := c.js.Stream(t.Context(), streamName(topic, 0))
	if err != nil {
		t.Fatal(err)
	}
	config := s.CachedInfo().Config
	config.MaxMsgSize = 4 << 10
	if _, err := c.js.UpdateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	records := append(numbered(3), &driver.Record{Topic: topic, Key: []byte("k"), Value: make([]byte, 5<<10)})
	if err := c.Publish(t.Context(), records); err == nil || !strings.Contains(err.Error(), "size") {
		t.Errorf("publish of a record that is too large: %v", err)
	}
	contents(t, c, 0)
}

// A server that flushes each message makes fast batches slow, and then they
// are only tried now and then.
func TestTheFasterWayIsChosen(t *testing.T) {
	t.Parallel()
	messages, sizes := emptyBatch()
	for name, test := range map[string]struct {
		pace [2]time.Duration // of a message
		fast float64          // share of the messages
	}{
		"nothing is flushed":          {[2]time.Duration{atomically: 15 * time.Microsecond, fast: 6 * time.Microsecond}, 1},
		"the disk flushes":            {[2]time.Duration{atomically: 20 * time.Microsecond, fast: 1200 * time.Microsecond}, 0},
		"the machine is overburdened": {[2]time.Duration{atomically: 400 * time.Microsecond, fast: 150 * time.Microsecond}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w, now := newWay(true, 1<<20), time.Unix(0, 0)
			var count [2]int
			for now.Before(time.Unix(300, 0)) {
				k, n := w.choose(messages, sizes, now)
				took := time.Duration(n) * test.pace[k]
				now = now.Add(took)
				w.took(k, n, took)
				count[k] += n
			}
			if share := float64(count[fast]) / float64(count[fast]+count[atomically]); share < test.fast-0.02 || share > test.fast+0.02 {
				t.Errorf("%.3f of the messages were written fast, want %.0f", share, test.fast)
			}
		})
	}
}

func emptyBatch() ([]*nats.Msg, []int) {
	messages := make([]*nats.Msg, 500)
	for i := range messages {
		messages[i] = &nats.Msg{}
	}
	return messages, make([]int, len(messages))
}

// A pause of the machine does not decide for long.
func TestAPauseDoesNotDecide(t *testing.T) {
	t.Parallel()
	w, now := newWay(true, 1<<20), time.Unix(0, 0)
	messages, sizes := emptyBatch()
	for range 10 {
		w.took(fast, len(messages), 5*time.Millisecond)
	}
	w.took(fast, len(messages), 2*time.Second)
	if k, n := w.choose(messages, sizes, now); k != fast || n != len(messages) {
		t.Errorf("after a pause %d messages are written as %v", n, k)
	}
	w.avoid(errNoAnswer, now)
	if k, _ := w.choose(messages, sizes, now); k != atomically {
		t.Error("after a failure the next batch is fast")
	}
	w.took(atomically, 100, time.Millisecond)
	now = now.Add(2 * trialFirst)
	k, n := w.choose(messages, sizes, now)
	if k != fast {
		t.Error("fast batches are not tried again")
	}
	w.took(k, n, time.Duration(n)*5*time.Microsecond)
	if k, n := w.choose(messages, sizes, now); k != fast || n != len(messages) {
		t.Errorf("after a good trial %d messages are written as %v", n, k)
	}
}
