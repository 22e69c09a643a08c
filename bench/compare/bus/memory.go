package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// watchMemory consumes events through the typed path, the same ones over and
// over, and prints what the heap holds after a collection.
func watchMemory(ctx context.Context, o *options) error {
	broker, err := start("kafka", false)
	if err != nil {
		return err
	}
	defer broker.stop()
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.addr))
	if err != nil {
		return err
	}
	defer client.Close()
	b, err := kafkaStage(broker.addr, kadm.NewClient(client), o.limits)
	if err != nil {
		return err
	}
	if err := b.create(ctx, stored); err != nil {
		return err
	}
	feed, err := rawBatches(b, stored)
	if err != nil {
		return err
	}
	defer feed.close()
	conn, err := openKafka(b)
	if err != nil {
		return err
	}
	defer conn.Close()
	c := newCounter(limits{events: o.memory})
	router, err := newRouter(conn, "bench-memory", discard{c})
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- router.Run(ctx) }()
	if err := feedAndWatch(ctx, feed, c, o.memory); err != nil {
		return err
	}
	if err := router.Close(ctx); err != nil {
		return err
	}
	return <-done
}

// leak is how much more the heap may hold at least in the second half. What it
// holds at most depends on how far behind the consumer is at that moment.
const leak = 2 << 20

// feedAndWatch publishes as long as the consumer is not too far behind, and
// fails when the lowest heap of the second half is above that of the first.
func feedAndWatch(ctx context.Context, feed sender, c *counter, events int64) error {
	const ahead, points = 20 * batch, 20
	var heaps []uint64
	for sent := int64(0); c.total.Load() < events; {
		if sent < events && sent-c.total.Load() < ahead {
			n, err := feed.call(ctx, 0)
			if err != nil {
				return err
			}
			sent += int64(n)
		} else {
			runtime.Gosched()
		}
		if c.total.Load() >= events/points*int64(len(heaps)+1) {
			heaps = append(heaps, heapAfterGC())
			fmt.Printf("%10d events  heap %6.2f MiB\n", c.total.Load(), mib(heaps[len(heaps)-1]))
		}
	}
	early, late := slices.Min(heaps[:points/2]), slices.Min(heaps[points/2:])
	if late > early+leak {
		return fmt.Errorf("the heap never fell below %d bytes in the first half and %d in the second", early, late)
	}
	fmt.Printf("flat: at least %.2f MiB in the first half and %.2f in the second, never more than %.2f\n",
		mib(early), mib(late), mib(slices.Max(heaps)))
	return nil
}

func mib(bytes uint64) float64 { return float64(bytes) / (1 << 20) }

func heapAfterGC() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
