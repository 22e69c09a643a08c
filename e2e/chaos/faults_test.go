//go:build unix

package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/pulselearn/campus-hub/e2e/faults"
)

// A fault is something that is done to the world. It returns what ends it, or
// nil when it is over at once, and how long it lasts.
type fault struct {
	name string
	do   func(w *world, random *rand.Rand) (end func(), lasts time.Duration)
}

// common are the faults that every world can have. What is more likely is here
// more often.
var common = []fault{
	{"kill a service", killService}, {"kill a service", killService},
	{"freeze a service", freezeService},
	{"kill what is embedded", killEmbedded},
	{"freeze what is embedded", freezeEmbedded},
	{"start another process of a service", startReplica},
	{"take down what handlers depend on", outage},
	{"publish poison", poison}, {"publish poison", poison},
	{"publish again what was published", republish},
	{"delay the database", delayed("database")},
	{"cut off the database", cut("database")},
	{"drop the database's connections", dropped("database")},
	{"leave the database half-open", halfOpen("database")},
	{"kill the database", killDatabase},
	{"set the clock of a service", setServiceClock}, {"set the clock of a service", setServiceClock},
	{"set the clock of the database", setDatabaseClock},
}

// served are those of a broker that runs in processes of its own, one of which
// at most is disturbed at a time: of three, records are acknowledged when two
// have them.
var served = []fault{
	{"kill a broker", killBroker}, {"kill a broker", killBroker},
	{"freeze a broker", freezeBroker},
	{"delay a broker", func(w *world, r *rand.Rand) (func(), time.Duration) { return delayed(w.someBroker(r))(w, r) }},
	{"cut off a broker", func(w *world, r *rand.Rand) (func(), time.Duration) { return cut(w.someBroker(r))(w, r) }},
	{"half-open a broker", func(w *world, r *rand.Rand) (func(), time.Duration) { return halfOpen(w.someBroker(r))(w, r) }},
}

// A schedule is faults that begin one after the other, while those before may
// still last.
type schedule struct {
	w      *world
	random *rand.Rand
	faults []fault
	ends   []ending
	done   map[string]int // how often each fault began
}

type ending struct {
	at   time.Time
	name string
	do   func()
}

func newSchedule(w *world, seed uint64) *schedule {
	s := &schedule{w: w, random: rand.New(rand.NewPCG(seed, 1)), faults: common, done: map[string]int{}}
	if len(w.broker.servers()) > 0 {
		s.faults = append(slices.Clone(common), served...)
	}
	return s
}

// run disturbs the world for a while, with every venom at the beginning, and
// mends everything.
func (s *schedule) run(d time.Duration) {
	for range 2 * len(venoms) {
		poison(s.w, s.random)
	}
	until := time.Now().Add(d)
	for time.Now().Before(until) {
		s.endSome(false)
		s.revive()
		f := s.faults[s.random.IntN(len(s.faults))]
		if len(s.ends) < 3 && !s.under(f.name) {
			end, lasts := f.do(s.w, s.random)
			s.done[f.name]++
			if end != nil {
				s.ends = append(s.ends, ending{time.Now().Add(lasts), f.name, end})
			}
		}
		<-time.After(time.Duration(200+s.random.IntN(800)) * time.Millisecond)
	}
	s.endSome(true)
	s.revive()
}

// under reports whether a fault of that kind, or one of another broker, still
// lasts.
func (s *schedule) under(name string) bool {
	return slices.ContainsFunc(s.ends, func(e ending) bool {
		return e.name == name || strings.HasSuffix(e.name, " a broker") && strings.HasSuffix(name, " a broker")
	})
}

func (s *schedule) endSome(all bool) {
	s.ends = slices.DeleteFunc(s.ends, func(e ending) bool {
		over := all || time.Now().After(e.at)
		if over {
			e.do()
		}
		return over
	})
}

// revive starts what has ended: by a fault, or because it gave up, as a
// process does when too many of its handlers never return.
func (s *schedule) revive() {
	for _, p := range s.w.victims {
		if p.ended() {
			p.start()
		}
	}
}

// reviveUntil starts what ends, until done is closed.
func (s *schedule) reviveUntil(done <-chan struct{}) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			s.revive()
		}
	}
}

// someService returns one of the services.
func (w *world) someService(random *rand.Rand) *process {
	names := []string{"money", "reward", "study"}
	return w.victims[names[random.IntN(len(names))]]
}

// embedded returns the process of the broker or the registry.
func (w *world) embedded() *process {
	if p := w.victims["broker"]; p != nil {
		return p
	}
	return w.victims["registry"]
}

func (w *world) someBroker(random *rand.Rand) string {
	return fmt.Sprintf("broker %d", random.IntN(len(w.broker.servers()))+1)
}

func killService(w *world, random *rand.Rand) (func(), time.Duration) {
	p := w.someService(random)
	if p.paused {
		return nil, 0
	}
	p.kill() // the schedule starts it again
	return nil, 0
}

func freezeService(w *world, random *rand.Rand) (func(), time.Duration) {
	return freeze(w.someService(random)), seconds(random, 1, 8)
}

func killEmbedded(w *world, _ *rand.Rand) (func(), time.Duration) {
	if p := w.embedded(); !p.paused {
		p.kill()
	}
	return nil, 0
}

func freezeEmbedded(w *world, random *rand.Rand) (func(), time.Duration) {
	return freeze(w.embedded()), seconds(random, 1, 4)
}

// freeze stops a process where it is. Its transactions stay open, and others
// take its partitions.
func freeze(p *process) func() {
	if p.paused || p.ended() {
		return func() {}
	}
	run := p.running
	p.w.must("freeze "+p.name, run.Pause())
	p.paused = true
	return func() {
		_ = run.Resume() // it may have been killed
		p.paused = false
	}
}

// startReplica makes the partitions of a service move to a second process and
// back.
func startReplica(w *world, random *rand.Rand) (func(), time.Duration) {
	original := w.someService(random)
	replica := &process{w: w, name: original.name + "-replica", addr: free(w.T)}
	replica.set(original.env...)
	replica.set("PL_HTTP_ADDR="+replica.addr, "PL_DATA_DIR="+w.dir+"/"+replica.name)
	replica.start()
	w.Cleanup(replica.kill)
	kill := random.IntN(2) == 0
	return func() {
		if kill {
			replica.kill()
			return
		}
		_ = replica.running.Terminate(30 * time.Second)
	}, seconds(random, 3, 8)
}

func outage(w *world, random *rand.Rand) (func(), time.Duration) {
	w.must("outage", os.WriteFile(w.outage(), nil, 0o600))
	return func() { w.must("end of the outage", os.Remove(w.outage())) }, seconds(random, 2, 6)
}

const poisoned = "pl.quiz.quiz_completed.v1"

// venoms are records that no consumer can decode.
var venoms = [][]byte{
	nil, {}, {0}, {1, 0, 0, 0, 1, 2}, []byte("not Avro at all"), {0, 0, 0, 0, 1},
	{0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0x0f}, // a length beyond the end
}

// poison publishes records that can never be applied, with keys of their own
// or without one.
func poison(w *world, random *rand.Rand) (func(), time.Duration) {
	value, key := venoms[random.IntN(len(venoms))], []byte(nil)
	if random.IntN(3) > 0 {
		key = fmt.Appendf(nil, "poison-%d", random.IntN(4))
	}
	w.broker.produce(w, poisoned, key, value)
	return nil, 0
}

// republish publishes some of the newest records of a topic again: duplicates,
// out of order with what has come since.
func republish(w *world, random *rand.Rand) (func(), time.Duration) {
	topics := []string{"pl.quiz.quiz_completed.v1", "pl.achievement.badge_awarded.v1", "pl.payment.captured.v1"}
	ctx, cancel := context.WithTimeout(w.Context(), 3*time.Second) // the broker may be away
	defer cancel()
	records := w.broker.records(ctx, w, topics[random.IntN(len(topics))])
	for range min(5, len(records)) {
		records[random.IntN(len(records))].again()
	}
	return nil, 0
}

func delayed(name string) func(w *world, random *rand.Rand) (func(), time.Duration) {
	return func(w *world, random *rand.Rand) (func(), time.Duration) {
		p := w.proxies[name]
		w.must("delay "+name, p.Latency(20*time.Millisecond, 15*time.Millisecond))
		return mend(w, p), seconds(random, 2, 6)
	}
}

func cut(name string) func(w *world, random *rand.Rand) (func(), time.Duration) {
	return func(w *world, random *rand.Rand) (func(), time.Duration) {
		p := w.proxies[name]
		p.Cut()
		return mend(w, p), seconds(random, 1, 4)
	}
}

func dropped(name string) func(w *world, random *rand.Rand) (func(), time.Duration) {
	return func(w *world, _ *rand.Rand) (func(), time.Duration) {
		w.must("drop connections of "+name, w.proxies[name].Drop())
		return nil, 0
	}
}

func halfOpen(name string) func(w *world, random *rand.Rand) (func(), time.Duration) {
	return func(w *world, random *rand.Rand) (func(), time.Duration) {
		p := w.proxies[name]
		w.must("freeze "+name, p.Freeze())
		return mend(w, p), seconds(random, 1, 4)
	}
}

func mend(w *world, p *faults.Proxy) func() {
	return func() { w.must("mend a proxy", p.Mend()) }
}

// killDatabase ends the server as kill -9 does.
func killDatabase(w *world, random *rand.Rand) (func(), time.Duration) {
	w.postgres.Kill(w.T)
	return func() { w.postgres.Start(w.T) }, seconds(random, 0, 3)
}

// setServiceClock makes one service see another time of day than the others,
// and jump back to that of the machine in the end.
func setServiceClock(w *world, random *rand.Rand) (func(), time.Duration) {
	p := w.someService(random)
	if p.ended() {
		return nil, 0
	}
	run := p.running
	set := func(ahead time.Duration) { w.clock(run.SetClock(ahead)) }
	set(jump(random))
	return func() { set(0) }, seconds(random, 2, 8)
}

func setDatabaseClock(w *world, random *rand.Rand) (func(), time.Duration) {
	w.clock(w.postgres.SetClock(jump(random)))
	return func() { w.clock(w.postgres.SetClock(0)) }, seconds(random, 2, 8)
}

// jump is hours forward or minutes back.
func jump(random *rand.Rand) time.Duration {
	if random.IntN(3) == 0 {
		return -time.Duration(1+random.IntN(30)) * time.Minute
	}
	return time.Duration(1+random.IntN(20)) * time.Hour
}

// clock wants a clock to have been set, where the system can do that.
func (w *world) clock(err error) {
	if errors.Is(err, faults.ErrNoClock) && os.Getenv("CI") != "true" {
		w.Logf("NOT DISTURBED: THE CLOCK: %v", err)
		return
	}
	w.must("set a clock", err)
}

func killBroker(w *world, random *rand.Rand) (func(), time.Duration) {
	b := w.broker.servers()[random.IntN(len(w.broker.servers()))]
	b.Kill(w.T)
	return func() { b.Start(w.T) }, seconds(random, 1, 5)
}

func freezeBroker(w *world, random *rand.Rand) (func(), time.Duration) {
	b := w.broker.servers()[random.IntN(len(w.broker.servers()))]
	b.Pause(w.T)
	return func() { b.Resume(w.T) }, seconds(random, 1, 5)
}

func seconds(random *rand.Rand, from, to int) time.Duration {
	return time.Duration(from*1000+random.IntN((to-from)*1000)) * time.Millisecond
}
