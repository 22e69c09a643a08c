package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/IBM/sarama"
	cekafka "github.com/cloudevents/sdk-go/protocol/kafka_sarama/v2"
	"github.com/cloudevents/sdk-go/v2/binding"

	"github.com/pulselearn/campus-hub/bench/compare/lesson"
	"github.com/pulselearn/campus-hub/platform/event"
)

// A writer makes the headers of one event, or reads them.
type writer struct {
	name   string
	run    func()
	slices []float64
}

// headerWriters compares what it costs to write and to read the headers alone.
func headerWriters(o *options) error {
	const section = "headers alone"
	if !strings.Contains(section, o.only) {
		return nil
	}
	m := lesson.Sample()
	ours := envelope(m, time.Now().UTC().Truncate(time.Microsecond), nil)
	theirs, err := sdkEvent(m)
	if err != nil {
		return err
	}
	headers := event.AppendKafkaHeaders(nil, &ours)
	message := &sarama.ConsumerMessage{Value: theirs.Data()}
	for _, h := range headers {
		message.Headers = append(message.Headers, &sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
	}
	ctx := context.Background()
	list := []*writer{
		{name: "ours, write", run: func() { _ = event.AppendKafkaHeaders(nil, &ours) }},
		{name: "ours, check and write", run: func() { _ = ours.Validate(); _ = event.AppendKafkaHeaders(nil, &ours) }},
		{name: "CloudEvents SDK, write", run: func() {
			_ = cekafka.WriteProducerMessage(ctx, (*binding.EventMessage)(&theirs), new(sarama.ProducerMessage))
		}},
		{name: "ours, read and check", run: func() { _, _, _ = event.ParseKafka(headers, nil) }},
		{name: "CloudEvents SDK, read", run: func() {
			_, _ = binding.ToEvent(ctx, cekafka.NewMessageFromConsumerMessage(message))
		}},
	}
	for range 40 * o.rounds {
		rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		for _, w := range list {
			w.slice()
		}
	}
	return reportWriters(section, list)
}

// slice takes about two milliseconds.
func (w *writer) slice() {
	n, start := 0, time.Now()
	for time.Since(start) < 2*time.Millisecond {
		for range 100 {
			w.run()
		}
		n += 100
	}
	w.slices = append(w.slices, float64(time.Since(start))/float64(n))
}

func reportWriters(section string, list []*writer) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	base := 0.0
	for _, x := range list {
		if x.name == "ours, write" {
			base = median(x.slices)
		}
	}
	fmt.Fprintf(w, "%s\tratio\t(ns)\tallocations\n", section)
	for _, name := range []string{"ours, write", "ours, check and write", "CloudEvents SDK, write", "ours, read and check", "CloudEvents SDK, read"} {
		for _, x := range list {
			if x.name == name {
				fmt.Fprintf(w, "%s\t%.2f\t%.0f\t%.0f\n", name, median(x.slices)/base, median(x.slices), testing.AllocsPerRun(100, x.run))
			}
		}
	}
	return w.Flush()
}
