package bus

import (
	"context"
	"math/rand/v2"
	"time"
)

// Delays between attempts double from the first to the longest.
const (
	firstDelay   = 100 * time.Millisecond
	longestDelay = 5 * time.Minute
)

// A backoff counts failures in a row. The zero value has seen none.
type backoff struct{ failures int }

func (b *backoff) reset() { b.failures = 0 }

// next returns the delay before the next attempt: exponential, with up to a
// fifth of it as jitter, and never less than least.
func (b *backoff) next(least time.Duration) time.Duration {
	delay := longestDelay
	if b.failures < 16 {
		delay = min(firstDelay<<b.failures, longestDelay)
		b.failures++
	}
	return jitter(max(delay, least))
}

// longest returns the delay of a delivery that only a person can help.
func (b *backoff) longest(least time.Duration) time.Duration {
	return jitter(max(longestDelay, least))
}

func jitter(d time.Duration) time.Duration {
	return d + time.Duration(rand.Int64N(int64(d)/5+1))
}

// sleep waits for d, or returns ctx's error when that ends first.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
