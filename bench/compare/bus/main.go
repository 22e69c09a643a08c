// Command bus compares publishing and consuming typed events with carrying the
// same bytes by the broker's client alone, and with other libraries.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime/pprof"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/kafkabus"
)

type options struct {
	rounds  int
	events  int64
	slice   time.Duration
	brokers string
	only    string
	profile string

	embedded bool
}

func main() {
	var o options
	kind := flag.String("serve", "", "run a broker, kafka or nats, for the parent process")
	dir := flag.String("dir", "", "data directory of -serve")
	flag.IntVar(&o.rounds, "rounds", 5, "how often each row is measured")
	flag.Int64Var(&o.events, "events", 300_000, "events in a slice")
	flag.DurationVar(&o.slice, "slice", time.Second, "time after which a slice ends anyway")
	flag.StringVar(&o.brokers, "brokers", "", "measure against this Kafka instead of the embedded one")
	flag.StringVar(&o.only, "only", "", "measure only the rows whose section or name contains this, and those that they are compared with")
	flag.BoolVar(&o.embedded, "embedded", false, "run the broker in this process, as the hub does")
	flag.StringVar(&o.profile, "profile", "", "write a CPU profile of all slices to this file")
	flag.Parse()
	err := error(nil)
	if *kind != "" {
		err = serve(*kind, *dir)
	} else {
		err = run(context.Background(), o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-bus:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.profile != "" {
		f, err := os.Create(o.profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	return measureKafka(ctx, o)
}

func measureKafka(ctx context.Context, o options) error {
	addr := o.brokers
	if addr == "" {
		child, err := start("kafka", o.embedded)
		if err != nil {
			return err
		}
		defer child.stop()
		addr = child.addr
	}
	l := limits{o.events, o.slice}
	b, err := newKafkaBench(ctx, addr, l, l)
	if err != nil {
		return err
	}
	defer b.close()
	open := func() (*kafkabus.Conn, error) {
		return kafkabus.Open(kafkabus.Config{Brokers: []string{addr}, Logger: quiet})
	}
	events := lessons()
	publish := []*row{
		b.publisher("franz-go", "prepared bytes, batches of 1,000 awaited, two at a time", rawBatches),
		b.publisher("franz-go, pipelined", "prepared bytes, never waits: what a relay must not do", rawPipeline),
		b.publisher("ours, driver", "prepared bytes through kafkabus", func(b *kafkaBench, topic string) (sender, error) {
			conn, err := open()
			return driverPublish(conn, topic, b.messages), err
		}),
		b.publisher("ours, typed (direct)", "struct, id, Avro, checked attributes, headers, frame, kafkabus", func(b *kafkaBench, topic string) (sender, error) {
			conn, err := open()
			return typedPublish(conn, topic, events), err
		}),
	}
	consume := []*row{
		b.consumer("franz-go", "group, polls, looks at each record", rawConsume),
		b.consumer("ours, driver", "kafkabus alone", func(b *kafkaBench, group string, c *counter) (func() error, error) {
			conn, err := open()
			if err != nil {
				return nil, err
			}
			return joinDriver(conn, group, c)
		}),
		b.consumer("ours, typed", "router, attributes, Avro into the struct, a store that keeps nothing", func(b *kafkaBench, group string, c *counter) (func() error, error) {
			conn, err := open()
			if err != nil {
				return nil, err
			}
			return typedConsume(driver.Conn(conn), group, c)
		}),
	}
	if err := measure(ctx, o, "publish, Kafka", publish); err != nil {
		return err
	}
	return measure(ctx, o, "consume, Kafka", consume)
}

// measure runs the rows in turn, once unmeasured, and prints the table. The
// first row is what the others are compared with.
func measure(ctx context.Context, o options, section string, rows []*row) error {
	rows = selected(o.only, section, rows)
	for round := range o.rounds + 1 {
		for i := range rows {
			r := rows[(i+round)%len(rows)]
			s, err := r.slice(ctx)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", section, r.name, err)
			}
			if round > 0 {
				r.samples = append(r.samples, s)
			}
		}
	}
	return report(section, rows)
}

func selected(only, section string, rows []*row) []*row {
	if strings.Contains(section, only) {
		return rows
	}
	list := rows[:1]
	for _, r := range rows[1:] {
		if strings.Contains(r.name, only) {
			list = append(list[:len(list):len(list)], r)
		}
	}
	return list
}

func report(section string, rows []*row) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\tratio\tCPU ratio\t(events/s)\t(CPU ns)\twhat it does\n", section)
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.0f\t%.0f\t%s\n", r.name,
			median(r.ratios(rows[0], sample.rate)), median(r.ratios(rows[0], sample.cpuNanos)),
			median(r.values(sample.rate)), median(r.values(sample.cpuNanos)), r.does)
	}
	fmt.Fprintln(w)
	return w.Flush()
}
