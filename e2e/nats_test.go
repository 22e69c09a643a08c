//go:build unix

package e2e

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/pulselearn/campus-hub/platform/embedded/nats"
)

// TestFirstMinutesOnNATS is TestFirstMinutes on NATS JetStream, which goes away
// and comes back on the way, with its topics planned and applied by pl-gen and
// a plain NATS client to look at the outcome.
func TestFirstMinutesOnNATS(t *testing.T) {
	t.Parallel()
	options := nats.Options{Addr: "127.0.0.1:0", DataDir: t.TempDir(), SyncAlways: true, Logger: slog.New(slog.DiscardHandler)}
	server := startNATS(t, &options)
	expect(t, runPlGen(t, 100, "..", "topics", "drift", "--nats", server.URL()), "+ pl.quiz.quiz_completed.v1")
	runPlGen(t, 0, "..", "topics", "apply", "--nats", server.URL())
	expect(t, runPlGen(t, 0, "..", "topics", "drift", "--nats", server.URL()), "as the contracts say")

	hub := newStand(t).hub(t)
	hub.set("PL_NATS_SERVERS="+server.URL(), "PL_PROVISION=true")
	hub.startReady()
	c := newCampus(t, func(string) string { return hub.url() })
	k := c.newClass("nats", 2, 1)
	c.firstBadges(hub, k, k.students[0])
	checkMessage(t, hub, server.URL())

	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	submitFirstQuiz(t, hub, k, k.students[1])
	startNATS(t, &options)
	await(t, 30*time.Second, func() error { return c.hasFirstBadges(k.students[1]) })
}

// startNATS runs the server, at the same address when it is started again.
func startNATS(t *testing.T, o *nats.Options) *nats.Broker {
	t.Helper()
	server, err := nats.Start(*o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	o.Addr = server.Addr()
	return server
}

// checkMessage wants the CloudEvents headers of the NATS binding and a payload
// in the wire format, as a client without our code sees them.
func checkMessage(t *testing.T, hub *program, url string) {
	t.Helper()
	conn, err := natsgo.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	m := firstMessage(t, js)
	for _, name := range []string{"ce-id", "ce-type", "ce-source", "ce-specversion", "ce-time", "traceparent"} {
		if m.Header.Get(name) == "" {
			t.Errorf("header %s is missing or empty in %v", name, m.Header)
		}
	}
	if got := m.Header.Get("ce-type"); got != quizTopic {
		t.Errorf("ce-type is %q, want %q", got, quizTopic)
	}
	checkFrame(t, hub, m.Data)
}

// firstMessage looks through the partitions of the quiz's topic.
func firstMessage(t *testing.T, js jetstream.JetStream) *jetstream.RawStreamMsg {
	t.Helper()
	for partition := range 12 {
		subject := fmt.Sprintf("%s.%d", quizTopic, partition)
		name, err := js.StreamNameBySubject(t.Context(), subject)
		if err != nil {
			t.Fatalf("stream of %s: %v", subject, err)
		}
		stream, err := js.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		m, err := stream.GetLastMsgForSubject(t.Context(), subject)
		if err == nil {
			return m
		}
		if !errors.Is(err, jetstream.ErrMsgNotFound) {
			t.Fatal(err)
		}
	}
	t.Fatalf("no partition of %s has a message", quizTopic)
	return nil
}
