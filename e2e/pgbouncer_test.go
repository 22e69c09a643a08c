//go:build unix

package e2e

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/internal/pgtest"
)

// TestServicesBehindPgBouncer runs all contexts through PgBouncer in
// transaction mode: migrations, commands, queries, relays and consumers, and
// a consumer that is killed in the middle.
func TestServicesBehindPgBouncer(t *testing.T) {
	t.Parallel()
	urls := map[string]string{}
	for _, name := range services {
		urls[name], _ = pgtest.PooledURL(t)
	}
	d := deployOn(t, urls, nil)
	k := d.campus().newClass("class", 8, 3)
	d.quiet(30 * time.Second)
	seed := seedOf(t)
	commands := newCommands(rand.New(rand.NewPCG(seed, 2)), fmt.Sprint(seed), 120, k)
	l := &load{t: t, campus: d.campus(), class: k, clients: 6}
	l.send(commands[:60])
	d.killService("achievement", 0)
	l.send(commands[60:])
	d.quiet(60 * time.Second)
	v := d.check(k, commands)
	t.Logf("report: %s", v)
	if len(v.violations) > 0 {
		t.Error(v.report())
	}
}
