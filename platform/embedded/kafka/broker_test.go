package kafka_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/kafkabus"
	"github.com/pulselearn/campus-hub/platform/embedded/kafka"
)

var quiet = slog.New(slog.DiscardHandler)

const topic = "pl.quiz.quiz_completed.v1"

func start(t *testing.T, addr, dir string) *kafka.Broker {
	t.Helper()
	b, err := kafka.Start(t.Context(), kafka.Options{Addr: addr, DataDir: dir, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close the broker: %v", err)
		}
	})
	return b
}

func connect(t *testing.T, addr string) *kafkabus.Conn {
	t.Helper()
	conn, err := kafkabus.Open(kafkabus.Config{Brokers: []string{addr}, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Errorf("close the connection: %v", err)
		}
	})
	return conn
}

func createTopic(t *testing.T, conn driver.Conn) {
	t.Helper()
	if err := conn.EnsureTopics(t.Context(), []driver.Topic{{Name: topic, Partitions: 1, Retention: time.Hour}}); err != nil {
		t.Fatal(err)
	}
}

// publish writes the numbers from first to last, and fails the test when they
// are not durable within half a minute.
func publish(t *testing.T, conn driver.Conn, first, last int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for n := first; n <= last; n++ {
		if err := conn.Publish(ctx, []*driver.Record{{Topic: topic, Key: []byte("k"), Value: fmt.Append(nil, n)}}); err != nil {
			t.Fatal(err)
		}
	}
}

type collector struct{ partitions chan driver.Partition }

func (c collector) Assigned(p driver.Partition) { c.partitions <- p }
func (c collector) Revoked(driver.Partition)    {}

// read returns the values of the topic's partition up to the one that is last.
func read(t *testing.T, conn driver.Conn, last string) (values []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c := collector{make(chan driver.Partition, 1)}
	member, err := conn.Join(ctx, "reader", []string{topic}, c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := member.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	p := <-c.partitions
	if _, err := p.Seek(ctx, driver.Earliest); err != nil {
		t.Fatal(err)
	}
	for {
		records, err := p.Fetch(ctx, 1000, 1<<20)
		if err != nil {
			t.Fatalf("after %d records: %v", len(values), err)
		}
		for _, r := range records {
			if values = append(values, string(r.Value)); values[len(values)-1] == last {
				return values
			}
		}
	}
}

// upTo checks that the values are 0 to n in order. Only the repetition of
// what came directly before is allowed: a publish that was repeated.
func upTo(t *testing.T, values []string, n int) (repeated int) {
	t.Helper()
	next := 0
	for _, v := range values {
		switch v {
		case fmt.Sprint(next):
			next++
		case fmt.Sprint(next - 1):
			repeated++
		default:
			t.Fatalf("value %s, want %d", v, next)
		}
	}
	if next != n+1 {
		t.Fatalf("values up to %d, want %d", next-1, n)
	}
	return repeated
}

func TestRecordsAndTopicsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	first, err := kafka.Start(t.Context(), kafka.Options{Addr: "127.0.0.1:0", DataDir: dir, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	conn := connect(t, first.Addr())
	createTopic(t, conn)
	publish(t, conn, 0, 50)
	for range 2 {
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
	}
	start(t, first.Addr(), dir)
	publish(t, conn, 51, 99)
	upTo(t, read(t, conn, "99"), 99)
	if err := conn.EnsureTopics(t.Context(), []driver.Topic{{Name: topic, Partitions: 2}}); err == nil {
		t.Error("the topic came back without its partition count")
	}
}

// What a killed process leaves of its last write is cut off; everything that
// was acknowledged before is there.
func TestTornSegmentIsCut(t *testing.T) {
	dir := t.TempDir()
	addr := fill(t, dir, 20)
	segment := onlySegment(t, dir)
	torn := append(readFile(t, segment), []byte("\x00\x00\x00\x00\x00\x00\x00\x14\x00\x00\x01\x00torn")...)
	writeFile(t, segment, torn)
	start(t, addr, dir)
	conn := connect(t, addr)
	publish(t, conn, 21, 25)
	upTo(t, read(t, conn, "25"), 25)
}

func TestDamagedSegmentIsAnError(t *testing.T) {
	for name, damage := range map[string]func(b []byte){
		"flipped bit":     func(b []byte) { b[len(b)/2] ^= 1 },
		"zeroes":          func(b []byte) { clear(b[len(b)/2:]) },
		"negative length": func(b []byte) { b[8] = 0xff },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			addr := fill(t, dir, 20)
			segment := onlySegment(t, dir)
			b := readFile(t, segment)
			damage(b)
			writeFile(t, segment, b)
			_, err := kafka.Start(t.Context(), kafka.Options{Addr: addr, DataDir: dir, Logger: quiet})
			says(t, err, segment, "damaged at byte", "move it away")
			if after := readFile(t, segment); !bytes.Equal(after, b) {
				t.Error("the damaged segment was changed")
			}
		})
	}
}

func TestDamagedMetadataIsAnError(t *testing.T) {
	dir := t.TempDir()
	addr := fill(t, dir, 1)
	writeFile(t, filepath.Join(dir, "topics.json"), []byte(`{"version":1,"topics":[`))
	_, err := kafka.Start(t.Context(), kafka.Options{Addr: addr, DataDir: dir, Logger: quiet})
	says(t, err, dir, "topics.json", "move it away")
	start(t, addr, t.TempDir()) // neither port nor lock is left behind
}

func TestBusyPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	dir := t.TempDir()
	_, err = kafka.Start(t.Context(), kafka.Options{Addr: l.Addr().String(), DataDir: dir, Logger: quiet})
	says(t, err, port, "in use", "choose another address")
	start(t, "127.0.0.1:0", dir) // the lock is not left behind
}

func TestDataDirHasOneBroker(t *testing.T) {
	dir := t.TempDir()
	start(t, "127.0.0.1:0", dir)
	_, err := kafka.Start(t.Context(), kafka.Options{Addr: "127.0.0.1:0", DataDir: dir, Logger: quiet})
	says(t, err, dir, "used by another broker")
}

func TestBadAddress(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:9092", ":9092", "[::]:9092", "9092", "127.0.0.1"} {
		_, err := kafka.Start(t.Context(), kafka.Options{Addr: addr, Logger: quiet})
		says(t, err, addr)
	}
}

func TestDataDirThatIsAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	writeFile(t, path, nil)
	_, err := kafka.Start(t.Context(), kafka.Options{Addr: "127.0.0.1:0", DataDir: path, Logger: quiet})
	says(t, err, path, "create data directory")
}

// Forty MiB of records leave the broker's memory where it was.
func TestMemoryIsBounded(t *testing.T) {
	b := start(t, "127.0.0.1:0", t.TempDir())
	conn := connect(t, b.Addr())
	createTopic(t, conn)
	value := make([]byte, 200<<10)
	for i := range value {
		value[i] = byte(i * i >> 3)
	}
	before := heap()
	for range 20 {
		batch := make([]*driver.Record, 10)
		for i := range batch {
			batch[i] = &driver.Record{Topic: topic, Key: []byte("k"), Value: value}
		}
		if err := conn.Publish(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	if grown := heap() - before; grown > 8<<20 {
		t.Errorf("the heap grew by %d KiB", grown>>10)
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// fill leaves a data directory with the numbers 0 to n, and returns the
// address of the broker that wrote it.
func fill(t *testing.T, dir string, n int) string {
	t.Helper()
	b, err := kafka.Start(t.Context(), kafka.Options{Addr: "127.0.0.1:0", DataDir: dir, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	conn := connect(t, b.Addr())
	createTopic(t, conn)
	publish(t, conn, 0, n)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Addr()
}

func onlySegment(t *testing.T, dir string) (segment string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".dat" {
			if segment != "" {
				return errors.New("two segments")
			}
			segment = path
		}
		return err
	})
	if err != nil || segment == "" {
		t.Fatalf("find the segment: %v", err)
	}
	return segment
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func says(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}
