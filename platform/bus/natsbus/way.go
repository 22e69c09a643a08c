package natsbus

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// A kind is how a batch is written.
type kind int

const (
	// atomically: the server stages the batch, and writes and flushes it as one.
	atomically kind = iota
	// fast: the server writes each message as it comes, up to the first gap.
	fast
)

const (
	// quick is what a message costs at most where nothing is flushed for it.
	quick = 50 * time.Microsecond
	// A way that is not known, or that was the slower one, is tried with this
	// many messages first, and with twice as many when that took less than
	// trialCost.
	trialMessages = 32
	trialCost     = 50 * time.Millisecond
	// measured is how many messages a batch needs to say something.
	measured = 8
	// The slower way is tried again after trialFirst, then after twice as long
	// each time, up to trialLimit.
	trialFirst = time.Second
	trialLimit = time.Minute

	// The server takes at most this many bytes of headers. Escapes make a byte
	// three, and a name has its punctuation.
	headerLimit  = 64 << 10
	headerGrowth = 4
	headerRest   = 1 << 10
)

// A way is how one stream is written best. Fast batches are faster by far,
// unless the server flushes to the disk before it acknowledges: it does that
// for each message of a fast batch, and once for an atomic one. No client is
// told, so a way measures. It is safe for concurrent use.
type way struct {
	limit int // of a message, in bytes

	mu    sync.Mutex
	open  bool             // the stream takes fast batches
	pace  [2]time.Duration // by kind, for a message; 0 when not known
	trial int              // messages of the next trial
	again time.Time        // when the slower kind is tried next
	wait  time.Duration    // from that trial to the one after it
}

func newWay(open bool, limit int) *way {
	return &way{open: open, limit: limit, trial: trialMessages, wait: trialFirst}
}

// choose returns how to write the next of these messages, and how many of them.
func (w *way) choose(messages []*nats.Msg, sizes []int, now time.Time) (kind, int) {
	n := len(messages)
	if n == 1 || !w.fits(messages, sizes) {
		return atomically, n
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	few := min(n, w.trial)
	switch {
	case !w.open:
		return atomically, n
	case w.pace[fast] == 0:
		return fast, few
	case w.pace[fast] <= quick:
		return fast, n
	case w.pace[atomically] == 0:
		w.postpone(now)
		return atomically, few
	}
	better, other := atomically, fast
	if w.pace[fast] <= w.pace[atomically] {
		better, other = fast, atomically
	}
	if now.Before(w.again) {
		return better, n
	}
	w.postpone(now)
	return other, few
}

// fits tells whether the server takes each of these messages by its size. A
// fast batch would end at one that is too large, and leave a beginning.
func (w *way) fits(messages []*nats.Msg, sizes []int) bool {
	for i, msg := range messages {
		header := headerGrowth*(sizes[i]-len(msg.Data)) + headerRest
		if header > headerLimit || header+len(msg.Data) > w.limit {
			return false
		}
	}
	return true
}

// postpone says when the slower kind is tried next. The caller holds mu.
func (w *way) postpone(now time.Time) {
	w.again = now.Add(w.wait)
	w.wait = min(2*w.wait, trialLimit)
}

// took notes how long a batch of n messages took. A pause of the machine hardly
// counts: what was measured before is forgotten slowly.
func (w *way) took(k kind, n int, d time.Duration) {
	if n < measured {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	pace := d / time.Duration(n)
	if have := w.pace[k]; have > 0 {
		pace = min(pace, have+have/4)
	}
	w.pace[k] = max(pace, 1)
	if d < trialCost {
		w.trial = min(2*w.trial, batchRecords)
	}
	if k == fast && pace <= max(quick, w.pace[atomically]) {
		w.wait = trialFirst
	}
}

// avoid notes that a fast batch has failed.
func (w *way) avoid(why error, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if codeOf(why) == codeNoFastBatches {
		w.open = false
	}
	w.pace[fast] = trialLimit
	w.postpone(now)
}

// A ways knows the streams that were written to over one connection.
type ways struct {
	mu    sync.Mutex
	known map[topicPartition]*way
}

// forget drops what is known: another server may answer from now on, and
// another stream.
func (w *ways) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known = make(map[topicPartition]*way)
}

// way returns how to write to a run's stream; nil may do for a single message,
// which needs no batch. A stream that cannot be asked is written to atomically,
// which says what is wrong with it.
func (c *Conn) way(ctx context.Context, r *run) *way {
	id := topicPartition{r.topic, r.partition}
	c.ways.mu.Lock()
	known := c.ways.known
	w := known[id]
	c.ways.mu.Unlock()
	if w != nil || len(r.messages) == 1 {
		return w
	}
	info, err := c.streamInfo(ctx, r.topic, r.partition)
	if err != nil {
		return newWay(false, 0)
	}
	limit := int(c.nc.MaxPayload())
	if most := int(info.Config.MaxMsgSize); most > 0 {
		limit = min(limit, most)
	}
	c.ways.mu.Lock()
	defer c.ways.mu.Unlock()
	if known[id] == nil {
		known[id] = newWay(info.Config.AllowBatchPublish && c.knowsFastBatches(), limit)
	}
	return known[id]
}
