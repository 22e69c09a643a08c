//go:build unix

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/pulselearn/campus-hub/e2e/kafka"
	"github.com/pulselearn/campus-hub/gen/proto/pl/quiz/v1/quizv1connect"
	"github.com/pulselearn/campus-hub/internal/pgtest"
	"github.com/pulselearn/campus-hub/platform/schema"
)

// TestRollingDeploy runs the old and the next version of quiz and achievement
// side by side on the same databases, under load: the next ones join, the old
// ones leave, and then all of it backwards. The next version has another field
// in an event, another column, and another migration of the platform.
func TestRollingDeploy(t *testing.T) {
	t.Parallel()
	rollOut(t, "")
}

// TestRollingDeployOnKafka is TestRollingDeploy on the real Apache Kafka. It
// runs alone: a starting Java takes the time that other tests measure.
func TestRollingDeployOnKafka(t *testing.T) { rollOut(t, kafka.Start(t).Addr()) }

const (
	// rollingStep is the longest that a step of a roll-out may take. A group on
	// Kafka takes seconds to share out its partitions, and a busy machine more.
	rollingStep = 3 * time.Minute
	// rollingLoad is more commands than are sent in that time, so that there is
	// always work for those who join.
	rollingLoad = 20_000
)

// rollOut is the test, on the Kafka at an address, or on the embedded one.
func rollOut(t *testing.T, broker string) {
	t.Helper()
	urls := map[string]string{"quiz": pgtest.URL(t), "achievement": pgtest.URL(t)}
	d := deployBeside(t, broker, urls, nil)
	k := d.campus().newClass("class", 10, 4)
	d.quiet(rollingStep)

	r := &rollout{d: d, balancer: &balancer{}}
	next := buildNext(t)
	for _, name := range []string{"quiz", "achievement"} {
		p := d.service(name+"-next", name, filepath.Join(next, name))
		p.set("PL_CALLS_USERPROFILE=" + d.services["userprofile"].url())
		r.next = append(r.next, p)
		r.old = append(r.old, d.services[name])
	}
	r.balancer.use(r.old[0])
	seed := seedOf(t)
	commands := newCommands(rand.New(rand.NewPCG(seed, 2)), fmt.Sprint(seed), rollingLoad, k)
	r.load = &load{t: t, campus: r.balancer.campus(d), class: k, clients: 6, every: 20 * time.Millisecond}
	stop, sent := make(chan struct{}), make(chan int)
	go func() { sent <- r.sendUntil(stop, commands) }()

	r.more(40)
	r.join(r.next, r.old)
	r.more(80)
	r.leave(r.old, r.next)
	r.more(40)
	r.join(r.old, r.next) // the roll-back: old binaries on the next version's tables
	r.more(80)
	r.leave(r.next, r.old)
	r.more(20)
	close(stop)
	commands = commands[:<-sent]
	d.quiet(rollingStep)

	v := d.check(k, commands)
	t.Logf("report: %s", v)
	if len(v.violations) > 0 {
		t.Error(v.report())
	}
	r.checkBothWorked()
}

// A rollout is two versions of the programs quiz and achievement, in this
// order, under load.
type rollout struct {
	d         *deployment
	old, next []*program
	balancer  *balancer
	load      *load
}

// sendUntil sends commands until stop is closed, and returns how many.
func (r *rollout) sendUntil(stop <-chan struct{}, commands []*command) int {
	const some = 12
	for n := 0; n+some <= len(commands); n += some {
		select {
		case <-stop:
			return n
		default:
			r.load.send(commands[n : n+some])
		}
	}
	return len(commands)
}

// more waits until some more commands are done.
func (r *rollout) more(n int64) {
	r.d.t.Helper()
	from := r.load.done.Load()
	await(r.d.t, rollingStep, func() error {
		if done := r.load.done.Load() - from; done < n {
			return fmt.Errorf("%d of %d commands are done", done, n)
		}
		return nil
	})
}

// join starts programs beside others, lets all of them take commands, and
// waits until the consumer among the new ones has got work.
func (r *rollout) join(fresh, others []*program) {
	r.d.t.Helper()
	for _, p := range fresh {
		working := p.log.next(`"msg":"handling"`)
		p.startReady()
		if strings.HasPrefix(p.name, "quiz") {
			r.balancer.use(append(others[:1:1], p)...)
			continue
		}
		select {
		case <-working:
		case <-time.After(rollingStep):
			r.d.t.Fatalf("%s got no partition within %s", p.name, rollingStep)
		}
	}
}

// leave sends the programs no more commands, and ends them.
func (r *rollout) leave(leaving, staying []*program) {
	r.d.t.Helper()
	r.balancer.use(staying[0])
	for _, p := range leaving {
		p.stop()
	}
}

// checkBothWorked wants every version to have published, and to have consumed
// what the other published.
func (r *rollout) checkBothWorked() {
	r.d.t.Helper()
	writer := map[string]int{} // the schema's id by place in the topic
	ids := map[int]bool{}
	for _, record := range readTopic(r.d.t, r.d.kafka(), completedTopic) {
		frame, _, err := schema.ParseFrame(record.Value)
		if err != nil {
			r.d.t.Fatal(err)
		}
		ids[frame.ID] = true
		writer[fmt.Sprint(record.Partition, " ", record.Offset)] = frame.ID
	}
	if len(ids) != 2 {
		r.d.t.Errorf("records were written with schemas %v, want those of two versions", ids)
	}
	for _, p := range []*program{r.old[1], r.next[1]} {
		read := map[int]int{}
		for _, records := range p.log.records("handling") {
			for _, h := range records {
				if id, ok := writer[fmt.Sprint(h.Partition, " ", h.Offset)]; ok && h.Topic == completedTopic {
					read[id]++
				}
			}
		}
		r.d.t.Logf("report: %s has read %v records by schema id", p.name, read)
		if len(read) != 2 {
			r.d.t.Errorf("%s has read records of schemas %v, want both versions'", p.name, read)
		}
	}
}

// A balancer sends requests to programs in turn, and those that cannot
// connect fail, as behind a real one.
type balancer struct {
	targets atomic.Pointer[[]string]
	n       atomic.Uint64
}

// use names the programs that get requests.
func (b *balancer) use(all ...*program) {
	var addrs []string
	for _, p := range all {
		addrs = append(addrs, p.addr)
	}
	b.targets.Store(&addrs)
}

// RoundTrip implements http.RoundTripper.
func (b *balancer) RoundTrip(req *http.Request) (*http.Response, error) {
	targets := *b.targets.Load()
	req = req.Clone(req.Context())
	req.URL.Host = targets[b.n.Add(1)%uint64(len(targets))]
	return http.DefaultTransport.RoundTrip(req)
}

func (b *balancer) campus(d *deployment) *campus {
	c := d.campus()
	c.quizzes = quizv1connect.NewQuizServiceClient(connect.NewClient(
		connecthttp.NewTransport(&http.Client{Transport: b, Timeout: 15 * time.Second}, "http://quiz"), issuer.As(teacher)))
	return c
}

// buildNext builds the next version of quiz and achievement from a copy of
// the contracts and what is generated from them, and returns their directory.
func buildNext(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	tree := t.TempDir()
	for _, name := range []string{"contracts", "gen", "services"} {
		if err := os.CopyFS(filepath.Join(tree, name), os.DirFS(filepath.Join(root, name))); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"go.mod", "go.sum", "buf.yaml", "buf.gen.yaml", "tools/tools.mod", "tools/tools.sum"} {
		copyFile(t, filepath.Join(root, name), filepath.Join(tree, name))
	}
	replace(t, filepath.Join(tree, "contracts/avro/quiz/v1/quiz_completed.avsc"), `"doc": "When the quiz was submitted." }`,
		`"doc": "When the quiz was submitted." },
    { "name": "device", "type": ["null", "string"], "default": null, "doc": "What the student used." }`)
	replace(t, filepath.Join(tree, "services/quiz/submit_quiz.go"), "AttemptID:      a.ID,", "AttemptID:      a.ID,\n\t\tDevice:         new(\"phone\"),")
	expect(t, runPlGen(t, 0, tree, "generate"), "update gen/event/quiz/v1/quiz_completed.codec.go")
	addMigration(t, root, tree, "services/quiz/migrations/postgres", "ALTER TABLE attempts ADD COLUMN device text NOT NULL DEFAULT 'phone';\n")
	addMigration(t, root, tree, "platform/database/postgres/migrations",
		"CREATE TABLE pl_next (id bigint NOT NULL PRIMARY KEY);\nALTER TABLE pl_outbox ADD COLUMN next text NOT NULL DEFAULT '';\n")
	return buildOver(t, root, tree, "quiz", "achievement")
}

// addMigration lays a migration with the next number over those of a directory.
func addMigration(t *testing.T, root, tree, dir, text string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, dir, "*.sql"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no migrations in %s: %v", dir, err)
	}
	writeText(t, filepath.Join(tree, dir, fmt.Sprintf("%04d_next.sql", len(files)+1)), text)
}

// buildOver builds programs of the repository at root with the files of tree
// laid over it.
func buildOver(t *testing.T, root, tree string, names ...string) string {
	t.Helper()
	over := map[string]string{}
	err := filepath.WalkDir(tree, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		rel, err := filepath.Rel(tree, path)
		if err != nil {
			return err
		}
		if !sameText(path, filepath.Join(root, rel)) {
			over[filepath.Join(root, rel)] = path
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]any{"Replace": over})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(tree, "overlay.json")
	writeText(t, overlay, string(text))
	args := []string{"build", "-overlay", overlay, "-o", filepath.Join(tree, "bin") + "/"}
	for _, name := range names {
		args = append(args, "../gen/cmd/"+name)
	}
	if err := os.Mkdir(filepath.Join(tree, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return filepath.Join(tree, "bin")
}

func sameText(a, b string) bool {
	x, err1 := os.ReadFile(a)
	y, err2 := os.ReadFile(b)
	return errors.Join(err1, err2) == nil && string(x) == string(y)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	writeText(t, to, string(text))
}

func writeText(t *testing.T, path, text string) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// replace replaces the one place of old in a file.
func replace(t *testing.T, path, old, text string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(regexp.MustCompile(regexp.QuoteMeta(old)).FindAll(content, -1)); n != 1 {
		t.Fatalf("%s has %q %d times, want once", path, old, n)
	}
	writeText(t, path, strings.Replace(string(content), old, text, 1))
}
