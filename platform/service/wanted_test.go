package service_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/internal/loopback"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/kafkabus"
	"github.com/pulselearn/campus-hub/platform/embedded/kafka"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/gateway"
	"github.com/pulselearn/campus-hub/platform/internal/relayrace"
	"github.com/pulselearn/campus-hub/platform/realtime"
	"github.com/pulselearn/campus-hub/platform/realtime/feed"
	"github.com/pulselearn/campus-hub/platform/service"
)

// newGateway is an app that is nothing but a front door, with both events of
// the race to listen to.
func newGateway() *service.App {
	route := func(m func() event.Message) feed.Route {
		return feed.Route{Type: m().EventType(), New: m, Family: "user", ID: func(event.Message) string { return "" }}
	}
	app := service.New("gateway")
	app.Open(gateway.Front{APIs: []gateway.API{{Context: "race"}}, Realtime: realtime.Routes{Events: []feed.Route{
		route(func() event.Message { return &relayrace.Handed{} }), route(func() event.Message { return &relayrace.Carried{} }),
	}}})
	return app
}

// realtimeState asks a process what it waits for.
func realtimeState(t *testing.T, cfg *service.Config) (status int, realtime string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+cfg.HTTPAddr+"/readyz", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	var state struct{ Components map[string]string }
	if err == nil {
		err = json.Unmarshal(text, &state)
	}
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, state.Components["realtime"]
}

// A front door whose topics are not as its contracts want says which, and what
// to do, and becomes ready when they are, without a restart.
func TestReadinessNamesTopics(t *testing.T) {
	t.Parallel()
	broker, err := kafka.Start(t.Context(), kafka.Options{Addr: loopback.Must(t), DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { broker.Close() })
	conn, err := kafkabus.Open(kafkabus.Config{Brokers: []string{broker.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	create := func(name string, partitions int32) {
		t.Helper()
		if err := conn.CreateTopic(t.Context(), driver.TopicState{Name: name, Partitions: partitions, Retention: time.Hour, Cleanup: "delete"}); err != nil {
			t.Fatal(err)
		}
	}
	const handed, carried = "pl.race.handed.v1", "pl.race.carried.v1"
	create(handed, 1)

	cfg := config(t)
	cfg.KafkaBrokers, cfg.Provision, cfg.Calls = []string{broker.Addr()}, service.Off, map[string]string{"race": "http://127.0.0.1:1"}
	p, err := service.Start(t.Context(), newGateway(), cfg, engines(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := p.Drain(ctx); err != nil {
			t.Error(err)
		}
	})
	status, why := realtimeState(t, cfg)
	for _, part := range []string{
		"topic " + handed + " has 1 partition at the broker, and its contract wants 3", "or the contract says 1",
		"does not have the topic " + carried + ": its contract wants 3 partitions", `"pl-gen topics plan"`, `"pl-gen topics apply"`,
	} {
		if status != http.StatusServiceUnavailable || !strings.Contains(why, part) {
			t.Errorf("%d %q lacks %q", status, why, part)
		}
	}

	if err := conn.DeleteTopic(t.Context(), handed); err != nil {
		t.Fatal(err)
	}
	create(handed, 3)
	create(carried, 3)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	if err := p.AwaitReady(ctx); err != nil {
		t.Errorf("after the topics were made: %v", err)
	}
	if status, why := realtimeState(t, cfg); status != http.StatusOK || why != "ready" {
		t.Errorf("%d %q", status, why)
	}
}
