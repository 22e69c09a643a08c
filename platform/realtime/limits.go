package realtime

import "time"

// Limits bound what clients can ask of a [Server]. Zero values mean the
// defaults of [DefaultLimits].
type Limits struct {
	// Sessions are open at one time in this process, and SessionsPerCaller of
	// one person.
	Sessions, SessionsPerCaller int
	// Subscriptions are those of one session at one time.
	Subscriptions int
	// Calls are those of one session at one time.
	Calls int
	// FrameBytes is the most that one message of a client may have.
	FrameBytes int
	// FrameRate is how many frames a client may send a second in the long run;
	// twice as many may come at once.
	FrameRate int
	// QueueBytes wait for a client that reads slowly, before it misses some.
	QueueBytes int
	// Handshake is how long a client may take to say who it is, and to send
	// the rest of a message that it has begun.
	Handshake time.Duration
	// Heartbeat is how often a session is sent a ping. One from which nothing
	// came after two of them ends when the third is due.
	Heartbeat time.Duration
	// ComeBack is the longest that clients are told to stay away when the
	// process ends.
	ComeBack time.Duration
}

// DefaultLimits are for a process of its own on a small machine.
var DefaultLimits = Limits{
	Sessions: 100_000, SessionsPerCaller: 32, Subscriptions: 100, Calls: 8,
	FrameBytes: 64 << 10, FrameRate: 50, QueueBytes: 64 << 10,
	Handshake: 10 * time.Second, Heartbeat: 30 * time.Second, ComeBack: 5 * time.Second,
}

func (l Limits) withDefaults() Limits {
	for _, d := range []struct{ own, fallback *int }{
		{&l.Sessions, &DefaultLimits.Sessions},
		{&l.SessionsPerCaller, &DefaultLimits.SessionsPerCaller},
		{&l.Subscriptions, &DefaultLimits.Subscriptions},
		{&l.Calls, &DefaultLimits.Calls},
		{&l.FrameBytes, &DefaultLimits.FrameBytes},
		{&l.FrameRate, &DefaultLimits.FrameRate},
		{&l.QueueBytes, &DefaultLimits.QueueBytes},
	} {
		if *d.own == 0 {
			*d.own = *d.fallback
		}
	}
	for _, d := range []struct{ own, fallback *time.Duration }{
		{&l.Handshake, &DefaultLimits.Handshake},
		{&l.Heartbeat, &DefaultLimits.Heartbeat},
		{&l.ComeBack, &DefaultLimits.ComeBack},
	} {
		if *d.own == 0 {
			*d.own = *d.fallback
		}
	}
	return l
}

// A bucketful is a token bucket for the frames of one session.
type bucketful struct {
	left float32
	at   int64 // Unix nanoseconds
}

// take reports whether one more frame may come now.
func (b *bucketful) take(now time.Time, rate int) bool {
	most := 2 * float32(rate)
	if b.at == 0 {
		b.left = most
	} else {
		b.left = min(most, b.left+float32(now.UnixNano()-b.at)/float32(time.Second)*float32(rate))
	}
	b.at = now.UnixNano()
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}
