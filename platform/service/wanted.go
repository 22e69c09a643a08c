package service

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// askTopics is how long an answer of the broker about its topics stands, so
// that probes cost it little.
const askTopics = time.Second

// wantedTopics compares the topics that the front door reads with those that
// the broker has, until they have been the same once. Partition counts never
// change, so it is not looked at again.
type wantedTopics struct {
	topics []driver.Topic
	admin  driver.TopicAdmin // nil when the driver has none
	fit    atomic.Bool

	mu     sync.Mutex
	asked  time.Time
	differ error
}

func newWantedTopics(conn driver.Conn, topics []driver.Topic) *wantedTopics {
	admin, _ := conn.(driver.TopicAdmin)
	return &wantedTopics{topics: topics, admin: admin}
}

// check names the topics that are missing or have another partition count,
// with what to do. A broker that is away says nothing here.
func (w *wantedTopics) check(ctx context.Context) error {
	if w.admin == nil || w.fit.Load() {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if now := time.Now(); w.asked.IsZero() || now.Sub(w.asked) >= askTopics {
		w.asked = now
		w.ask(ctx)
	}
	return w.differ
}

func (w *wantedTopics) ask(ctx context.Context) {
	found, err := w.admin.Topics(ctx, "pl.")
	if err != nil {
		return // what was known stands
	}
	w.differ = compareTopics(w.topics, found)
	w.fit.Store(w.differ == nil)
}

// compareTopics says which topics the broker lacks, and which have another
// partition count than the contracts say.
func compareTopics(wanted []driver.Topic, found []driver.TopicState) error {
	has := map[string]int32{}
	for _, t := range found {
		has[t.Name] = t.Partitions
	}
	var errs []error
	for _, t := range wanted {
		have, ok := has[t.Name]
		switch {
		case !ok:
			errs = append(errs, fmt.Errorf("the broker does not have the topic %s: its contract wants %s; \"pl-gen topics plan\" shows all that is missing, \"pl-gen topics apply\" creates it",
				t.Name, partitions(t.Partitions)))
		case have != t.Partitions:
			errs = append(errs, fmt.Errorf("the topic %s has %s at the broker, and its contract wants %d; \"pl-gen topics plan\" says what can be done: a count never changes, so one that holds nothing yet is deleted and made anew by \"pl-gen topics apply\", or the contract says %d",
				t.Name, partitions(have), t.Partitions, have))
		}
	}
	return errors.Join(errs...)
}

func partitions(n int32) string {
	if n == 1 {
		return "1 partition"
	}
	return fmt.Sprintf("%d partitions", n)
}
