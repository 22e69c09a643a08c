package tx_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/hold"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// BenchmarkEffects consumes events in batches of 100, from one partition and
// from four at once; each event inserts one row and publishes one event.
func BenchmarkEffects(b *testing.B) {
	for _, e := range engines {
		for _, partitions := range []int{1, 4} {
			b.Run(fmt.Sprintf("%s/partitions=%d", e.name, partitions), func(b *testing.B) {
				benchmarkEffects(b, newWorld(b, e.open), partitions)
			})
		}
	}
}

func benchmarkEffects(b *testing.B, w *world, partitions int) {
	w.applyAll(w.claim(), numbered(1<<40, 100))
	b.ResetTimer()
	var all sync.WaitGroup
	for p := range partitions {
		all.Go(func() {
			c, err := w.store.Claim(b.Context(), &w.route, int32(p+1))
			for n := p; err == nil && n < b.N; n += partitions {
				_, err = w.store.Apply(b.Context(), &c, numbered(int64(n)*100, 100))
			}
			if err != nil {
				b.Error(err)
			}
		})
	}
	all.Wait()
	b.ReportMetric(100*float64(b.N)/b.Elapsed().Seconds(), "effects/s")
}

// BenchmarkFailures is BenchmarkEffects on one partition with one event in a
// hundred that fails when it first runs, after its effect, and is redelivered.
func BenchmarkFailures(b *testing.B) {
	for _, e := range engines {
		b.Run(e.name, func(b *testing.B) {
			w := newWorld(b, e.open)
			c := w.claim()
			w.applyAll(c, numbered(0, 100))
			w.handle = func(ctx context.Context, t *tx.Tx, m event.Message) error {
				d := bus.DeliveryFrom(ctx)
				if err := recordEffect(ctx, t, m); err != nil || d.Attempt > 1 || d.Record.Offset%100 != 37 {
					return err
				}
				return errors.New("not now")
			}
			b.ResetTimer()
			for n := 0; b.Loop(); n++ {
				w.applyAll(c, numbered(c.Next, 100))
				if n%10 == 9 {
					w.redeliver(c)
				}
			}
			b.ReportMetric(100*float64(b.N)/b.Elapsed().Seconds(), "effects/s")
		})
	}
}

// BenchmarkRedrive redrives 5,000 dead letters of as many keys and applies them.
func BenchmarkRedrive(b *testing.B) {
	const rows = 5000
	for _, e := range engines {
		b.Run(e.name, func(b *testing.B) {
			w := newWorld(b, e.open)
			w.keyIsID = true
			c := w.claim()
			for b.Loop() {
				b.StopTimer()
				w.handle = func(context.Context, *tx.Tx, event.Message) error { return bus.Reject(errLater) }
				for range rows / 100 {
					batch := numbered(max(c.Next, 0), 100)
					for _, d := range batch {
						d.Record.Key = []byte(d.Event.ID)
					}
					w.applyAll(c, batch)
				}
				w.handle = recordEffect
				b.StartTimer()
				if _, err := hold.Redrive(b.Context(), w.db, hold.Selection{Limit: rows}, operator); err != nil {
					b.Fatal(err)
				}
				w.redeliver(c)
			}
			b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func numbered(offset int64, n int) []*bus.Delivery {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprint(offset + int64(i))
	}
	return deliveries(offset, ids...)
}

// BenchmarkDuplicates consumes a batch of 100 that was applied before.
func BenchmarkDuplicates(b *testing.B) {
	for _, e := range engines {
		b.Run(e.name, func(b *testing.B) {
			w := newWorld(b, e.open)
			c := w.claim()
			w.applyAll(c, numbered(0, 100))
			for b.Loop() {
				batch := numbered(0, 100)
				for i, d := range batch {
					d.Record.Offset = c.Next + int64(i)
				}
				w.applyAll(c, batch)
			}
			b.ReportMetric(100*float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
		})
	}
}

// BenchmarkCommand runs commands one after another, each with a key, one row
// and no event.
func BenchmarkCommand(b *testing.B) {
	for _, e := range engines {
		b.Run(e.name, func(b *testing.B) {
			w := newWorld(b, e.open)
			n := 0
			for b.Loop() {
				n++
				if _, _, err := w.command(b.Context(), w.store, fmt.Sprint(n), "a"); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
		})
	}
}

// BenchmarkRelay publishes what is in the outbox to a broker in memory.
func BenchmarkRelay(b *testing.B) {
	const rows = 10000
	for _, e := range engines {
		b.Run(e.name, func(b *testing.B) {
			w := newWorld(b, e.open)
			for b.Loop() {
				b.StopTimer()
				events := make([]event.Message, rows)
				for i := range events {
					events[i] = &note{typ: noted, key: fmt.Sprint(i % 100), text: "some text of an event that is not too short"}
				}
				w.publishAll(events...)
				b.StartTimer()
				stop := w.relay(w.db, newBroker())
				w.drained(w.db)
				stop()
			}
			b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
