//go:build unix

package typescript

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	achievementv1event "github.com/pulselearn/campus-hub/gen/event/achievement/v1"
	quizv1event "github.com/pulselearn/campus-hub/gen/event/quiz/v1"
	"github.com/pulselearn/campus-hub/internal/pgtest"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

const (
	groupStudents = 40
	groupEach     = 50 // quizzes a student: 2,000 in all
	groupBatch    = 100
	groupAhead    = 200 // how many quizzes are published ahead of what runs
	poisoned      = 4   // students with a quiz that never works
)

// TestGroup runs three processes of a service in TypeScript as one group, and
// lets one be killed, one be ended and one be frozen while events of Go's
// arrive. Each event has its effects once, in the order of its key.
func TestGroup(t *testing.T) {
	t.Parallel()
	Build(t)
	for name, start := range map[string]func(t *testing.T) broker{"Kafka": onKafka, "NATS": onNATS} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "Kafka" {
				needKcat(t)
			}
			g := newGroup(t, start(t))
			g.waitThroughRestarts()
			g.surviveFaults()
			g.check()
		})
	}
}

// A group is the processes, and what they have said.
type group struct {
	t       *testing.T
	broker  broker
	schema  int // id of the quizzes' schema
	db      *sql.DB
	said    chan said
	workers []*worker
	ran     map[string]bool // quizzes that a handler has begun
	owner   map[int]int     // who ran the last quiz of a partition
	want    map[string][]int
	dead    []*driver.Record
	extra   int // batches that were published for somebody to have work
}

func newGroup(t *testing.T, b broker) *group {
	quiz, badge := quizv1event.QuizCompletedType, achievementv1event.BadgeAwardedType
	url, address := serveRegistry(t), pgtest.URL(t)
	ensure(t, b.conn, quiz, badge)
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	g := &group{
		t: t, broker: b, db: db, schema: register(t, url, quiz), said: make(chan said, 1<<16),
		ran: map[string]bool{}, owner: map[int]int{}, want: map[string][]int{},
	}
	g.exec("CREATE TABLE effects (seq bigserial PRIMARY KEY, consumer text, student text, id text, n integer, place text)")
	g.exec("CREATE TABLE released (yes boolean)")
	env := []string{"PL_BROKER=" + b.kind, "PL_ADDR=" + b.addr, "PL_REGISTRY_URL=" + url, "PL_DATABASE_URL=" + address}
	for i := range 3 {
		g.workers = append(g.workers, &worker{t: t, number: i, env: env, said: g.said})
	}
	t.Cleanup(g.logs)
	return g
}

func (g *group) logs() {
	if !g.t.Failed() {
		return
	}
	for _, w := range g.workers {
		g.t.Logf("worker %d said at last:\n%s", w.number, w.errors.tail(30))
	}
}

func (g *group) exec(statement string) {
	g.t.Helper()
	if _, err := g.db.ExecContext(g.t.Context(), statement); err != nil {
		g.t.Fatal(err)
	}
}

// publish publishes one quiz. Its effects are wanted unless it is poison.
func (g *group) publish(student, title string, n int) *driver.Record {
	_, r := completed(g.t, g.schema, student, title, n)
	if title == "poison" {
		g.dead = append(g.dead, r)
	} else {
		g.want[student] = append(g.want[student], n)
	}
	return r
}

func (g *group) send(records []*driver.Record) {
	g.t.Helper()
	if err := g.broker.conn.Publish(g.t.Context(), records); err != nil {
		g.t.Fatal(err)
	}
}

// hear takes in what workers say until one says what is waited for.
func (g *group) hear(what string, is func(said) bool) said {
	g.t.Helper()
	late := time.NewTimer(60 * time.Second)
	defer late.Stop()
	for {
		select {
		case s := <-g.said:
			if g.note(s); is(s) {
				return s
			}
		case <-late.C:
			g.t.Fatalf("within a minute no worker was heard of: %s; %d quizzes have run", what, len(g.ran))
		}
	}
}

// waitThroughRestarts lets one event wait for its retry, for a minute, while
// its only reader is ended and then killed. The events of other keys are done,
// and their positions are written; the one that waits and its successors are
// neither passed nor done twice.
func (g *group) waitThroughRestarts() {
	w := g.workers[0]
	w.start()
	g.hear("ready", func(s said) bool { return s.what == "ready" })
	records := []*driver.Record{g.publish("late", "waits", 0)}
	for n := range 3 {
		records = append(records, g.publish("late", "quiz", n+1), g.publish(fmt.Sprintf("other %d", n), "quiz", n))
	}
	g.send(records)
	waits := func(s said) bool { return s.title == "waits" }
	g.hear("the event that waits", waits)
	g.await("the other keys' effects", 6)
	w.terminate() // which writes the positions
	w.start()
	g.hear("the event that waits, again", waits)
	w.kill()
	g.exec("INSERT INTO released VALUES (true)")
	w.start()
	g.hear("the event that waits, at last", waits)
	g.await("all effects", 2*len(records))
}

// await returns when there are that many effects.
func (g *group) await(what string, want int) {
	g.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(60 * time.Second)
	defer late.Stop()
	for have := -1; have < want; {
		select {
		case <-tick.C:
		case <-late.C:
			g.t.Fatalf("%s: after a minute there are %d of %d", what, have, want)
		}
		have = g.count("SELECT count(*) FROM effects")
	}
}

func (g *group) count(query string, args ...any) (n int) {
	g.t.Helper()
	if err := g.db.QueryRowContext(g.t.Context(), query, args...).Scan(&n); err != nil {
		g.t.Fatal(err)
	}
	return n
}

// surviveFaults publishes the quizzes and does harm in the middle of them.
func (g *group) surviveFaults() {
	g.workers[1].start()
	g.workers[2].start()
	before := len(g.ran)
	var all []*driver.Record
	for n := range groupEach {
		for student := range groupStudents {
			title := "quiz"
			if n%10 == 5 {
				title = "stumble"
			}
			if n == 24 && student < poisoned {
				title = "poison"
			}
			all = append(all, g.publish(fmt.Sprintf("student %d", student), title, n))
		}
	}
	harm := map[int]func(){5: g.killOne, 10: g.endOne, 14: g.freezeOne}
	for batch := 0; len(all) > 0; batch++ {
		g.send(all[:groupBatch])
		all = all[groupBatch:]
		published := (batch + 1) * groupBatch
		g.hear("a quiz that was published", func(said) bool { return len(g.ran)-before >= published-groupAhead })
		if do := harm[batch]; do != nil {
			do()
		}
	}
	want := 0
	for _, numbers := range g.want {
		want += 2 * len(numbers)
	}
	g.await("all effects", want)
	for _, w := range g.workers {
		w.terminate()
	}
}

// by returns when a worker runs something. It has work for it as long as that
// takes: the worker may have to wait for its partitions.
func (g *group) by(w *worker) {
	g.t.Helper()
	g.some("worker "+strconv.Itoa(w.number)+" at work", func(s said) bool { return s.worker == w.number && s.what == "run" })
}

// some publishes a quiz a student every second until a worker says what is
// waited for.
func (g *group) some(what string, is func(said) bool) {
	g.t.Helper()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for range 60 {
		g.extra++
		var records []*driver.Record
		for student := range groupStudents {
			records = append(records, g.publish(fmt.Sprintf("extra %d %d", g.extra, student), "quiz", 0))
		}
		g.send(records)
		for waiting := true; waiting; {
			select {
			case s := <-g.said:
				if g.note(s); is(s) {
					return
				}
			case <-tick.C:
				waiting = false
			}
		}
	}
	g.t.Fatalf("within a minute no worker was heard of: %s", what)
}

// note keeps what a worker said.
func (g *group) note(s said) {
	if s.consumer == "quiz" {
		g.ran[s.id] = true
		g.owner[s.partition] = s.worker
	}
}

// killOne kills a worker in the middle of a handler.
func (g *group) killOne() {
	w := g.workers[0]
	g.by(w)
	w.kill()
	w.start()
}

// endOne ends a worker as a deployment does.
func (g *group) endOne() {
	w := g.workers[1]
	g.by(w)
	w.terminate()
	g.hear("closed", func(s said) bool { return s.worker == w.number && s.what == "closed" })
	w.start()
}

// freezeOne stops a worker in the middle of a handler until another one works
// in its place: then it goes on with what it took for its own.
func (g *group) freezeOne() {
	w := g.workers[2]
	g.by(w)
	if err := w.now.Pause(); err != nil {
		g.t.Fatal(err)
	}
	had := map[int]bool{}
	for partition, owner := range g.owner {
		had[partition] = owner == w.number
	}
	g.some("somebody in its place", func(s said) bool { return s.consumer == "quiz" && s.worker != w.number && had[s.partition] })
	if err := w.now.Resume(); err != nil {
		g.t.Fatal(err)
	}
}

// check reads the effects in the order in which they were made.
func (g *group) check() {
	type key struct{ consumer, student string }
	got := map[key][]int{}
	rows, err := g.db.QueryContext(g.t.Context(), "SELECT consumer, student, n FROM effects ORDER BY seq")
	if err != nil {
		g.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var k key
		var n int
		if err := rows.Scan(&k.consumer, &k.student, &n); err != nil {
			g.t.Fatal(err)
		}
		got[k] = append(got[k], n)
	}
	if err := rows.Err(); err != nil {
		g.t.Fatal(err)
	}
	for student, want := range g.want {
		for _, consumer := range []string{"quiz", "badge"} {
			if have := got[key{consumer, student}]; !slices.Equal(have, want) {
				g.t.Errorf("%s of %s: effects %v, want %v", consumer, student, have, want)
			}
		}
	}
	g.checkDead()
}

// checkDead: each poison is one dead letter, which was tried as often as was
// said, as far as one process knows.
func (g *group) checkDead() {
	if n := g.count("SELECT count(*) FROM pl_outbox WHERE topic = $1", letters); n != len(g.dead) {
		g.t.Errorf("%d dead letters were written, want %d", n, len(g.dead))
	}
	if n := g.count("SELECT count(*) FROM pl_outbox WHERE published_at IS NULL"); n != 0 {
		g.t.Errorf("%d events are still in the outbox", n)
	}
	found := collect(g.t, g.broker.conn, map[string]int{letters: len(g.dead)})[letters]
	for _, dead := range g.dead {
		if !slices.ContainsFunc(found, func(r *driver.Record) bool { return bytes.Equal(r.Value, dead.Value) && bytes.Equal(r.Key, dead.Key) }) {
			g.t.Errorf("there is no dead letter of %q", dead.Key)
		}
	}
	if g.broker.kind == "kafka" {
		g.checkKcat()
	}
}

// needKcat ends a test that cannot look at a topic as people do.
func needKcat(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("kcat"); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("kcat is not installed: apt-get install kcat")
	}
	t.Skip("GROUPS ON KAFKA ARE NOT TESTED: kcat is not installed: apt-get install kcat")
}

// checkKcat reads the dead letters with a tool of other people's.
func (g *group) checkKcat() {
	args := []string{"-b", g.broker.addr, "-C", "-t", letters, "-o", "beginning", "-e", "-q", "-f", "%k %h\n"}
	out, err := exec.CommandContext(g.t.Context(), "kcat", args...).Output()
	if err != nil {
		g.t.Fatalf("kcat: %v", err)
	}
	for _, dead := range g.dead {
		told := false
		for line := range strings.Lines(string(out)) {
			told = told || strings.HasPrefix(line, string(dead.Key)+" ") && strings.Contains(line, "ce_id=") &&
				strings.Contains(line, "pl-consumer=achievement.OnQuizCompleted") && strings.Contains(line, "pl-cause=never")
		}
		if !told {
			g.t.Errorf("kcat shows no dead letter of %q with its headers: %s", dead.Key, out)
		}
	}
}
