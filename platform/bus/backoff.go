package bus

import (
	"context"
	"math/rand/v2"
	"time"
)

// Delays between attempts double from the first to a limit.
const (
	firstDelay = 100 * time.Millisecond
	// infraLimit is for what may come back at any moment: database, registry,
	// broker.
	infraLimit = 5 * time.Second
)

// A backoff counts failures in a row. The zero value has seen none.
type backoff struct{ failures int }

func (b *backoff) reset() { b.failures = 0 }

// next returns the delay before the next attempt: exponential up to limit,
// with up to a fifth of it as jitter.
func (b *backoff) next(limit time.Duration) time.Duration {
	delay := limit
	if b.failures < 16 {
		delay = min(firstDelay<<b.failures, limit)
		b.failures++
	}
	return jitter(delay)
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
