package kafkabus

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// A poll that has taken records from the client when their partition is
// detached must not deliver them to what the partition is afterwards.
func TestDetachWaitsForThePollInProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, err := Open(Config{Brokers: []string{"127.0.0.1:9092"}, Logger: slog.New(slog.DiscardHandler), Dial: refuse})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		m := &member{conn: conn, data: conn.out, polling: make(chan struct{}), assign: make(chan struct{}, 1), parts: map[topicPartition]*partition{}}
		p := newPartition(m, topicPartition{"t", 0})
		p.attached = true
		m.parts[p.id] = p
		poll := m.nextTurn()

		detached := make(chan struct{})
		go func() {
			m.detach([]*partition{p})
			close(detached)
		}()
		synctest.Wait()
		select {
		case <-detached:
			t.Fatal("detached while a poll may still deliver")
		default:
		}
		if poll.ctx.Err() == nil {
			t.Error("the poll was not told to end")
		}
		close(poll.done)
		<-detached
	})
}

func refuse(context.Context, string, string) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
}

func TestQueueIsBounded(t *testing.T) {
	conn, err := Open(Config{Brokers: []string{"127.0.0.1:9092"}, Logger: slog.New(slog.DiscardHandler), Dial: refuse})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	m := &member{conn: conn, data: conn.out}
	paused := func(p *partition) bool { return len(m.data.PauseFetchPartitions(nil)[p.id.topic]) > 0 }
	p := newPartition(m, topicPartition{"t", 0})
	record := &driver.Record{Value: make([]byte, queueBytes/4)}

	for range 3 {
		p.push([]*driver.Record{record}, size(record))
	}
	if paused(p) {
		t.Error("paused with room left")
	}
	p.push([]*driver.Record{record}, size(record))
	if !paused(p) {
		t.Error("not paused with a full queue")
	}
	if _, err := p.pop(1, 1); err != nil || !paused(p) {
		t.Errorf("resumed with three quarters queued (error %v)", err)
	}
	if _, err := p.pop(1, 1); err != nil || paused(p) {
		t.Errorf("still paused with half queued (error %v)", err)
	}

	m.buffered.Add(memberBytes)
	p.push([]*driver.Record{record}, size(record))
	if !paused(p) {
		t.Error("not paused while the member's queues are full together")
	}
	for range 3 {
		if _, err := p.pop(1, 1); err != nil {
			t.Fatal(err)
		}
	}
	if paused(p) {
		t.Error("an empty queue stays paused, and nothing would wake it")
	}
	p.end(driver.ErrRevoked)
	if got := m.buffered.Load(); got != memberBytes {
		t.Errorf("%d bytes are counted for an empty queue", got-memberBytes)
	}
}

func TestRevocationOutlivesOtherErrors(t *testing.T) {
	p := newPartition(&member{}, topicPartition{"t", 0})
	p.end(errors.New("fetch failed"))
	if err := p.restart(); err != nil {
		t.Errorf("a seek after a failure: %v", err)
	}
	p.end(driver.ErrRevoked)
	p.end(errors.New("fetch failed"))
	if err := p.restart(); !errors.Is(err, driver.ErrRevoked) {
		t.Errorf("a seek after a revocation: %v", err)
	}
}

func TestOpenChecksItsConfiguration(t *testing.T) {
	for _, brokers := range [][]string{nil, {"localhost"}, {"localhost:9092", "kafka"}} {
		if _, err := Open(Config{Brokers: brokers}); err == nil || !strings.Contains(err.Error(), "PL_KAFKA_BROKERS") {
			t.Errorf("brokers %q: %v", brokers, err)
		}
	}
}

func TestUnreachableBrokerIsNamed(t *testing.T) {
	conn, err := Open(Config{Brokers: []string{"127.0.0.1:9"}, Logger: slog.New(slog.DiscardHandler), Dial: refuse})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = conn.Ping(t.Context())
	if !errors.Is(err, driver.ErrUnreachable) || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("ping: %v", err)
	}
	for _, want := range []string{"127.0.0.1:9", "PL_KAFKA_BROKERS"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

func TestLoggerLevels(t *testing.T) {
	for level, want := range map[slog.Level]kgo.LogLevel{
		slog.LevelDebug: kgo.LogLevelInfo, slog.LevelInfo: kgo.LogLevelWarn,
		slog.LevelWarn: kgo.LogLevelWarn, slog.LevelError: kgo.LogLevelError,
	} {
		var out strings.Builder
		l := logger{slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level}))}
		if got := l.Level(); got != want {
			t.Errorf("slog's %v is %v, want %v", level, got, want)
		}
		l.Log(kgo.LogLevelError, "lost", "broker", 1)
		if !strings.Contains(out.String(), `msg="kafka: lost" broker=1`) {
			t.Errorf("logged %q", out.String())
		}
	}
}
