package typescript

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// collect reads topics with a group of Go's until there are that many events
// of each. One that was published twice, as a relay does that loses its lease,
// is one.
func collect(t *testing.T, conn driver.Conn, want map[string]int) map[string][]*driver.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	arrived := make(chan *driver.Record)
	member, err := conn.Join(ctx, "pl.observer", slices.Collect(maps.Keys(want)), &reader{ctx: ctx, out: arrived})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = member.Close(context.WithoutCancel(ctx)) }()
	defer cancel()
	got, seen := map[string][]*driver.Record{}, map[string]bool{}
	lacks := func() bool {
		for topic, n := range want {
			if len(got[topic]) < n {
				return true
			}
		}
		return false
	}
	for lacks() {
		select {
		case r := <-arrived:
			if name := nameOf(r); !seen[name] {
				seen[name] = true
				got[r.Topic] = append(got[r.Topic], r)
			}
		case <-ctx.Done():
			for topic, n := range want {
				t.Errorf("after a minute there are %d records of %d in %s", len(got[topic]), n, topic)
			}
			return got
		}
	}
	return got
}

// nameOf is the same for an event that was published twice.
func nameOf(r *driver.Record) string {
	for _, h := range r.Headers {
		if h.Key == "ce_id" || h.Key == "ce-id" {
			return fmt.Sprintf("%s id %s", r.Topic, h.Value)
		}
	}
	return fmt.Sprintf("%s at %d/%d", r.Topic, r.Partition, r.Offset)
}

// A reader hands on all records of its partitions.
type reader struct {
	ctx context.Context
	out chan<- *driver.Record
}

func (r *reader) Revoked(driver.Partition) {}

func (r *reader) Assigned(p driver.Partition) {
	go func() {
		if _, err := p.Seek(r.ctx, driver.Earliest); err != nil {
			return
		}
		for {
			records, err := p.Fetch(r.ctx, 100, 1<<20)
			if err != nil {
				return
			}
			for _, rec := range records {
				select {
				case r.out <- rec:
				case <-r.ctx.Done():
					return
				}
			}
		}
	}()
}
