package operate

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pulselearn/campus-hub/platform/admin"
)

// A redrive is one run of the command.
type redrive struct {
	env             Env
	conn            connection
	chosen          choice
	ids             []string
	reason          string
	rate, stopAfter string
	payload         string
	reencode        bool
	all, dry        bool

	perSecond, share float64
}

const (
	defaultRate = "100/s"
	defaultStop = "10%"
)

func (env Env) dlqRedrive() *cobra.Command {
	r := &redrive{env: env}
	cmd := &cobra.Command{
		Use:   "redrive [ID...]",
		Short: "Run letters again, carefully",
		Long: `redrive takes letters that are dead, or parked with --state parked, through their
handler again, with the same event ids and in the order of their keys. It begins
with one letter, then 10, then 100, and goes on at --rate; each stage waits for
its letters, and when more than --stop-after of them fail again, it stops.

--dry-run runs the handlers in transactions that are rolled back, and shows what
they would have changed and published.

Interrupting it is safe: what was redriven runs, the rest stays as it is, and
the same command goes on. A letter that fails again is dead again; after some
redrives it is parked. --payload replaces the payload of one letter by the JSON
in a file, in the form that show prints.`,
		Example: "  pl-gen dlq redrive achievement.OnQuizCompleted/pl.quiz.quiz_completed.v1/3/42 --dry-run\n  pl-gen dlq redrive --signature 1a2b3c4d --rate 200/s --reason INC-1234\n  pl-gen dlq redrive achievement.OnQuizCompleted/pl.quiz.quiz_completed.v1/3/42 --payload fixed.json --reason INC-1234",
		RunE: func(cmd *cobra.Command, args []string) error {
			r.ids = args
			return r.run(cmd.Context())
		},
	}
	r.chosen.flags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&r.reason, "reason", "", "why, for the audit (required)")
	flags.StringVar(&r.rate, "rate", defaultRate, "how many letters a second at most: 50/s")
	flags.StringVar(&r.stopAfter, "stop-after", defaultStop, "the share of failures in a stage that stops the run")
	flags.StringVar(&r.payload, "payload", "", "file with JSON that replaces the payload of one letter")
	flags.BoolVar(&r.reencode, "reencode", false, "with --payload: write with the consumer's schema in place of the writer's")
	flags.BoolVar(&r.all, "all", false, "choose every dead letter, in place of ids and filters")
	flags.BoolVar(&r.dry, "dry-run", false, "change nothing, and show what would happen")
	r.conn.flags(cmd)
	return cmd
}

func (r *redrive) check() (err error) {
	switch {
	case len(r.ids) > 0 && (r.all || !r.chosen.empty()):
		return usage("give ids or filters, not both")
	case len(r.ids) == 0 && !r.all && r.chosen.empty():
		return usage("say which letters: their ids, filters such as --signature, or --all")
	case r.payload != "" && (len(r.ids) != 1 || r.dry):
		return usage("--payload is for one id, and not for a dry run")
	case r.reencode && r.payload == "":
		return usage("--reencode is for --payload")
	case r.reason == "" && !r.dry:
		return usage("--reason is required: the audit keeps it")
	}
	if s := r.chosen.filter.State; s == "" {
		r.chosen.filter.State = admin.Dead
	} else if s != admin.Dead && s != admin.Parked {
		return usage("--state %q: only dead and parked letters can be redriven", s)
	}
	if r.perSecond, err = perSecond(r.rate); err != nil {
		return err
	}
	r.share, err = share(r.stopAfter)
	return err
}

func perSecond(text string) (float64, error) {
	n, err := strconv.ParseFloat(strings.TrimSuffix(text, "/s"), 64)
	if err != nil || !(n > 0 && n <= 1_000_000) {
		return 0, usage("--rate %q is not a number of letters a second such as 50/s", text)
	}
	return n, nil
}

func share(text string) (float64, error) {
	n, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	if err != nil || !(n >= 0 && n <= 100) || !strings.HasSuffix(text, "%") {
		return 0, usage("--stop-after %q is not a share such as 10%%", text)
	}
	return n / 100, nil
}

func (r *redrive) run(ctx context.Context) error {
	if err := r.check(); err != nil {
		return err
	}
	f, err := r.env.choose(ctx, &r.conn, &r.chosen)
	if err != nil {
		return err
	}
	switch {
	case r.dry:
		return r.dryRun(ctx, f)
	case r.payload != "":
		return r.replace(ctx, f)
	}
	return r.redriveAll(ctx, f)
}

// redriveAll runs a canary for each context: what is good for one says nothing
// about another.
func (r *redrive) redriveAll(ctx context.Context, f *fleet) error {
	jobs, err := r.jobs(f)
	if err != nil {
		return err
	}
	results := make(map[string]tally, len(jobs))
	var failed error
	for _, job := range jobs {
		if failed != nil {
			break
		}
		if err := r.warn(ctx, job); err != nil {
			return err
		}
		c := canary{target: job, rate: r.perSecond, stopAfter: r.share, tell: r.teller(job.context)}
		failed = c.run(ctx)
		results[job.context] = c.tally
		r.explainRefused(job)
		if failed == nil && (c.Failed > 0 || len(job.refused) > 0) {
			failed = ErrFindings
		}
	}
	r.endLine()
	if err := r.env.emit(&r.conn, results, func(w io.Writer) error { return printTallies(w, r.chosen.filter.State, jobs, results) }); err != nil {
		return err
	}
	return failed
}

func (r *redrive) explainRefused(job *job) {
	for _, id := range slices.Sorted(maps.Keys(job.refused)) {
		fmt.Fprintf(r.env.Stderr, "%s was not redriven: %s\n", id, job.refused[id])
	}
}

// also says what a run leaves out unless it is asked to.
var also = map[string]string{admin.Dead: "; --state parked takes those that are parked"}

func printTallies(w io.Writer, state string, jobs []*job, results map[string]tally) error {
	told := false
	for _, job := range jobs {
		t, ok := results[job.context]
		told = told || t.Redriven > 0 || len(job.refused) > 0
		if !ok || t.Redriven == 0 && t.Stopped == "" {
			continue
		}
		fmt.Fprintf(w, "%s: %d redriven: %d succeeded, %d failed again, %d still waiting\n", job.context, t.Redriven, t.succeeded(), t.Failed, t.Waiting)
	}
	if !told {
		fmt.Fprintf(w, "nothing was redriven: no %s letter is meant%s\n", state, also[state])
	}
	return nil
}

// warn says what a redrive under on_dead: SKIP means.
func (r *redrive) warn(ctx context.Context, job *job) error {
	consumers, err := job.client.Consumers(ctx, job.context, r.chosen.filter.Consumer)
	if err != nil {
		return err
	}
	for _, c := range consumers {
		dead := int64(0)
		for _, p := range c.Partitions {
			dead += p.Dead + p.Parked
		}
		if c.SkipDead && dead > 0 {
			fmt.Fprintf(r.env.Stderr, "%s has on_dead: SKIP: later events of the same keys were applied already, and what is redriven now comes after them\n", c.Consumer)
		}
	}
	return nil
}

// teller returns what shows the canary's progress: a line that is written over
// at a terminal, and otherwise one a stage.
func (r *redrive) teller(name string) func(tally) {
	var stage string
	var told time.Time
	return func(t tally) {
		if t.Redriven == 0 {
			return
		}
		text := fmt.Sprintf("%s: %s: %d redriven, %d succeeded, %d failed, %d waiting", name, t.Stage, t.Redriven, t.succeeded(), t.Failed, t.Waiting)
		switch {
		case r.env.Terminal:
			fmt.Fprintf(r.env.Stderr, "\r\x1b[K%s", text)
		case t.Stage != stage || time.Since(told) > 10*time.Second:
			fmt.Fprintln(r.env.Stderr, text)
			stage, told = t.Stage, time.Now()
		}
	}
}

func (r *redrive) endLine() {
	if r.env.Terminal {
		fmt.Fprintln(r.env.Stderr)
	}
}

// A job is the letters of one context that a run redrives.
type job struct {
	context string
	client  *admin.Client
	name    string
	reason  string
	ids     []string      // those that are left; nil with a filter
	filter  *admin.Filter // nil with ids
	after   string
	ended   bool
	refused map[string]string
}

func (r *redrive) jobs(f *fleet) ([]*job, error) {
	name := make([]byte, 8)
	_, _ = rand.Read(name) // never fails
	var jobs []*job
	add := func(context string, ids []string, filter *admin.Filter) {
		jobs = append(jobs, &job{context: context, client: f.members[context], name: hex.EncodeToString(name),
			reason: r.reason, ids: ids, filter: filter, refused: map[string]string{}})
	}
	if len(r.ids) > 0 {
		byContext, err := f.letters(r.ids)
		for _, context := range f.contexts() {
			if ids := byContext[context]; len(ids) > 0 {
				add(context, ids, nil)
			}
		}
		return jobs, err
	}
	contexts, err := f.chosen(r.chosen.filter)
	for _, context := range contexts {
		filter := r.chosen.filter
		filter.Context = context
		add(context, nil, &filter)
	}
	return jobs, err
}

func (j *job) redrive(ctx context.Context, limit int) (int, error) {
	total := 0
	for total < limit && !j.ended {
		request := j.request(min(limit-total, changeRows))
		answer, err := j.client.Change(ctx, "redrive", request)
		if err != nil {
			return total, err
		}
		total += answer.Changed
		j.refused = merge(j.refused, answer.Refused)
		j.advance(len(request.IDs), answer.After)
	}
	return total, nil
}

func (j *job) request(limit int) admin.Change {
	request := admin.Change{Reason: j.reason, Job: j.name, Limit: limit, Filter: j.filter, After: j.after}
	if j.filter == nil {
		request.IDs, request.Limit = j.ids[:min(limit, len(j.ids))], 0
	}
	return request
}

func (j *job) advance(ids int, after string) {
	if j.filter != nil {
		j.after, j.ended = after, after == ""
		return
	}
	j.ids = j.ids[ids:]
	j.ended = len(j.ids) == 0
}

func (j *job) progress(ctx context.Context) (admin.Progress, error) {
	return j.client.Progress(ctx, j.context, j.name)
}

// replace redrives one letter with another payload.
func (r *redrive) replace(ctx context.Context, f *fleet) error {
	text, err := os.ReadFile(r.payload)
	if err != nil {
		return fmt.Errorf("read the payload: %w", err)
	}
	if !json.Valid(text) {
		return usage("--payload: %s is not JSON", r.payload)
	}
	jobs, err := r.jobs(f)
	if err != nil {
		return err
	}
	answer, err := jobs[0].client.Change(ctx, "redrive", admin.Change{
		IDs: r.ids, Reason: r.reason, Job: jobs[0].name, Payload: text, Reencode: r.reencode})
	if err != nil {
		return err
	}
	jobs[0].ids, jobs[0].ended = nil, true
	if err := r.env.report(&r.conn, "redrive", answer); err != nil {
		return err
	}
	if len(answer.Refused) > 0 {
		return ErrFindings
	}
	c := canary{target: jobs[0], stopAfter: r.share, tell: r.teller(jobs[0].context), tally: tally{Stage: "replaced payload", Redriven: 1}}
	defer r.endLine()
	return c.settle(ctx, 0, 0)
}
