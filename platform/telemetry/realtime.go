package telemetry

import "time"

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
	mk := &watch[Realtime]{meter: t.Meter(), stats: stats}
	mk.gauge("pl.realtime.sessions", "Websockets that are open.", func(r *Realtime) int64 { return r.Sessions })
	mk.gauge("pl.realtime.channels", "Channels that have listeners or kept events.", func(r *Realtime) int64 { return r.Channels })
	mk.gauge("pl.realtime.window.events", "Events that are kept for those who come back.", func(r *Realtime) int64 { return r.Kept })
	mk.gauge("pl.realtime.window.bytes", "Bytes of those events.", func(r *Realtime) int64 { return r.KeptBytes })
	mk.counter("pl.realtime.accepted", "Websockets that were opened.", func(r *Realtime) int64 { return r.Accepted })
	mk.counter("pl.realtime.refused", "Websockets that were refused.", func(r *Realtime) int64 { return r.Refused })
	mk.counter("pl.realtime.events", "Events that were read for websockets.", func(r *Realtime) int64 { return r.Events })
	mk.counter("pl.realtime.unusable", "Events that could not be decoded for websockets.", func(r *Realtime) int64 { return r.Unusable })
	mk.counter("pl.realtime.calls", "Calls that clients made over websockets.", func(r *Realtime) int64 { return r.Calls })
	mk.counter("pl.realtime.slow", "How often the queue of a websocket was full.", func(r *Realtime) int64 { return r.SlowReaders })
	mk.counter("pl.realtime.resyncs", "How often a client was told that it has missed events.", func(r *Realtime) int64 { return r.Resyncs })
	return mk.start()
}

// Presence is what a process knows of who listens to channels.
type Presence struct {
	// Channels are watched by sessions of this process. Here and Elsewhere are
	// the people on channels, one who is on two twice, of this process and of
	// the other Instances.
	Channels, Here, Elsewhere, Instances int64
	// Since the start: records that were Written and Read, this process's own
	// included, those that were Unusable, and writes that have Failed.
	Written, Read, Unusable, Failed int64
	// Silence is how long the instance that has been silent for longest has
	// said nothing; 0 without others.
	Silence time.Duration
}

// WatchPresence shows what stats returns whenever metrics are asked for.
func (t *Telemetry) WatchPresence(stats func() Presence) error {
	mk := &watch[Presence]{meter: t.Meter(), stats: stats}
	mk.gauge("pl.realtime.presence.channels", "Channels whose people are shown to somebody.", func(p *Presence) int64 { return p.Channels })
	mk.gauge("pl.realtime.presence.here", "People on channels of this instance; who is on two counts twice.", func(p *Presence) int64 { return p.Here })
	mk.gauge("pl.realtime.presence.elsewhere", "People on channels of the other instances, as those have said.", func(p *Presence) int64 { return p.Elsewhere })
	mk.gauge("pl.realtime.presence.instances", "Other instances that have said who is there.", func(p *Presence) int64 { return p.Instances })
	mk.counter("pl.realtime.presence.written", "Records that told the other instances who is here.", func(p *Presence) int64 { return p.Written })
	mk.counter("pl.realtime.presence.read", "Records of instances that were read, this one's own included.", func(p *Presence) int64 { return p.Read })
	mk.counter("pl.realtime.presence.unusable", "Records of instances that could not be used.", func(p *Presence) int64 { return p.Unusable })
	mk.counter("pl.realtime.presence.failures", "Times that the other instances could not be told who is here.", func(p *Presence) int64 { return p.Failed })
	mk.gaugeSeconds("pl.realtime.presence.silence", "How long ago the other instance that has been silent for longest said something; 0 without others.", func(p *Presence) time.Duration { return p.Silence })
	return mk.start()
}
