//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	hubgateway "github.com/pulselearn/campus-hub/gen/gateway/hub"
	"github.com/pulselearn/campus-hub/internal/loopback"
)

// A run is all processes.
type run struct {
	*plan
	ctx       context.Context
	dir, self string
	issuer    *issuer
	broker    *process // nil for one that was given
	writer    *process
	doors     []*process
	addrs     []string
	ends      []*process
	all       []*process
	emptyRSS  int64
	fullRSS   int64
}

func lead(ctx context.Context, p *plan) error {
	dir, err := os.MkdirTemp("", "load-")
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	r := &run{plan: p, ctx: ctx, dir: dir, self: self}
	defer func() {
		stop()
		for _, p := range r.all {
			_ = p.cmd.Wait() // it was told to end
		}
		_ = os.RemoveAll(dir)
	}()
	for _, step := range []func() error{r.startBroker, r.startWriter, r.startGateways, r.startListeners} {
		if err := step(); err != nil {
			return err
		}
	}
	return r.measure()
}

// start starts a program with its share of the processors. Processes that each
// believe to have all of them take them from each other: on two processors the
// 99th percentile at a fan-out of 50 is 690 ms then, instead of 64.
func (r *run) start(name, program string, args, env []string) (*process, error) {
	if os.Getenv("GOMAXPROCS") == "" {
		const writerAndBroker = 2
		env = append(env, fmt.Sprintf("GOMAXPROCS=%d", max(1, runtime.NumCPU()/(r.gateways+r.listeners+writerAndBroker))))
	}
	p, err := start(r.ctx, r.dir, name, program, args, env)
	if err == nil {
		r.all = append(r.all, p)
	}
	return p, err
}

func (r *run) startBroker() (err error) {
	if r.issuer, err = newIssuer(); err != nil || r.brokers != "" {
		return err
	}
	var addrs [3]string
	for i := range addrs {
		if addrs[i], err = loopback.FreeAddr(); err != nil {
			return err
		}
	}
	r.broker, err = r.start("broker", filepath.Join(r.bin, "hub"), []string{"broker"}, []string{
		"PL_EMBEDDED_KAFKA_ADDR=" + addrs[0], "PL_EMBEDDED_REGISTRY_ADDR=" + addrs[1], "PL_DATA_DIR=" + filepath.Join(r.dir, "broker"),
	})
	if err != nil {
		return err
	}
	r.brokers, r.registry = addrs[0], "http://"+addrs[1]
	return await(r.ctx, r.broker, r.registry+"/subjects")
}

// flags are those of the plan, for the processes of this program.
func (r *run) flags() []string {
	return []string{
		"-sessions", strconv.Itoa(r.sessions), "-rate", strconv.Itoa(r.rate), "-fanout", strconv.Itoa(r.fanout),
		"-duration", r.duration.String(), "-listeners", strconv.Itoa(r.listeners), "-commands", strconv.Itoa(r.perSecond),
		"-database", r.database, "-brokers", r.brokers, "-registry", r.registry,
	}
}

func (r *run) startWriter() (err error) {
	if r.writer, err = r.start("writer", r.self, append([]string{"write"}, r.flags()...), nil); err != nil {
		return err
	}
	var ready bool
	return r.writer.hear(&ready)
}

func (r *run) startGateways() error {
	for i := range r.gateways {
		addr, err := loopback.FreeAddr()
		if err != nil {
			return err
		}
		program, env := r.gateway(addr)
		p, err := r.start(fmt.Sprintf("gateway-%d", i+1), filepath.Join(r.bin, program), nil, env)
		if err != nil {
			return err
		}
		r.doors, r.addrs = append(r.doors, p), append(r.addrs, addr)
	}
	for i, p := range r.doors {
		if err := await(r.ctx, p, "http://"+r.addrs[i]+"/readyz"); err != nil {
			return err
		}
	}
	r.emptyRSS = memory(r.doors)
	return nil
}

// gateway returns the program of a gateway at addr, with its settings.
func (r *run) gateway(addr string) (program string, env []string) {
	if r.rival {
		return "centrifuge", []string{"CENTRIFUGE_ADDR=" + addr, "CENTRIFUGE_BROKERS=" + r.brokers}
	}
	env = []string{
		"PL_KAFKA_BROKERS=" + r.brokers, "PL_REGISTRY_URL=" + r.registry, "PL_ADMIN_ADDR=off", "PL_LOG_LEVEL=warn",
		"PL_RATE_LIMIT=0", "PL_OIDC_ISSUER=" + r.issuer.url, "PL_HTTP_ADDR=" + addr, "PL_DATA_DIR=" + filepath.Join(r.dir, "gateway"),
	}
	for _, name := range hubgateway.Front().Contexts() {
		env = append(env, "PL_CALLS_"+strings.ToUpper(name)+"=http://127.0.0.1:1")
	}
	return "gateway", env
}

func (r *run) startListeners() error {
	secret, err := r.issuer.secret()
	if err != nil {
		return err
	}
	began := time.Now()
	for i := range r.listeners {
		p, err := r.start(fmt.Sprintf("listener-%d", i+1), r.self, append([]string{
			"listen", "-part", strconv.Itoa(i), "-at", strings.Join(r.addrs, ","), "-issuer", r.issuer.url, "-rival=" + strconv.FormatBool(r.rival),
		}, r.flags()...), []string{"LOAD_KEY=" + secret})
		if err != nil {
			return err
		}
		r.ends = append(r.ends, p)
	}
	for _, p := range r.ends {
		var open int64
		if err := p.hear(&open); err != nil {
			return err
		}
	}
	r.fullRSS = memory(r.doors)
	fmt.Printf("%d sessions on %d gateways, opened in %s; %s of gateway memory a session\n", r.sessions, r.gateways,
		time.Since(began).Round(100*time.Millisecond), r.perSession(r.fullRSS))
	return nil
}

func memory(of []*process) (sum int64) {
	for _, p := range of {
		sum += p.rss()
	}
	return sum
}

func (r *run) perSession(rss int64) string {
	return fmt.Sprintf("%.1f KB", float64(rss-r.emptyRSS)/float64(r.sessions)/1000)
}

// measure lets the writer write, and adds up what the listeners see.
func (r *run) measure() error {
	before := r.cpus()
	if err := r.writer.tell("go"); err != nil {
		return err
	}
	began := time.Now()
	var w written
	if err := r.writer.hear(&w); err != nil {
		return err
	}
	took := time.Since(began)
	after := r.cpus()
	full := memory(r.doors)
	want := int64(w.Events) * int64(r.fanout)
	if err := r.settle(want); err != nil {
		return err
	}
	sum, hist, err := r.results()
	if err != nil {
		return err
	}
	fmt.Printf("%d events in %s (%.0f/s), each to %d sessions; commands began up to %s late\n",
		w.Events, took.Round(time.Millisecond), float64(w.Events)/took.Seconds(), r.fanout, w.Behind.Round(100*time.Microsecond))
	fmt.Printf("latency from the time of the command to the frame: P50 %s  P90 %s  P99 %s  P99.9 %s  most %s\n",
		at(hist, 50), at(hist, 90), at(hist, 99), at(hist, 99.9), at(hist, 100))
	fmt.Printf("frames %d of %d; %d missing, %d twice, %d out of order, %d resyncs, %d sessions broken\n",
		sum.Frames, want, want-sum.Frames, sum.Twice, sum.Disordered, sum.Resyncs, sum.Broken)
	if sum.Broken > 0 {
		fmt.Println("one of the broken sessions:", sum.Why)
	}
	fmt.Printf("gateway memory %s a session when full of events (the window of %d events included)\n", r.perSession(full), w.Events)
	fmt.Printf("cpu, of one core: %s\n", r.share(before, after, took))
	return r.verdict(sum, hist, want)
}

// settle waits until the listeners have everything, or nothing more comes.
func (r *run) settle(want int64) error {
	last, still := int64(-1), 0
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for still < 10 {
		var frames int64
		for _, p := range r.ends {
			var now result
			if err := errors.Join(p.tell("how"), p.hear(&now)); err != nil {
				return err
			}
			frames += now.Frames
		}
		if frames >= want {
			return nil
		}
		still++
		if frames != last {
			last, still = frames, 0
		}
		<-tick.C
	}
	return nil
}

func (r *run) results() (sum result, hist *hdrhistogram.Histogram, err error) {
	hist = hdrhistogram.New(leastLatency, mostLatency, digits)
	for _, p := range r.ends {
		var one result
		if err := errors.Join(p.tell("stop"), p.hear(&one)); err != nil {
			return sum, nil, err
		}
		h, err := hdrhistogram.Decode(one.Histogram)
		if err != nil {
			return sum, nil, fmt.Errorf("latencies of %s: %w", p.name, err)
		}
		hist.Merge(h)
		sum.Sessions += one.Sessions
		sum.Frames += one.Frames
		sum.Missing += one.Missing
		sum.Twice += one.Twice
		sum.Disordered += one.Disordered
		sum.Resyncs += one.Resyncs
		sum.Broken += one.Broken
		sum.Why = cmp.Or(sum.Why, one.Why)
	}
	return sum, hist, nil
}

func at(h *hdrhistogram.Histogram, percentile float64) time.Duration {
	return time.Duration(h.ValueAtPercentile(percentile)).Round(100 * time.Microsecond)
}

func (r *run) cpus() map[string]time.Duration {
	used := map[string]time.Duration{}
	for _, p := range r.all {
		kind, _, _ := strings.Cut(p.name, "-")
		used[kind] += p.cpu()
	}
	return used
}

func (r *run) share(before, after map[string]time.Duration, took time.Duration) string {
	var parts []string
	for _, kind := range []string{"broker", "writer", "gateway", "listener"} {
		if used, ok := after[kind]; ok {
			parts = append(parts, fmt.Sprintf("%s %.0f%%", kind, 100*(used-before[kind]).Seconds()/took.Seconds()))
		}
	}
	return strings.Join(parts, ", ")
}

// verdict fails when something was lost, or took too long.
func (r *run) verdict(sum result, hist *hdrhistogram.Histogram, want int64) error {
	var errs []error
	if sum.Frames != want || sum.Missing+sum.Twice+sum.Disordered+sum.Resyncs+sum.Broken > 0 || sum.Sessions != int64(r.sessions) {
		errs = append(errs, errors.New("not every event has reached every session once and in order"))
	}
	if p99 := time.Duration(hist.ValueAtPercentile(99)); p99 >= r.target {
		errs = append(errs, fmt.Errorf("the 99th percentile is %s, and it is to be below %s", p99.Round(100*time.Microsecond), r.target))
	}
	return errors.Join(errs...)
}
