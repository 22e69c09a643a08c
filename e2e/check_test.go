//go:build unix

package e2e

import (
	"database/sql"
	"fmt"
	"strings"
	"time"

	quizv1event "github.com/pulselearn/campus-hub/gen/event/quiz/v1"
	"github.com/pulselearn/campus-hub/platform/schema"
)

// A verdict is what the checker found after a run.
type verdict struct {
	violations   []string
	accepted     int // commands that were answered
	unanswered   int // commands that were not
	tookEffect   int // of those, commands that took effect
	resent       int // commands that were sent more than once
	duplicates   int // records in topics whose event had been published before
	redeliveries int // records that more than one run of a service handled
}

func (v *verdict) violated(format string, args ...any) {
	v.violations = append(v.violations, fmt.Sprintf(format, args...))
}

func (v *verdict) String() string {
	return fmt.Sprintf("%d commands accepted (%d of them sent again), %d unanswered (%d of them took effect); "+
		"%d duplicate publishes, %d redeliveries; %d violations",
		v.accepted, v.resent, v.unanswered, v.tookEffect, v.duplicates, v.redeliveries, len(v.violations))
}

// check holds what the clients know against what the services have: every
// accepted command has exactly one effect in each consumer, an unanswered one
// at most one.
func (d *deployment) check(k *class, commands []*command) *verdict {
	d.t.Helper()
	v := &verdict{}
	d.checkAttempts(v, commands)
	d.checkEvents(v)
	d.checkOrder(v)
	d.checkProgress(v)
	d.checkNotifications(v)
	d.checkAPI(v, k)
	v.redeliveries = d.redeliveries()
	return v
}

// checkAttempts compares commands and the attempts that they made.
func (d *deployment) checkAttempts(v *verdict, commands []*command) {
	byStart := map[int64][]string{}
	d.each("quiz", "SELECT id, started_at FROM attempts", func(rows *sql.Rows) error {
		var id string
		var at time.Time
		err := rows.Scan(&id, &at)
		byStart[at.UnixMilli()] = append(byStart[at.UnixMilli()], id)
		return err
	})
	known := 0
	for _, c := range commands {
		ids := byStart[c.startedAt.UnixMilli()]
		known += len(ids)
		if c.attempts > 1 {
			v.resent++
		}
		switch {
		case c.attempt == "":
			v.unanswered++
			v.tookEffect += min(len(ids), 1)
			if len(ids) > 1 {
				v.violated("quiz: unanswered command %s has %d effects, want one at most", c.key, len(ids))
			}
		default:
			v.accepted++
			if len(ids) != 1 || ids[0] != c.attempt {
				v.violated("quiz: command %s was answered with attempt %s and left %v, want exactly that", c.key, c.attempt, ids)
			}
		}
	}
	if total := d.count("quiz", "SELECT count(*) FROM attempts"); total != known {
		v.violated("quiz: %d attempts, of which %d belong to no command", total, total-known)
	}
}

// checkEvents compares what was changed and what was published, and counts
// what was published more than once.
func (d *deployment) checkEvents(v *verdict) {
	for _, pair := range []struct{ context, topic, query string }{
		{"userprofile", "pl.userprofile.user_registered.v1", "SELECT count(*) FROM users"},
		{"course", "pl.course.course_published.v1", "SELECT count(*) FROM courses WHERE published_at IS NOT NULL"},
		{"quiz", "pl.quiz.quiz_created.v1", "SELECT count(*) FROM quizzes"},
		{"quiz", "pl.quiz.quiz_completed.v1", "SELECT count(*) FROM attempts"},
		{"achievement", "pl.achievement.badge_awarded.v1", "SELECT count(*) FROM badges"},
		{"notification", "pl.notification.notification_created.v1", "SELECT count(*) FROM notifications"},
	} {
		seen := map[string]bool{}
		for _, r := range readTopic(d.t, d.kafka(), pair.topic) {
			id := eventID(d.t, r)
			if seen[id] {
				v.duplicates++
			}
			seen[id] = true
		}
		if rows := d.count(pair.context, pair.query); rows != len(seen) {
			v.violated("%s: %d changes and %d events of %s, want one each", pair.context, rows, len(seen), pair.topic)
		}
	}
}

// checkOrder wants the attempts of a student at a quiz to be announced in their
// order, whatever was published again.
func (d *deployment) checkOrder(v *verdict) {
	seen, last := map[string]bool{}, map[string]int32{}
	registry, err := schema.NewClient("http://" + d.broker.setting("PL_EMBEDDED_REGISTRY_ADDR"))
	if err != nil {
		d.t.Fatal(err)
	}
	decoder := schema.NewDecoder(registry) // records may have been written by another version
	for _, r := range readTopic(d.t, d.kafka(), completedTopic) {
		id := eventID(d.t, r)
		if seen[id] {
			continue
		}
		seen[id] = true
		var e quizv1event.QuizCompleted
		if err := decoder.Decode(d.t.Context(), nil, r.Value, &e); err != nil {
			d.t.Fatalf("decode a record of %s: %v", completedTopic, err)
		}
		if key := e.StudentID + " " + e.QuizID; e.AttemptNumber != last[key]+1 {
			v.violated("quiz: attempt %d of %s was announced after attempt %d", e.AttemptNumber, key, last[key])
		} else {
			last[key]++
		}
	}
}

// checkProgress compares the attempts and what achievement has counted. The
// count is what shows an event that was applied twice.
func (d *deployment) checkProgress(v *verdict) {
	attempts, counted := map[string]int{}, map[string]int{}
	d.tally(attempts, "quiz", "SELECT student_id, count(*) FROM attempts GROUP BY 1")
	d.tally(counted, "achievement", "SELECT student_id, sum(quizzes_completed) FROM progress GROUP BY 1")
	d.compare(v, "achievement.OnQuizCompleted", attempts, counted)
	passed, countedPassed := map[string]int{}, map[string]int{}
	d.tally(passed, "quiz", "SELECT student_id, count(*) FROM attempts WHERE passed GROUP BY 1")
	d.tally(countedPassed, "achievement", "SELECT student_id, sum(quizzes_passed) FROM progress WHERE quizzes_passed > 0 GROUP BY 1")
	d.compare(v, "achievement.OnQuizCompleted (passed)", passed, countedPassed)
	points, summed := map[string]int{}, map[string]int{}
	d.tally(points, "achievement", "SELECT student_id, sum(points) FROM badges GROUP BY 1")
	d.tally(summed, "achievement", "SELECT student_id, sum(points) FROM progress WHERE points > 0 GROUP BY 1")
	d.compare(v, "achievement's points", points, summed)
}

// checkNotifications wants one notification for each badge and each user.
func (d *deployment) checkNotifications(v *verdict) {
	want, got := map[string]int{}, map[string]int{}
	d.tally(want, "achievement", "SELECT id, 1 FROM badges")
	d.tally(want, "userprofile", "SELECT id, 1 FROM users")
	d.tally(got, "notification", "SELECT source_id, count(*) FROM notifications GROUP BY 1")
	d.compare(v, "notification", want, got)
}

// checkAPI wants clients to see what the databases have.
func (d *deployment) checkAPI(v *verdict, k *class) {
	badges, notes := map[string]int{}, map[string]int{}
	d.tally(badges, "achievement", "SELECT student_id, count(*) FROM badges GROUP BY 1")
	d.tally(notes, "notification", "SELECT student_id, count(*) FROM notifications GROUP BY 1")
	c := d.campus()
	for _, student := range k.students {
		if got := len(c.badges(student)); got != badges[student] {
			v.violated("ListBadges shows %d badges of a student who has %d", got, badges[student])
		}
		if got := len(c.notes(student)); got != notes[student] {
			v.violated("ListNotifications shows %d notifications of a student who has %d", got, notes[student])
		}
	}
}

func (d *deployment) compare(v *verdict, consumer string, want, got map[string]int) {
	d.t.Helper()
	for id, n := range want {
		if got[id] != n {
			v.violated("%s: %d effects for %s, want %d", consumer, got[id], id, n)
		}
	}
	for id, n := range got {
		if want[id] == 0 {
			v.violated("%s: %d effects for %s, want none", consumer, n, id)
		}
	}
}

func (d *deployment) count(context, query string) (n int) {
	d.t.Helper()
	d.each(context, query, func(rows *sql.Rows) error { return rows.Scan(&n) })
	return n
}

func (d *deployment) tally(into map[string]int, context, query string) {
	d.t.Helper()
	d.each(context, query, func(rows *sql.Rows) error {
		var id string
		var n int
		err := rows.Scan(&id, &n)
		into[id] += n
		return err
	})
}

// redeliveries returns how many records were handled by more than one run of
// a service.
func (d *deployment) redeliveries() int {
	n := 0
	seen := map[*program]bool{}
	for _, p := range d.services {
		if seen[p] {
			continue
		}
		seen[p] = true
		runs := map[string]int{}
		for _, records := range p.log.records("handling") {
			once := map[string]bool{}
			for _, r := range records {
				once[fmt.Sprint(r.Consumer, r.Topic, r.Partition, r.Offset)] = true
			}
			for at := range once {
				runs[at]++
			}
		}
		for _, count := range runs {
			if count > 1 {
				n++
			}
		}
	}
	return n
}

func (v *verdict) report() string {
	const most = 12
	lines := v.violations
	if len(lines) > most {
		lines = append(lines[:most:most], fmt.Sprintf("and %d more", len(lines)-most))
	}
	return v.String() + "\n" + strings.Join(lines, "\n")
}
