package platformtest

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"connectrpc.com/connect/v2"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/embedded/kafka"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/registry"
	"github.com/pulselearn/campus-hub/platform/rpc"
	"github.com/pulselearn/campus-hub/platform/service"
)

// crashes is at how many of its passages a step is a crash point: the first,
// and the ones that follow.
const crashes = 2

// CrashEverywhere runs a scenario undisturbed, and then again for every step
// of publishing and consuming that it passes, with a process that dies at that
// step and is started again on what it had stored. Whatever the step, the
// outcome must be that of the undisturbed run: the same number of rows in
// every table of the contexts, the same number of different events on every
// topic. check, which may be nil, looks at the outcome of each run, for
// example through a client: how many rows there are is compared, and not what
// is in them.
//
// The scenario publishes events and calls commands; a call that the crash
// interrupts is sent again, with its Idempotency-Key, as clients do. The
// broker and the registry outlive the process. What handlers keep in memory
// does not: register is called for every process, so it has to make the
// handlers anew. The runs are subtests, named after the step and the number of
// the passage.
//
// One more run, "redelivery", is without a crash of this process: every event
// that the scenario publishes comes twice, as from a context that died before
// it knew that the broker had the event.
func CrashEverywhere(t *testing.T, register func(app *service.App), scenario func(h *Harness), check func(h *Harness)) {
	t.Helper()
	if check == nil {
		check = func(*Harness) {}
	}
	calm := newFuse(register)
	want := crashRun(t, calm, scenario, check)
	for _, step := range slices.Sorted(maps.Keys(calm.passed)) {
		for nth := 1; nth <= min(crashes, calm.passed[step]); nth++ {
			t.Run(fmt.Sprintf("%s/%d", step, nth), func(t *testing.T) {
				t.Parallel()
				f := newFuse(register)
				f.step, f.nth = step, nth
				got := crashRun(t, f, scenario, check)
				if f.blown == 0 && nth == 1 { // later passages depend on what is batched
					t.Errorf("the process never died: it did not come to %s for the %d. time", step, nth)
				}
				want.compare(t, got)
			})
		}
	}
	if calm.published {
		t.Run("redelivery", func(t *testing.T) {
			t.Parallel()
			f := newFuse(register)
			f.redelivers = true
			want.compare(t, crashRun(t, f, scenario, check))
		})
	}
}

// crashRun runs the scenario once and returns its outcome.
func crashRun(t *testing.T, f *fuse, scenario, check func(h *Harness)) (o outcome) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, f.register)
		h.configure(dir)
		h.fuse = f
		h.engines.Hooks = append(h.engines.Hooks, f)
		h.startOutside()
		h.start()
		defer h.close()
		scenario(h)
		h.Quiet()
		check(h)
		o = h.outcome()
	})
	return o
}

// startOutside starts the broker and the registry apart from the process.
func (h *Harness) startOutside() {
	broker, err := kafka.Start(h.T.Context(), kafka.Options{Addr: kafkaAddr, Listen: h.network.Listen})
	h.must("start the broker", err)
	h.T.Cleanup(func() { _ = broker.Close() })
	opened, err := registry.Open(filepath.Join(h.cfg.DataDir, "outside"), registry.Options{})
	h.must("open the registry", err)
	listener, err := h.network.Listen("tcp", registryAddr)
	h.must("listen for the registry", err)
	server := serve(listener, opened.Handler())
	h.T.Cleanup(func() { _ = server.Close(); _ = opened.Close() })
	h.cfg.KafkaBrokers, h.cfg.RegistryURL = []string{kafkaAddr}, "http://"+registryAddr
}

// A fuse kills the process at the nth passage of a step: it ends the goroutine
// there, with its deferred calls, so that the transaction is rolled back as the
// engine does it for a connection that is gone. Afterwards no goroutine of the
// process gets past a step, and there is one before every commit and publish.
type fuse struct {
	register   func(app *service.App)
	step       bus.Step // "": never
	nth        int
	redelivers bool // what the scenario publishes comes twice
	published  bool // it has published something

	mu     sync.Mutex
	passed map[bus.Step]int
	dead   bool
	blown  int
}

func newFuse(register func(app *service.App)) *fuse {
	return &fuse{register: register, passed: map[bus.Step]int{}}
}

// Step implements [bus.StepHook].
func (f *fuse) Step(ctx context.Context, s bus.Step) {
	if !f.pass(s) {
		return
	}
	if _, called := connect.CallInfoForServerContext(ctx); called {
		panic("the process died at " + string(s)) // the goroutine is the caller's
	}
	runtime.Goexit()
}

func (f *fuse) pass(s bus.Step) (dies bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.passed[s]++
	if !f.dead && f.blown == 0 && s == f.step && f.passed[s] == f.nth {
		f.dead = true
		f.blown++
	}
	return f.dead
}

// died reports whether the process is dead and has to be started again.
func (f *fuse) died() bool {
	if f == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dead
}

func (f *fuse) mend() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead = false
}

// revive starts a process that has died.
func (h *Harness) revive() {
	h.T.Helper()
	if !h.fuse.died() {
		return
	}
	h.disconnect()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_ = h.process.Drain(ended) // what a dead process could not finish is its error
	h.fuse.mend()
	h.app = service.New("test")
	h.fuse.register(h.app)
	h.start()
}

// copies is how often the broker gets what the scenario publishes.
func (f *fuse) copies() int {
	if f == nil {
		return 1
	}
	f.published = true
	if f.redelivers {
		return 2
	}
	return 1
}

// revived is a transport to a context of the process that lives. A call that
// fails because the process has died is one that may be sent again.
type revived struct {
	h       *Harness
	context string
	as      identity.Caller
}

func (r revived) NewClientStream(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
	r.h.revive()
	stream, err := r.h.process.Client(r.context, r.as).CallClientStream(ctx, spec)
	if err != nil {
		return nil, r.lost(err)
	}
	return revivedStream{stream, r}, nil
}

func (r revived) lost(err error) error {
	if err != nil && r.h.fuse.died() {
		return connect.NewError(connect.CodeUnavailable, "the process died during the call")
	}
	return err
}

type revivedStream struct {
	connect.ClientStream
	r revived
}

func (s revivedStream) Receive(msg any) error { return s.r.lost(s.ClientStream.Receive(msg)) }

func (h *Harness) client(context string, as identity.Caller) *connect.Client {
	if h.fuse == nil {
		return h.process.Client(context, as)
	}
	return rpc.NewClient(revived{h, context, as})
}
