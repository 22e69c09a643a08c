//go:build unix

package e2e

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/outbox"
)

// TestHubGoesOnAfterItsEnd kills the hub with its embedded broker and registry
// under load, ends it cleanly, and wants it to go on where it was.
func TestHubGoesOnAfterItsEnd(t *testing.T) {
	t.Parallel()
	seed := seedOf(t)
	random := rand.New(rand.NewPCG(seed, 2))
	d := deployHub(t)
	hub := d.broker
	c := d.campus()
	k := c.newClass("class", 10, 5)
	commands := newCommands(random, fmt.Sprint(seed), 300, k)
	l := &load{t: t, campus: c, class: k, clients: 4, every: 20 * time.Millisecond}

	sent := make(chan struct{})
	go func() {
		defer close(sent)
		l.send(commands[:200])
	}()
	for range 4 {
		at := int64(10 + random.IntN(35))
		from := l.done.Load()
		await(t, 60*time.Second, func() error {
			if n := l.done.Load() - from; n < at {
				return fmt.Errorf("%d commands are done", n)
			}
			return nil
		})
		hub.kill()
		hub.startReady()
	}
	<-sent

	hub.signal(syscall.SIGTERM)
	if code := hub.now.exit(t, 20*time.Second); code != 0 {
		t.Errorf("SIGTERM ended the hub with exit code %d", code)
	}
	for _, name := range services {
		if left, err := outbox.Unpublished(t.Context(), d.dbs[name]); err != nil || left > 0 {
			t.Errorf("%s drained with %d events in its outbox, %v", name, left, err)
		}
	}
	hub.startReady()
	l.send(commands[200:])
	d.quiet(60 * time.Second)
	v := d.check(k, commands)
	t.Logf("report: %s", v)
	if len(v.violations) > 0 {
		t.Error(v.report())
	}
	if v.resent == 0 {
		t.Errorf("no client had to come back; the run proves nothing: %s", v)
	}
}
