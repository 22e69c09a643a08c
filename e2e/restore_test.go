//go:build unix

package e2e

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/internal/pgtest"
)

// databasesFor returns a PostgreSQL database for every context.
func databasesFor(t *testing.T) map[string]string {
	t.Helper()
	urls := map[string]string{}
	for _, name := range services {
		urls[name] = pgtest.URL(t)
	}
	return urls
}

// TestRestore restores old backups of one context after the other, while the
// broker and the other contexts are ahead, and wants what docs/runbooks/restore.md
// promises.
func TestRestore(t *testing.T) {
	for _, engine := range []struct {
		name string
		urls func(*testing.T) map[string]string
	}{
		{"sqlite", func(*testing.T) map[string]string { return nil }},
		{"postgres", databasesFor},
	} {
		t.Run(engine.name, func(t *testing.T) {
			t.Parallel()
			d := deployOn(t, engine.urls(t), nil)
			k := d.campus().newClass("class", 8, 12)
			d.quiet(30 * time.Second)
			seed := seedOf(t)
			r := &restoreRun{d: d, class: k, load: &load{t: t, campus: d.campus(), class: k, clients: 4}}
			r.rest = newCommands(rand.New(rand.NewPCG(seed, 2)), fmt.Sprint(seed), 150, k)
			for _, c := range r.rest {
				c.impatient = false // so that every command is accepted
			}
			r.send(40)
			r.consumerWithoutFollowers()
			r.consumerWithFollowers()
			r.source()
		})
	}
}

// A restoreRun is one deployment and the commands that it has got.
type restoreRun struct {
	d     *deployment
	class *class
	load  *load
	sent  []*command
	rest  []*command
}

func (r *restoreRun) send(n int) []*command {
	r.d.t.Helper()
	batch := r.rest[:n]
	r.rest = r.rest[n:]
	r.load.send(batch)
	r.sent = append(r.sent, batch...)
	return batch
}

// consumerWithoutFollowers restores notification, whose events nobody
// consumes: everything is as if nothing had happened.
func (r *restoreRun) consumerWithoutFollowers() {
	r.d.t.Helper()
	restore := r.d.backup("notification")
	r.send(20)
	r.d.quiet(30 * time.Second)
	before := r.d.count("notification", "SELECT count(*) FROM notifications")
	restore()
	if now := r.d.count("notification", "SELECT count(*) FROM notifications"); now >= before {
		r.d.t.Fatalf("the backup has %d notifications of %d; the run proves nothing", now, before)
	}
	r.d.services["notification"].startReady()
	r.d.quiet(30 * time.Second)
	v := &verdict{}
	r.d.checkAttempts(v, r.sent)
	r.d.checkOrder(v)
	r.d.checkProgress(v)
	r.d.checkNotifications(v)
	r.d.checkAPI(v, r.class)
	r.report("notification", v)
}

// consumerWithFollowers restores achievement. It counts every attempt once
// again. What it had published after the backup it publishes anew, as other
// events, and each of all these events has one effect in notification.
func (r *restoreRun) consumerWithFollowers() {
	r.d.t.Helper()
	restore := r.d.backup("achievement")
	r.send(40)
	r.d.quiet(30 * time.Second)
	before := r.d.badges()
	restore()
	r.d.services["achievement"].startReady()
	r.d.quiet(30 * time.Second)
	v := &verdict{}
	r.d.checkAttempts(v, r.sent)
	r.d.checkProgress(v)
	r.d.checkEachEventOnce(v)
	r.report("achievement", v)
	after := r.d.badges()
	lost := slices.DeleteFunc(slices.Clone(before), func(id string) bool { return slices.Contains(after, id) })
	if len(lost) == 0 || len(after) != len(before) {
		r.d.t.Errorf("%d badges after the restore and %d before, of which %d are gone; want as many, and those after the backup awarded anew",
			len(after), len(before), len(lost))
	}
}

// source restores quiz, which takes commands. What its outbox had not
// published is published again, with the ids that it has; commands that were
// accepted after the backup are gone.
func (r *restoreRun) source() {
	r.d.t.Helper()
	r.d.broker.signal(syscall.SIGSTOP)
	r.send(20)
	restore := r.d.backup("quiz")
	r.d.broker.signal(syscall.SIGCONT)
	kept := len(r.sent)
	r.d.quiet(30 * time.Second)
	forgotten := r.send(10)
	r.d.quiet(30 * time.Second)
	restore()
	r.d.services["quiz"].startReady()
	r.d.quiet(30 * time.Second)

	v := &verdict{}
	r.d.checkAttempts(v, r.sent[:kept])
	r.d.checkEachEventOnce(v)
	if v.duplicates < 20 {
		v.violated("%d records were published again, want the 20 that the backup's outbox had", v.duplicates)
	}
	counted := r.d.count("achievement", "SELECT sum(quizzes_completed) FROM progress")
	if want := kept + len(forgotten); counted != want {
		v.violated("achievement has counted %d attempts, want %d: also those that quiz has forgotten", counted, want)
	}
	r.report("quiz", v)

	first := forgotten[0].attempt
	r.load.send(forgotten[:1])
	if forgotten[0].attempt == "" || forgotten[0].attempt == first {
		r.d.t.Errorf("a forgotten command that was sent again was answered with attempt %q, want another than %q", forgotten[0].attempt, first)
	}
}

func (r *restoreRun) report(context string, v *verdict) {
	r.d.t.Helper()
	r.d.t.Logf("report: %s restored: %d violations, %d duplicate publishes", context, len(v.violations), v.duplicates)
	if len(v.violations) > 0 {
		r.d.t.Errorf("%s restored: %s", context, v.report())
	}
}

func (d *deployment) badges() []string {
	d.t.Helper()
	var ids []string
	d.each("achievement", "SELECT id FROM badges", func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids
}

// checkEachEventOnce wants one effect in the consumer for each event that is
// in a topic, however often it is there.
func (d *deployment) checkEachEventOnce(v *verdict) {
	d.t.Helper()
	for _, pair := range []struct{ topic, context, query string }{
		{completedTopic, "achievement", "SELECT sum(quizzes_completed) FROM progress"},
		{"pl.achievement.badge_awarded.v1", "notification", "SELECT count(*) FROM notifications WHERE category = 'ACHIEVEMENT'"},
	} {
		seen := map[string]bool{}
		for _, r := range readTopic(d.t, d.kafka(), pair.topic) {
			id := eventID(d.t, r)
			if seen[id] {
				v.duplicates++
			}
			seen[id] = true
		}
		if effects := d.count(pair.context, pair.query); effects != len(seen) {
			v.violated("%s: %d effects of %d events of %s", pair.context, effects, len(seen), pair.topic)
		}
	}
}

// backup makes a backup of a context's database while it is used. The function
// that it returns stops the context and puts the backup in its place.
func (d *deployment) backup(context string) (restore func()) {
	d.t.Helper()
	file := filepath.Join(d.t.TempDir(), context+".backup")
	if d.urls[context] == "" {
		d.exec(context, "VACUUM INTO '"+file+"'")
		return func() {
			d.services[context].stop()
			d.restoreSQLite(context, file)
		}
	}
	d.run(pgtest.Program(d.t, "pg_dump"), "--format=custom", "--file="+file, d.urls[context])
	return func() {
		d.services[context].stop()
		d.restorePostgres(context, file)
	}
}

// stop ends the program as an orchestrator does, and waits for its end.
func (p *program) stop() {
	p.stand.t.Helper()
	run := p.now
	p.signal(syscall.SIGTERM)
	if code := run.exit(p.stand.t, 30*time.Second); code != 0 {
		p.stand.t.Errorf("%s ended with exit code %d", p.name, code)
	}
	p.kill() // forget it
}

func (d *deployment) restoreSQLite(context, file string) {
	d.t.Helper()
	if err := d.dbs[context].Close(); err != nil {
		d.t.Fatal(err)
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(d.path(context) + suffix); err != nil && !os.IsNotExist(err) {
			d.t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(d.path(context), text, 0o600)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	d.dbs[context] = d.database(context)
}

func (d *deployment) restorePostgres(context, file string) {
	d.t.Helper()
	target, err := url.Parse(d.urls[context])
	if err != nil {
		d.t.Fatal(err)
	}
	name := strings.TrimPrefix(target.Path, "/")
	admin := *target
	admin.Path = "/postgres"
	psql := pgtest.Program(d.t, "psql")
	d.run(psql, "--quiet", "--dbname="+admin.String(), "--command=DROP DATABASE "+name+" WITH (FORCE)")
	d.run(psql, "--quiet", "--dbname="+admin.String(), "--command=CREATE DATABASE "+name)
	d.run(pgtest.Program(d.t, "pg_restore"), "--exit-on-error", "--dbname="+target.String(), file)
}

func (d *deployment) run(program string, args ...string) {
	d.t.Helper()
	if out, err := exec.CommandContext(d.t.Context(), program, args...).CombinedOutput(); err != nil {
		d.t.Fatalf("%s: %v\n%s", filepath.Base(program), err, out)
	}
}
