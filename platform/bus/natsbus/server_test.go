package natsbus

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	embedded "github.com/pulselearn/campus-hub/platform/embedded/nats"
)

const topic = "pl.quiz.completed.v1"

// start runs a server for one test and returns connections to it.
func start(t testing.TB, syncAlways bool) (connect func() *Conn) {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	broker, err := embedded.Start(embedded.Options{Addr: "127.0.0.1:0", DataDir: t.TempDir(), SyncAlways: syncAlways, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = broker.Close() })
	return func() *Conn {
		conn, err := Open(Config{Servers: []string{broker.URL()}, Idle: 300 * time.Millisecond, Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
}

func ensure(t testing.TB, c *Conn, partitions int32) {
	t.Helper()
	if err := c.EnsureTopics(t.Context(), []driver.Topic{{Name: topic, Partitions: partitions, Retention: 24 * time.Hour}}); err != nil {
		t.Fatal(err)
	}
}

// A handler keeps what it hears.
type handler struct{ assigned, revoked chan driver.Partition }

func newHandler() *handler {
	return &handler{make(chan driver.Partition, 100), make(chan driver.Partition, 100)}
}

func (h *handler) Assigned(p driver.Partition) { h.assigned <- p }
func (h *handler) Revoked(p driver.Partition)  { h.revoked <- p }

func await(t *testing.T, what string, from chan driver.Partition) driver.Partition {
	t.Helper()
	select {
	case p := <-from:
		return p
	case <-time.After(time.Minute):
		t.Fatal(what)
		return nil
	}
}

func join(t *testing.T, c *Conn, h driver.Handler) *member {
	t.Helper()
	m, err := c.Join(t.Context(), "pl.achievement", []string{topic}, h)
	if err != nil {
		t.Fatal(err)
	}
	return m.(*member)
}

// A member whose connection is gone for good gives up its partitions, and
// another one takes them, without a word between them.
func TestPartitionsOfACutOffMemberAreTakenOver(t *testing.T) {
	connect := start(t, false)
	first, second := newHandler(), newHandler()
	cut := connect()
	ensure(t, cut, 3)
	m := join(t, cut, first)
	for range 3 {
		await(t, "a partition was not assigned", first.assigned)
	}
	cut.nc.Close()
	join(t, connect(), second)
	for range 3 {
		await(t, "a partition of the cut-off member was not revoked", first.revoked)
		await(t, "a partition of the cut-off member was not taken over", second.assigned)
	}
	if m.Ready() == nil {
		t.Error("a member without a connection is ready")
	}
}

// A member that finds another's id on its lease lets go at once.
func TestALeaseThatWasTakenIsLetGo(t *testing.T) {
	c := start(t, false)()
	ensure(t, c, 1)
	h := newHandler()
	m := join(t, c, h)
	p := await(t, "the partition was not assigned", h.assigned)
	key := leaseKey("pl.achievement", topicPartition{topic, 0})
	if _, err := m.bucket.Put(t.Context(), memberKey("pl.achievement", "thief"), []byte(topic)); err != nil {
		t.Fatal(err)
	}
	if _, err := m.bucket.Put(t.Context(), key, []byte("thief")); err != nil {
		t.Fatal(err)
	}
	if got := await(t, "the partition was not revoked", h.revoked); got != p {
		t.Errorf("revoked %v", got)
	}
	// The thief shows no life.
	await(t, "the dead thief's partition was not taken back", h.assigned)
}

// A batch whose outcome is unknown is sent again: nothing is there twice, and
// what a crash of the server left out is completed.
func TestABatchIsCompletedAndNeverDoubled(t *testing.T) {
	for _, there := range []int{0, 2, 5} {
		c := start(t, false)()
		ensure(t, c, 1)
		runs, err := c.runs(t.Context(), numbered(5))
		if err != nil {
			t.Fatal(err)
		}
		for i := range there {
			if err := c.send(t.Context(), runs[0].messages[i:i+1]); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			if err := c.writeBatch(t.Context(), runs[0], runs[0].messages); err != nil {
				t.Fatal(err)
			}
		}
		if got := contents(t, c, 5); !slices.Equal(got, []string{"0", "1", "2", "3", "4"}) {
			t.Errorf("with %d written before: %v", there, got)
		}
	}
}

func numbered(n int) []*driver.Record {
	var records []*driver.Record
	for i := range n {
		records = append(records, &driver.Record{Topic: topic, Key: []byte("k"), Value: fmt.Append(nil, i)})
	}
	return records
}

// contents reads partition 0, which must hold n records.
func contents(t *testing.T, c *Conn, n uint64) []string {
	t.Helper()
	s, err := c.js.Stream(t.Context(), streamName(topic, 0))
	if err != nil {
		t.Fatal(err)
	}
	if state := s.CachedInfo().State; state.Msgs != n {
		t.Fatalf("the stream holds %d messages, want %d", state.Msgs, n)
	}
	var list []string
	for seq := uint64(1); seq <= n; seq++ {
		msg, err := s.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, string(msg.Data))
	}
	return list
}

// A refused batch writes nothing at all.
func TestABatchIsWrittenWholeOrNotAtAll(t *testing.T) {
	c := start(t, false)()
	ensure(t, c, 1)
	records := append(numbered(3), &driver.Record{Topic: topic, Key: []byte("k"), Value: make([]byte, 2<<20)})
	err := c.Publish(t.Context(), records)
	if err == nil || !strings.Contains(err.Error(), "max_payload") {
		t.Errorf("publish of a record that is too large: %v", err)
	}
	contents(t, c, 0)
}

// A single record that somebody deleted is an error once, and is then passed.
func TestAHoleIsReportedAndPassed(t *testing.T) {
	c := start(t, false)()
	ensure(t, c, 1)
	if err := c.Publish(t.Context(), numbered(6)); err != nil {
		t.Fatal(err)
	}
	s, err := c.js.Stream(t.Context(), streamName(topic, 0))
	if err != nil {
		t.Fatal(err)
	}
	for _, seq := range []uint64{3, 4} {
		if err := s.DeleteMsg(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	h := newHandler()
	join(t, c, h)
	p := await(t, "the partition was not assigned", h.assigned)
	next, err := p.Seek(t.Context(), driver.Earliest)
	if err != nil {
		t.Fatal(err)
	}
	for {
		records, err := p.Fetch(t.Context(), 1, 1<<20)
		if err != nil {
			break
		}
		if next = records[0].Offset + 1; next > 2 {
			t.Fatalf("offset %d came without an error", next-1)
		}
	}
	if at, err := p.Seek(t.Context(), next); at != 4 || err != nil {
		t.Fatalf("seek to the hole leads to %d (%v), want 4", at, err)
	}
	if records, err := p.Fetch(t.Context(), 1, 1<<20); err != nil || records[0].Offset != 4 {
		t.Fatalf("fetched %v (%v), want offset 4", records, err)
	}
}

func TestStreamsAreAsTheTopicSays(t *testing.T) {
	c := start(t, false)()
	topics := []driver.Topic{{Name: topic, Partitions: 2, Retention: time.Minute}, {Name: "pl.audit.v1", Partitions: 1, Retention: driver.Forever}}
	for range 2 {
		if err := c.EnsureTopics(t.Context(), topics); err != nil {
			t.Fatal(err)
		}
	}
	for name, age := range map[string]time.Duration{"pl-quiz-completed-v1-0": time.Minute, "pl-quiz-completed-v1-1": time.Minute, "pl-audit-v1-0": 0} {
		s, err := c.js.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		got := s.CachedInfo().Config
		if got.MaxAge != age || got.Storage != jetstream.FileStorage || !got.AllowAtomicPublish || got.MaxMsgs != -1 || got.MaxBytes != -1 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	err := c.EnsureTopics(t.Context(), []driver.Topic{{Name: "pl.quiz-completed.v1", Partitions: 2}})
	if err == nil || !strings.Contains(err.Error(), topic) {
		t.Errorf("a topic whose streams would be another's: %v", err)
	}
}

// What this package writes another client of NATS reads, and the reverse.
func TestStrangersReadAndWrite(t *testing.T) {
	c := start(t, false)()
	ensure(t, c, 1)
	r := &driver.Record{Topic: topic, Key: []byte("k"), Value: []byte("v")}
	if err := c.Publish(t.Context(), []*driver.Record{r}); err != nil {
		t.Fatal(err)
	}
	msg := &nats.Msg{Subject: topic + ".0", Data: []byte("theirs"), Header: nats.Header{"ce-specversion": {"1.0"}, "ce-id": {"7"}, headerKey: {"a%20b"}}}
	if _, err := c.js.PublishMsg(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
	h := newHandler()
	join(t, c, h)
	p := await(t, "the partition was not assigned", h.assigned)
	if _, err := p.Seek(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	got, err := p.Fetch(t.Context(), 1, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if string(got[0].Key) != "a b" || len(got[0].Headers) != 2 || got[0].Headers[0].Key != "ce_id" {
		t.Errorf("read key %q and headers %v", got[0].Key, got[0].Headers)
	}
}

func TestOpenWantsServers(t *testing.T) {
	for _, servers := range [][]string{nil, {"nats://a:b:c"}} {
		if c, err := Open(Config{Servers: servers}); err == nil || !strings.Contains(err.Error(), "PL_NATS_SERVERS") {
			t.Errorf("servers %q: %v", servers, err)
			if c != nil {
				_ = c.Close()
			}
		}
	}
}

func TestAnAbsentServerIsNamed(t *testing.T) {
	c, err := Open(Config{Servers: []string{"127.0.0.1:9"}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	err = c.Ping(ctx)
	for _, want := range []string{driver.ErrUnreachable.Error(), "127.0.0.1:9", "PL_NATS_SERVERS"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ping: %v does not say %q", err, want)
		}
	}
}

// The server forgets a consumer that nobody reads, or loses it: reading goes
// on where it was, for a reader that waits and for one that is held up.
func TestALostConsumerIsMadeAnew(t *testing.T) {
	c := start(t, false)()
	ensure(t, c, 1)
	h := newHandler()
	join(t, c, h)
	p := await(t, "the partition was not assigned", h.assigned)
	if _, err := p.Seek(t.Context(), driver.Earliest); err != nil {
		t.Fatal(err)
	}
	const n = 12 // more than fits the queue
	next := int64(0)
	for range 2 {
		loseConsumers(t, c)
		for range n {
			r := &driver.Record{Topic: topic, Key: []byte("k"), Value: make([]byte, 600<<10)}
			if err := c.Publish(t.Context(), []*driver.Record{r}); err != nil {
				t.Fatal(err)
			}
		}
		for end := next + n; next < end; next++ {
			records, err := p.Fetch(t.Context(), 1, 1<<20)
			if err != nil || records[0].Offset != next {
				t.Fatalf("fetched %v (%v), want offset %d", records, err, next)
			}
			if next%n == 0 {
				loseConsumers(t, c)
			}
		}
	}
}

func loseConsumers(t *testing.T, c *Conn) {
	t.Helper()
	s, err := c.js.Stream(t.Context(), streamName(topic, 0))
	if err != nil {
		t.Fatal(err)
	}
	for name := range s.ConsumerNames(t.Context()).Name() {
		if err := s.DeleteConsumer(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
}
