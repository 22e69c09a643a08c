//go:build unix

package chaos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/e2e/faults"
	pgserver "github.com/pulselearn/campus-hub/e2e/postgres"
	"github.com/pulselearn/campus-hub/internal/loopback"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/database/postgres"
)

// groups are the contexts of each service process.
var groups = map[string]string{
	"study":  "userprofile course quiz",
	"reward": "achievement notification",
	"money":  "payment enrollment billing",
}

// A world is everything that runs: the services, and what they run on. Its
// methods are called by the test's own goroutine.
type world struct {
	*testing.T
	dir      string
	binary   string // of the victims
	broker   broker
	postgres *pgserver.Server
	refusals int                      // of the database, for want of space, that were seen
	victims  map[string]*process      // the services, "registry", and the embedded "broker", which has a registry
	proxies  map[string]*faults.Proxy // in front of the database and of each server of a broker
	dbs      map[string]*database.DB  // what the test itself looks at, past the proxies
}

// newWorld starts everything.
func newWorld(t *testing.T, r run) *world {
	t.Helper()
	w := &world{T: t, dir: t.TempDir(), binary: r.binary, victims: map[string]*process{}, proxies: map[string]*faults.Proxy{}, dbs: map[string]*database.DB{}}
	w.startBroker(r)
	w.postgres = pgserver.Start(t, cmp.Or(r.data, t.TempDir()))
	urls := w.databases()
	for group := range groups {
		w.victims[group] = w.service(group, group, urls)
	}
	w.interconnect()
	for group := range groups {
		w.victims[group].start()
	}
	for group := range groups {
		w.victims[group].ready()
	}
	w.broker.connect(w)
	return w
}

func (w *world) proxy(name, upstream string) (addr string) {
	p, err := faults.NewProxy(upstream)
	w.must("proxy", err)
	w.Cleanup(p.Close)
	w.proxies[name] = p
	return p.Addr()
}

func (w *world) registry() string {
	for _, name := range []string{"broker", "registry"} {
		if p := w.victims[name]; p != nil {
			return strings.TrimSuffix(p.healthy, "/subjects")
		}
	}
	return ""
}

// databases makes a database for each context and returns their settings. The
// services reach them through a proxy.
func (w *world) databases() []string {
	var settings []string
	for _, d := range everything().Definitions() {
		direct := w.postgres.URL(w.T)
		parsed, err := url.Parse(direct)
		w.must("database's URL", err)
		if w.proxies["database"] == nil {
			w.proxy("database", parsed.Host)
		}
		parsed.Host = w.proxies["database"].Addr()
		settings = append(settings, "PL_DATABASE_URL_"+strings.ToUpper(d.Context)+"="+parsed.String())
		db, err := postgres.Open(w.Context(), direct)
		w.must("open the database of "+d.Context, err)
		w.Cleanup(func() { _ = db.Close() })
		w.must("table of effects", db.InTx(w.Context(), func(u *database.Unit) error {
			_, err := u.ExecContext(w.Context(), effectTable[db.Dialect()])
			return err
		}))
		w.dbs[d.Context] = db
	}
	return settings
}

// service describes one process of a group of contexts.
func (w *world) service(name, group string, databases []string) *process {
	p := w.process(name, "")
	p.addr = free(w.T)
	p.healthy = "http://" + p.addr + "/readyz"
	p.set("PL_HTTP_ADDR="+p.addr, "PL_ADMIN_ADDR=off", "PL_DATA_DIR="+filepath.Join(w.dir, name),
		"PL_REGISTRY_URL="+w.registry(), "PL_PROVISION=true",
		"PL_LOG_LEVEL=info", envContexts+"="+groups[group], envOutage+"="+w.outage())
	p.set(w.broker.settings()...)
	for _, s := range databases {
		context, _, _ := strings.Cut(strings.TrimPrefix(s, "PL_DATABASE_URL_"), "=")
		if strings.Contains(groups[group], strings.ToLower(context)) {
			p.set(s)
		}
	}
	p.set("PL_OIDC_ISSUER="+issuer().URL, "PL_SERVICE_SECRET="+serviceSecret, "PL_RATE_LIMIT=0")
	return p
}

// interconnect tells every service where the contexts of the others are.
func (w *world) interconnect() {
	for group := range groups {
		for other, contexts := range groups {
			for name := range strings.FieldsSeq(contexts) {
				if other != group {
					w.victims[group].set("PL_CALLS_" + strings.ToUpper(name) + "=http://" + w.victims[other].addr)
				}
			}
		}
	}
}

// outage is the file that says that what handlers depend on is down.
func (w *world) outage() string { return filepath.Join(w.dir, "outage") }

// url is where a context is served.
func (w *world) url(context string) string {
	for group, contexts := range groups {
		if strings.Contains(" "+contexts+" ", " "+context+" ") {
			return "http://" + w.victims[group].addr
		}
	}
	return ""
}

func (w *world) must(what string, err error) {
	w.Helper()
	if err != nil {
		w.Fatalf("%s: %v", what, err)
	}
}

// A process is a victim: a program that is started, killed and started again.
type process struct {
	w       *world
	name    string
	args    []string
	env     []string
	addr    string // where a service serves calls
	healthy string // a URL that answers when the process can do its work
	running *faults.Process
	paused  bool
}

func (w *world) process(name string, args ...string) *process {
	p := &process{w: w, name: name}
	if args[0] != "" {
		p.args = args
	}
	p.set(envContexts+"=quiz", "PL_HTTP_ADDR="+free(w.T), "PL_ADMIN_ADDR=off")
	w.victims[name] = p
	w.Cleanup(func() {
		p.kill()
		if w.Failed() {
			w.Logf("the end of %s's log:\n%s", name, p.tail())
		}
	})
	return p
}

// set sets variables, KEY=value; later ones count.
func (p *process) set(env ...string) { p.env = append(p.env, env...) }

func (p *process) logFile() string { return filepath.Join(p.w.dir, p.name+".log") }

func (p *process) tail() string {
	text, _ := os.ReadFile(p.logFile())
	return string(text[max(0, len(text)-4000):])
}

func (p *process) start() {
	p.w.Helper()
	log, err := os.OpenFile(p.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	p.w.must("log of "+p.name, err)
	defer log.Close()
	cmd := exec.Command(p.w.binary, p.args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.w.dir, log, log
	cmd.Env = append(os.Environ(), p.env...)
	if p.running, err = faults.RunWithClock(cmd); errors.Is(err, faults.ErrNoClock) && os.Getenv("CI") != "true" {
		cmd = exec.Command(p.w.binary, p.args...)
		cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.Env = p.w.dir, log, log, append(os.Environ(), p.env...)
		p.running, err = faults.Run(cmd)
	}
	p.w.must("start "+p.name, err)
}

// ready waits until the process can do its work.
func (p *process) ready() {
	p.w.Helper()
	p.w.await(func() error { return answers(p.w.Context(), p.healthy) })
}

func answers(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, res.Status)
	}
	return nil
}

// kill ends the process as kill -9 does.
func (p *process) kill() {
	if p.running != nil {
		_ = p.running.Kill()
		p.running, p.paused = nil, false
	}
}

// ended reports whether the process is not running, because it was killed or
// because it gave up.
func (p *process) ended() bool {
	if p.running == nil {
		return true
	}
	select {
	case <-p.running.Ended():
		return true
	default:
		return false
	}
}

// await polls check until it returns nil.
func (w *world) await(check func() error) {
	w.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			w.Fatalf("not within %s: %v", patience, err)
		}
		<-time.After(50 * time.Millisecond)
	}
}

func free(t *testing.T) string {
	t.Helper()
	addr, err := loopback.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}
