package main

import (
	"context"
	"fmt"
	"runtime"

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

// feedAndWatch publishes as long as the consumer is not too far behind, and
// fails when the heap of the second half is larger than that of the first by
// more than an eighth.
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
			fmt.Printf("%10d events  heap %6.2f MiB\n", c.total.Load(), float64(heaps[len(heaps)-1])/(1<<20))
		}
	}
	early, late := highest(heaps[1:points/2]), highest(heaps[points/2:])
	if late > early+early/8 {
		return fmt.Errorf("the heap grew from %d to %d bytes", early, late)
	}
	fmt.Printf("flat: at most %.2f MiB in the first half, %.2f MiB in the second\n", float64(early)/(1<<20), float64(late)/(1<<20))
	return nil
}

func heapAfterGC() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func highest(values []uint64) (top uint64) {
	for _, v := range values {
		top = max(top, v)
	}
	return top
}
