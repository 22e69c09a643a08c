// Command compare measures the codec that pl-gen generates beside other Avro
// libraries, protobuf, JSON and a hand-written limit, on one event. All take
// turns in short slices, so that what else the machine does hits all of them,
// and the medians are compared.
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"text/tabwriter"
	"time"
)

func main() {
	rounds := flag.Int("rounds", 201, "how many slices each codec gets")
	slice := flag.Duration("slice", 2*time.Millisecond, "how long a slice takes")
	flag.Parse()
	if err := run(*rounds, *slice); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func run(rounds int, slice time.Duration) error {
	list, err := rivals()
	if err != nil {
		return err
	}
	encode, decode, sizes, err := tasks(list)
	if err != nil {
		return err
	}
	all := slices.Concat(encode, decode)
	for _, t := range all {
		t.calibrate(slice)
	}
	for range rounds {
		// In a fixed order the collector would hit the same codec every time.
		rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for _, t := range all {
			t.slice()
		}
	}
	return report(list, sizes, encode, decode)
}

// A task is one direction of one codec.
type task struct {
	run    func()
	times  int       // how often a slice runs it
	nanos  []float64 // per run, one a slice
	allocs float64
}

// tasks checks every codec once and returns what to measure.
func tasks(list []rival) (encode, decode []*task, sizes []int, err error) {
	buf := make([]byte, 0, 4096)
	for _, r := range list {
		data, err := r.encode(buf[:0])
		if err != nil {
			return nil, nil, nil, fmt.Errorf("%s: encode: %w", r.name, err)
		}
		data = slices.Clone(data)
		if err := r.decode(data); err != nil {
			return nil, nil, nil, fmt.Errorf("%s: decode: %w", r.name, err)
		}
		sizes = append(sizes, len(data))
		encode = append(encode, &task{run: func() { _, _ = r.encode(buf[:0]) }})
		decode = append(decode, &task{run: func() { _ = r.decode(data) }})
	}
	return encode, decode, sizes, nil
}

func (t *task) calibrate(slice time.Duration) {
	t.allocs = testing.AllocsPerRun(100, t.run)
	t.times = 1
	for elapsed := time.Duration(0); elapsed < slice/2; t.times *= 2 {
		start := time.Now()
		for range t.times {
			t.run()
		}
		elapsed = time.Since(start)
	}
}

func (t *task) slice() {
	start := time.Now()
	for range t.times {
		t.run()
	}
	t.nanos = append(t.nanos, float64(time.Since(start))/float64(t.times))
}

func (t *task) median() float64 {
	slices.Sort(t.nanos)
	return t.nanos[len(t.nanos)/2]
}

func report(list []rival, sizes []int, encode, decode []*task) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "codec\tbytes\tencode ns\tallocs\tratio\tdecode ns\tallocs\tratio\t")
	for i, r := range list {
		e, d := encode[i], decode[i]
		fmt.Fprintf(w, "%s\t%d\t%.0f\t%.0f\t%.2f\t%.0f\t%.0f\t%.2f\t\n", r.name, sizes[i],
			e.median(), e.allocs, e.median()/encode[0].median(),
			d.median(), d.allocs, d.median()/decode[0].median())
	}
	return w.Flush()
}
