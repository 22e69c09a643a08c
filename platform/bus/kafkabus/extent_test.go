package kafkabus_test

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/kafkabus"
	"github.com/pulselearn/campus-hub/platform/embedded/kafka"
)

func TestExtents(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	broker, err := kafka.Start(t.Context(), kafka.Options{Addr: "127.0.0.1:0", DataDir: t.TempDir(), Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	conn, err := kafkabus.Open(kafkabus.Config{Brokers: []string{broker.Addr()}, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.EnsureTopics(t.Context(), []driver.Topic{{Name: "pl.t", Partitions: 2, Retention: time.Hour}}); err != nil {
		t.Fatal(err)
	}
	begin := time.Now().Add(-10 * time.Minute).Truncate(time.Millisecond)
	var records []*driver.Record
	for i := range 10 {
		records = append(records, &driver.Record{Topic: "pl.t", Key: []byte("one"), Value: []byte("v"), Time: begin.Add(time.Duration(i) * time.Minute)})
	}
	if err := conn.Publish(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	got, err := conn.Extents(t.Context(), "pl.t")
	if err != nil || len(got) != 2 || got[0].End+got[1].End != 10 || got[0].Oldest+got[1].Oldest != 0 {
		t.Fatalf("got %v, %v", got, err)
	}
	with := slices.IndexFunc(got, func(e driver.Extent) bool { return e.End == 10 })
	for minutes, want := range map[time.Duration]int64{-1: 0, 3: 3, 20: 10} {
		at, err := conn.OffsetsAt(t.Context(), "pl.t", begin.Add(minutes*time.Minute))
		if err != nil || at[with] != want || at[1-with] != 0 {
			t.Errorf("after %d minutes: got %v, %v, want %d", minutes, at, err, want)
		}
	}
	if _, err := conn.Extents(t.Context(), "pl.nothing"); err == nil {
		t.Error("a topic that does not exist has extents")
	}
}
