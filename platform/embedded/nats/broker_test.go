package nats_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	client "github.com/nats-io/nats.go"

	"github.com/pulselearn/campus-hub/platform/embedded/nats"
)

var quiet = slog.New(slog.DiscardHandler)

func TestRecordsSurviveARestartAtTheSameAddress(t *testing.T) {
	o := nats.Options{Addr: "127.0.0.1:0", DataDir: filepath.Join(t.TempDir(), "new"), SyncAlways: true, Logger: quiet}
	for want := range uint64(3) {
		b, err := nats.Start(o)
		if err != nil {
			t.Fatal(err)
		}
		if got := publish(t, b.URL()); got != want+1 {
			t.Errorf("record number %d, want %d", got, want+1)
		}
		o.Addr = b.Addr()
		for range 2 {
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// publish writes one record to a stream and returns its number.
func publish(t *testing.T, url string) uint64 {
	t.Helper()
	nc, err := client.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := nc.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.AddStream(&client.StreamConfig{Name: "s", Subjects: []string{"s"}}); err != nil {
		t.Fatal(err)
	}
	ack, err := js.Publish("s", []byte("v"))
	if err != nil {
		t.Fatal(err)
	}
	return ack.Sequence
}

func TestATakenPortIsSaidAtOnce(t *testing.T) {
	b, err := nats.Start(nats.Options{Addr: "127.0.0.1:0", DataDir: t.TempDir(), Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	begin := time.Now()
	_, err = nats.Start(nats.Options{Addr: b.Addr(), DataDir: t.TempDir(), Logger: quiet})
	if err == nil || !strings.Contains(err.Error(), b.Addr()) || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a taken port: %v", err)
	}
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("that took %v", took)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]nats.Options{
		"no data directory":     {},
		"not host:port":         {Addr: "localhost", DataDir: t.TempDir()},
		"no number":             {Addr: "localhost:nats", DataDir: t.TempDir()},
		"create data directory": {DataDir: filepath.Join(file, "below")},
	} {
		if _, err := nats.Start(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", o, err, want)
		}
	}
}
