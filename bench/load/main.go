//go:build linux

// Command load measures realtime at full size: websockets by the ten thousand
// on real gateway processes, fed with events through an outbox and a broker.
//
// Every part is a process of its own: the broker (the hub's, or one that is
// given), gateways, listeners, and one writer, which commits commands that
// publish events of courses. An event's latency is from the time at which its
// command was meant to begin to the frame at each listener, so a command, a
// relay or a gateway that falls behind is counted and not hidden.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

// A plan is the size of a run. Every process gets all of it.
type plan struct {
	sessions, rate, fanout int
	duration               time.Duration
	gateways, listeners    int
	perSecond              int // commands
	database               string
	brokers, registry      string
	bin                    string
	target                 time.Duration
	compare                bool
	rival                  bool // this is the run that it is compared with
}

// courses is how many channels there are.
func (p *plan) courses() int { return p.sessions / p.fanout }

// events is how many events are published.
func (p *plan) events() int {
	return int(p.duration.Seconds()) * p.perSecond * (p.rate / p.perSecond)
}

func (p *plan) register(f *flag.FlagSet) {
	f.IntVar(&p.sessions, "sessions", 50_000, "websockets")
	f.IntVar(&p.rate, "rate", 2_000, "events a second")
	f.IntVar(&p.fanout, "fanout", 10, "websockets that each event reaches")
	f.DurationVar(&p.duration, "duration", time.Minute, "how long events are published")
	f.IntVar(&p.gateways, "gateways", 3, "gateway processes; each may have 20,000 file descriptors on small machines")
	f.IntVar(&p.listeners, "listeners", 3, "processes that hold the other ends of the websockets")
	f.IntVar(&p.perSecond, "commands", 100, "commands a second, each of which publishes its share of the events")
	f.StringVar(&p.database, "database", "", "PostgreSQL URL of the writer; empty: SQLite in a new directory")
	f.StringVar(&p.brokers, "brokers", "", "Kafka brokers; empty: the hub's own")
	f.StringVar(&p.registry, "registry", "", "Schema Registry; empty: the hub's own")
	f.StringVar(&p.bin, "bin", "bin", "directory with hub and gateway")
	f.BoolVar(&p.compare, "compare", false, "run bin/centrifuge in place of our gateways afterwards, and print both")
	f.DurationVar(&p.target, "target", 0, "fail when the 99th percentile is not below; 0: 25ms up to a fan-out of 10, and 100ms above")
}

func (p *plan) check() error {
	if p.target == 0 {
		p.target = 25 * time.Millisecond
		if p.fanout > 10 {
			p.target = 100 * time.Millisecond
		}
	}
	switch {
	case p.fanout < 1 || p.sessions%p.fanout != 0:
		return errors.New("-sessions has to be a multiple of -fanout")
	case p.perSecond < 1 || p.rate%p.perSecond != 0:
		return errors.New("-rate has to be a multiple of -commands")
	case p.gateways < 1 || p.listeners < 1:
		return errors.New("there has to be a gateway and a listener")
	}
	return nil
}

func main() {
	if len(os.Args) > 1 {
		if role, ok := roles[os.Args[1]]; ok {
			exit(role(os.Args[2:]))
			return
		}
	}
	var p plan
	p.register(flag.CommandLine)
	flag.Parse()
	if err := p.check(); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	exit(p.lead(ctx))
}

// lead measures ours and, when asked, the rival.
func (p *plan) lead(ctx context.Context) error {
	rival := *p // a run fills in what it has started
	err := lead(ctx, p)
	if !p.compare || ctx.Err() != nil {
		return err
	}
	rival.rival, rival.target = true, time.Hour
	fmt.Println("\ncentrifuge, which checks no tokens and keeps nothing for those who come back:")
	if err := lead(ctx, &rival); err != nil {
		fmt.Println("centrifuge:", err)
	}
	return err
}

// roles are what a process can be besides the one that leads.
var roles = map[string]func(args []string) error{"listen": listen, "write": write}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}
