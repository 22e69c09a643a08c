package service

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"connectrpc.com/connect/v2"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/gateway"
	"github.com/pulselearn/campus-hub/platform/realtime"
	"github.com/pulselearn/campus-hub/platform/realtime/feed"
	"github.com/pulselearn/campus-hub/platform/rpc"
	"github.com/pulselearn/campus-hub/platform/telemetry"
)

// Realtime is how the process serves websockets.
type Realtime struct {
	// Limits bound what clients can ask for.
	Limits realtime.Limits
	// Window is for how long events are kept for clients that come back, and
	// WindowBytes how much of them.
	Window      time.Duration
	WindowBytes int
}

// realtimePath is where websockets are served.
const realtimePath = "/realtime"

var realtimeSettings = []setting{
	limit("REALTIME_SESSIONS", 100_000, "how many websockets this process has at most", func(c *Config) *int { return &c.Realtime.Limits.Sessions }),
	limit("REALTIME_SESSIONS_PER_CALLER", 32, "how many websockets one person has at most in this process", func(c *Config) *int { return &c.Realtime.Limits.SessionsPerCaller }),
	limit("REALTIME_SUBSCRIPTIONS", 100, "how many channels one websocket listens to at most", func(c *Config) *int { return &c.Realtime.Limits.Subscriptions }),
	limit("REALTIME_CALLS", 8, "how many calls of one websocket are under way at most", func(c *Config) *int { return &c.Realtime.Limits.Calls }),
	limit("REALTIME_FRAME_BYTES", 64<<10, "the most bytes of one message of a websocket's client", func(c *Config) *int { return &c.Realtime.Limits.FrameBytes }),
	limit("REALTIME_FRAME_RATE", 50, "how many frames a second a websocket's client may send for long; twice as many at once", func(c *Config) *int { return &c.Realtime.Limits.FrameRate }),
	limit("REALTIME_QUEUE_BYTES", 64<<10, "how many bytes wait for a websocket's client that reads slowly, before it misses events", func(c *Config) *int { return &c.Realtime.Limits.QueueBytes }),
	limit("REALTIME_WINDOW_BYTES", feed.DefaultWindowBytes, "how many bytes of events are kept for websockets that come back", func(c *Config) *int { return &c.Realtime.WindowBytes }),
	interval("REALTIME_WINDOW", "2m", "for how long events are kept for websockets that come back", func(c *Config) *time.Duration { return &c.Realtime.Window }),
	interval("REALTIME_HANDSHAKE", "10s", "how long a websocket's client may take to say who it is", func(c *Config) *time.Duration { return &c.Realtime.Limits.Handshake }),
	interval("REALTIME_HEARTBEAT", "30s", "how often a quiet websocket is looked at; after two and a half times as long without an answer it is closed", func(c *Config) *time.Duration { return &c.Realtime.Limits.Heartbeat }),
	interval("REALTIME_COME_BACK", "5s", "the longest that the clients of websockets are told to stay away when the process ends", func(c *Config) *time.Duration { return &c.Realtime.Limits.ComeBack }),
}

// limit is a whole number from 1.
func limit(key string, fallback int, usage string, field func(*Config) *int) setting {
	return setting{
		key: key, usage: usage, fallback: strconv.Itoa(fallback),
		get: func(c *Config) string { return strconv.Itoa(*field(c)) },
		set: func(c *Config, value string) error {
			n, err := strconv.Atoi(value)
			if err != nil || n < 1 {
				return fmt.Errorf("%q is not a number from 1", value)
			}
			*field(c) = n
			return nil
		},
	}
}

// interval is a duration of a second at least.
func interval(key, fallback, usage string, field func(*Config) *time.Duration) setting {
	return setting{
		key: key, usage: usage, fallback: fallback,
		get: func(c *Config) string { return field(c).String() },
		set: func(c *Config, value string) error {
			d, err := time.ParseDuration(value)
			if err != nil || d < time.Second {
				return fmt.Errorf("%q is not a duration such as 30s, of a second at least", value)
			}
			*field(c) = d
			return nil
		},
	}
}

// mountRealtime serves websockets, in a process whose front door has events to
// listen to.
func (p *Process) mountRealtime(mux *http.ServeMux, calls *gateway.Invoker) error {
	routes := p.app.front.Realtime
	if len(routes.Events) == 0 {
		return nil
	}
	f, err := feed.New(feed.Config{
		Conn: p.conn, Decoder: p.schemas, Routes: routes.Events, Logger: p.log, Frame: realtime.Frame,
		Window: p.cfg.Realtime.Window, WindowBytes: p.cfg.Realtime.WindowBytes,
	})
	if err != nil {
		return err
	}
	p.live, err = realtime.New(realtime.Config{
		Routes: routes, Verifier: p.people, Invoker: invoker{calls}, Feed: f, Limits: p.cfg.Realtime.Limits, Conn: p.conn,
		Logger: p.log, Origins: p.cfg.Door.Origins, Wait: p.door.Limiter().Take, Trace: p.telemetry.WithTrace,
	})
	if err != nil {
		return err
	}
	p.wanted = newWantedTopics(p.conn, topicsOf(routes))
	p.runFeed(f)
	p.closeLast("websockets", p.live)
	mux.Handle(realtimePath, p.live)
	if routes.ShowsPresence() {
		if err := p.telemetry.WatchPresence(p.presenceStats); err != nil {
			return err
		}
	}
	return p.telemetry.WatchRealtime(p.realtimeStats)
}

// topicsOf are the topics of the events that people can listen to.
func topicsOf(routes realtime.Routes) []driver.Topic {
	var topics []driver.Topic
	for i := range routes.Events {
		t := routes.Events[i].Type
		topics = append(topics, driver.Topic{Name: t.Topic, Partitions: t.Partitions, Retention: t.Retention})
	}
	return topics
}

func (p *Process) realtimeStats() telemetry.Realtime {
	s := p.live.Stats()
	return telemetry.Realtime{
		Sessions: s.Sessions, Channels: int64(s.Feed.Channels), Kept: int64(s.Feed.Kept), KeptBytes: int64(s.Feed.KeptBytes),
		Accepted: int64(s.Accepted), Refused: int64(s.Refused), Events: int64(s.Feed.Events), Unusable: int64(s.Feed.Unusable),
		Calls: int64(s.Calls), SlowReaders: int64(s.SlowReaders), Resyncs: int64(s.Resyncs),
	}
}

func (p *Process) presenceStats() telemetry.Presence {
	s, _ := p.live.PresenceStats()
	return telemetry.Presence{
		Channels: int64(s.Channels), Here: int64(s.Here), Elsewhere: int64(s.Elsewhere), Instances: int64(s.Instances),
		Written: int64(s.Written), Read: int64(s.Read), Unusable: int64(s.Unusable), Failed: int64(s.Failed), Silence: s.Silence,
	}
}

// runFeed reads events until the process ends.
func (p *Process) runFeed(f *feed.Feed) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := f.Run(ctx); err != nil {
			report(p.failed, fmt.Errorf("realtime: %w", err))
		}
	}()
	p.onClose("events of websockets", func(context.Context) error {
		stop()
		<-ended
		return nil
	})
}

// drainRealtime ends the websockets, within half of the time that is left.
func (p *Process) drainRealtime(ctx context.Context) error {
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)/2)
		defer cancel()
	}
	var drains errgroup.Group
	if p.live != nil {
		drains.Go(func() error { return p.live.Drain(ctx) })
	}
	if p.graph != nil {
		drains.Go(func() error { return p.graph.Drain(ctx) })
	}
	return drains.Wait()
}

// An invoker makes the calls of websockets.
type invoker struct{ calls *gateway.Invoker }

// Request implements [realtime.Invoker].
func (i invoker) Request(procedure string) (proto.Message, bool) {
	m, ok := i.calls.Method(procedure)
	if !ok {
		return nil, false
	}
	return m.Request(), true
}

// Invoke implements [realtime.Invoker].
func (i invoker) Invoke(ctx context.Context, procedure, key string, request proto.Message) (proto.Message, error) {
	ctx, info := connect.NewClientContext(ctx)
	if key != "" {
		info.RequestHeader().Set(rpc.HeaderIdempotencyKey, key)
	}
	return i.calls.Invoke(ctx, procedure, request)
}
