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
)

type options struct {
	rounds   int
	limits   limits
	brokers  string
	only     string
	profile  string
	memory   int64
	embedded bool
}

func main() {
	var o options
	kind := flag.String("serve", "", "run a broker, kafka or nats, for the parent process")
	dir := flag.String("dir", "", "data directory of -serve")
	flag.IntVar(&o.rounds, "rounds", 5, "how often each row is measured")
	flag.Int64Var(&o.limits.events, "events", 200_000, "events in a slice")
	flag.DurationVar(&o.limits.time, "slice", time.Second, "time after which a slice ends anyway")
	flag.StringVar(&o.brokers, "brokers", "", "measure on this Kafka in place of the embedded broker")
	flag.StringVar(&o.only, "only", "", "measure the rows whose 'section: name' contains this, and those that they are compared with")
	flag.BoolVar(&o.embedded, "embedded", false, "run the broker in this process, as the hub does")
	flag.StringVar(&o.profile, "profile", "", "write a CPU profile of the rows that -only names")
	flag.Int64Var(&o.memory, "memory", 0, "consume so many events on Kafka instead, and print what the heap holds meanwhile")
	flag.Parse()
	err := error(nil)
	if *kind != "" {
		err = serve(*kind, *dir)
	} else {
		err = run(context.Background(), &o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-bus:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o *options) error {
	if o.memory > 0 {
		return watchMemory(ctx, o)
	}
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
	if o.wants("Kafka") {
		if err := onKafka(ctx, o); err != nil {
			return err
		}
	}
	if o.wants("NATS") {
		if err := onNATS(ctx, o); err != nil {
			return err
		}
	}
	return headerWriters(o)
}

// measure runs the rows in turn, once unmeasured, and prints the table. The
// first row is what the others are compared with.
func (o *options) measure(ctx context.Context, section string, rows []*row) error {
	rows = o.selected(section, rows)
	if len(rows) == 0 {
		return nil
	}
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

// wants is false when -only names the other broker alone, which then is not
// started and filled.
func (o *options) wants(broker string) bool {
	return strings.Contains(o.only, broker) || !strings.Contains(o.only, "Kafka") && !strings.Contains(o.only, "NATS")
}

// selected returns the rows to measure: those that are asked for, and the one
// that they are compared with, unless a profile is to show them alone.
func (o *options) selected(section string, rows []*row) (list []*row) {
	for _, r := range rows {
		if strings.Contains(section+": "+r.name, o.only) {
			list = append(list, r)
		}
	}
	if len(list) > 0 && list[0] != rows[0] && o.profile == "" {
		list = append(rows[:1:1], list...)
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
