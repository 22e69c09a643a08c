package typescript

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// collect reads topics with a group of Go's until there are that many records
// of each.
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
	got := map[string][]*driver.Record{}
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
			got[r.Topic] = append(got[r.Topic], r)
		case <-ctx.Done():
			for topic, n := range want {
				t.Errorf("after a minute there are %d records of %d in %s", len(got[topic]), n, topic)
			}
			return got
		}
	}
	return got
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
