package door

import (
	"math"
	"sync"
	"time"
)

// maxBuckets bounds the memory of a limiter: some 100 bytes a bucket.
const maxBuckets = 100_000

// A Limiter lets each of many callers do something at a rate, and more of it
// for a moment. It remembers the callers of late only, a bounded number of
// them. It is safe for concurrent use.
type Limiter struct {
	rate  float64
	burst float64

	mu      sync.Mutex
	buckets map[string]bucket
	swept   time.Time
}

// A bucket is what a caller has left: tokens, at a time.
type bucket struct {
	tokens float64
	at     time.Time
}

// NewLimiter returns a limiter of rate a second, and of burst at once. A rate
// of 0 means any number.
func NewLimiter(rate float64, burst int) *Limiter {
	return &Limiter{rate: rate, burst: math.Max(1, float64(burst)), buckets: map[string]bucket{}}
}

// Take takes one from what the caller has left and returns 0, or returns how
// long the caller has to wait until there is one.
func (l *Limiter) Take(key string) time.Duration {
	if l.rate <= 0 {
		return 0
	}
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	tokens := l.left(key, now)
	if tokens < 1 {
		return time.Duration(math.Ceil((1 - tokens) / l.rate * float64(time.Second)))
	}
	if len(l.buckets) >= maxBuckets {
		l.sweep(now)
	}
	l.buckets[key] = bucket{tokens - 1, now}
	return 0
}

// left returns what a caller has now. Whoever is not known has everything.
func (l *Limiter) left(key string, now time.Time) float64 {
	b, ok := l.buckets[key]
	if !ok {
		return l.burst
	}
	return math.Min(l.burst, b.tokens+l.rate*now.Sub(b.at).Seconds())
}

// sweep forgets who has everything again; when that was tried a moment ago, it
// forgets anybody, which favours that caller.
func (l *Limiter) sweep(now time.Time) {
	if now.Sub(l.swept) > time.Second {
		l.swept = now
		for key := range l.buckets {
			if l.left(key, now) >= l.burst {
				delete(l.buckets, key)
			}
		}
	}
	for key := range l.buckets {
		if len(l.buckets) < maxBuckets {
			return
		}
		delete(l.buckets, key)
	}
}
