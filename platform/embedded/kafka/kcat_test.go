package kafka_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/event"
)

// kcat runs kcat, which is librdkafka, against a broker.
func kcat(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("kcat")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("kcat is not installed, and CI=true demands it: apt-get install kcat")
		}
		t.Skip("SKIPPED: kcat is not installed; the broker was not tried with librdkafka (apt-get install kcat)")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("kcat %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

func TestLibrdkafkaReads(t *testing.T) {
	b := start(t, "127.0.0.1:0", t.TempDir())
	conn := connect(t, b.Addr())
	createTopic(t, conn)
	err := conn.Publish(t.Context(), []*driver.Record{{
		Topic: topic, Key: []byte("student-1"), Value: []byte("\x00\x00\x00\x00\x07payload"),
		Headers: []event.Header{
			{Key: "ce_id", Value: []byte("0197")}, {Key: "ce_type", Value: []byte(topic)}, {Key: "traceparent", Value: []byte("00-1")},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var seen struct {
		Key     string
		Headers []string
		Offset  int64
	}
	out := kcat(t, "", "-b", b.Addr(), "-t", topic, "-C", "-e", "-q", "-J")
	if err := json.Unmarshal([]byte(out), &seen); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	if got := strings.Join(seen.Headers, " "); seen.Key != "student-1" || got != "ce_id 0197 ce_type "+topic+" traceparent 00-1" {
		t.Errorf("kcat saw key %q and headers %q", seen.Key, got)
	}
	if value := kcat(t, "", "-b", b.Addr(), "-t", topic, "-C", "-e", "-q", "-D", "", "-f", "%s"); value != "\x00\x00\x00\x00\x07payload" {
		t.Errorf("kcat saw value %q", value)
	}
	if list := kcat(t, "", "-b", b.Addr(), "-L"); !strings.Contains(list, topic) || !strings.Contains(list, b.Addr()) {
		t.Errorf("kcat -L printed %q", list)
	}
}

func TestLibrdkafkaWrites(t *testing.T) {
	b := start(t, "127.0.0.1:0", t.TempDir())
	conn := connect(t, b.Addr())
	createTopic(t, conn)
	kcat(t, "0\n1\n2\n", "-b", b.Addr(), "-t", topic, "-P", "-k", "k", "-H", "h=v", "-X", "enable.idempotence=true")
	upTo(t, read(t, conn, "2"), 2)
}

// A consumer group of librdkafka works beside ours, from the start.
func TestLibrdkafkaGroup(t *testing.T) {
	b := start(t, "127.0.0.1:0", t.TempDir())
	conn := connect(t, b.Addr())
	createTopic(t, conn)
	publish(t, conn, 0, 2)
	out := kcat(t, "", "-b", b.Addr(), "-q", "-c", "3", "-X", "auto.offset.reset=earliest", "-G", "tools", topic)
	if out != "0\n1\n2\n" {
		t.Errorf("the group read %q", out)
	}
}
