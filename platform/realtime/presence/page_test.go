package presence_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/realtime/presence"
)

// An instance is one process.
type instance struct {
	*presence.Roll
	kill context.CancelFunc
}

// start runs an instance until it is killed or the test ends.
func start(t *testing.T, conn driver.Conn) *instance {
	t.Helper()
	r, err := presence.New(presence.Config{
		Conn: conn, Logger: slog.New(slog.DiscardHandler), Frame: func(text []byte) []byte { return text },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, kill := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { r.Run(ctx) })
	stop := func() { kill(); running.Wait() }
	t.Cleanup(stop)
	return &instance{r, stop}
}

// A page keeps the list as a client does.
type page struct {
	mu      sync.Mutex
	heard   []heard
	count   int
	members map[string]bool
}

type heard struct {
	Channel               string
	Count                 int
	Members, Joined, Left []string
}

func (p *page) Tell(frame []byte) {
	var m heard
	if err := json.Unmarshal(frame, &m); err != nil {
		panic(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = append(p.heard, m)
	p.count = m.Count
	if m.Members != nil || len(m.Joined)+len(m.Left) == 0 {
		p.members = map[string]bool{}
	}
	for _, name := range slices.Concat(m.Members, m.Joined) {
		p.members[name] = true
	}
	for _, name := range m.Left {
		delete(p.members, name)
	}
}

// messages returns what came since the last call.
func (p *page) messages() []heard {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.heard
	p.heard = nil
	return all
}

// shows fails unless the page lists exactly these.
func (p *page) shows(t *testing.T, names ...string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []string
	for name := range p.members {
		list = append(list, name)
	}
	slices.Sort(list)
	if !slices.Equal(list, names) || p.count != len(names) {
		t.Errorf("the page shows %v and counts %d; want %v", list, p.count, names)
	}
}

// watch opens a page of somebody who listens.
func (i *instance) watch(person string) *page {
	p := &page{}
	i.Join(math, person)
	i.Watch(math, p)
	return p
}

func pass(d time.Duration) {
	time.Sleep(d) // of the bubble's clock
	synctest.Wait()
}
