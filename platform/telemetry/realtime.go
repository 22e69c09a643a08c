package telemetry

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/metric"
)

// Realtime is what the websockets of a process have to show.
type Realtime struct {
	// Sessions are open, on Channels, and Kept events of KeptBytes wait for
	// those who come back.
	Sessions, Channels, Kept, KeptBytes int64
	// Since the start: sessions that were Accepted and Refused, Events that
	// were read and those that were Unusable, Calls of clients, how often a
	// client read too slowly, and how often one was told to Resync.
	Accepted, Refused, Events, Unusable, Calls, SlowReaders, Resyncs int64
}

// WatchRealtime shows what stats returns whenever metrics are asked for.
func (t *Telemetry) WatchRealtime(stats func() Realtime) error {
	w, meter := &realtimeWatch{stats: stats}, t.Meter()
	for _, g := range []struct {
		name, help string
		value      func(*Realtime) int64
	}{
		{"pl.realtime.sessions", "Websockets that are open.", func(r *Realtime) int64 { return r.Sessions }},
		{"pl.realtime.channels", "Channels that have listeners or kept events.", func(r *Realtime) int64 { return r.Channels }},
		{"pl.realtime.window.events", "Events that are kept for those who come back.", func(r *Realtime) int64 { return r.Kept }},
		{"pl.realtime.window.bytes", "Bytes of those events.", func(r *Realtime) int64 { return r.KeptBytes }},
	} {
		gauge, err := meter.Int64ObservableGauge(g.name, metric.WithDescription(g.help))
		if err != nil {
			return fmt.Errorf("metric %s: %w", g.name, err)
		}
		w.add(gauge, g.value)
	}
	for _, c := range []struct {
		name, help string
		value      func(*Realtime) int64
	}{
		{"pl.realtime.accepted", "Websockets that were opened.", func(r *Realtime) int64 { return r.Accepted }},
		{"pl.realtime.refused", "Websockets that were refused.", func(r *Realtime) int64 { return r.Refused }},
		{"pl.realtime.events", "Events that were read for websockets.", func(r *Realtime) int64 { return r.Events }},
		{"pl.realtime.unusable", "Events that could not be decoded for websockets.", func(r *Realtime) int64 { return r.Unusable }},
		{"pl.realtime.calls", "Calls that clients made over websockets.", func(r *Realtime) int64 { return r.Calls }},
		{"pl.realtime.slow", "How often the queue of a websocket was full.", func(r *Realtime) int64 { return r.SlowReaders }},
		{"pl.realtime.resyncs", "How often a client was told that it has missed events.", func(r *Realtime) int64 { return r.Resyncs }},
	} {
		counter, err := meter.Int64ObservableCounter(c.name, metric.WithDescription(c.help))
		if err != nil {
			return fmt.Errorf("metric %s: %w", c.name, err)
		}
		w.add(counter, c.value)
	}
	if _, err := meter.RegisterCallback(w.observe, w.instruments...); err != nil {
		return fmt.Errorf("watch websockets: %w", err)
	}
	return nil
}

// A realtimeWatch takes one look for all instruments.
type realtimeWatch struct {
	stats       func() Realtime
	instruments []metric.Observable
	values      []func(*Realtime) int64
}

func (w *realtimeWatch) add(i metric.Observable, value func(*Realtime) int64) {
	w.instruments, w.values = append(w.instruments, i), append(w.values, value)
}

func (w *realtimeWatch) observe(_ context.Context, o metric.Observer) error {
	now := w.stats()
	for i, instrument := range w.instruments {
		o.ObserveInt64(instrument.(metric.Int64Observable), w.values[i](&now))
	}
	return nil
}
