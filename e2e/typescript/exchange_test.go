package typescript

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/pulselearn/campus-hub/e2e/kafka"
	"github.com/pulselearn/campus-hub/e2e/nats"
	achievementv1event "github.com/pulselearn/campus-hub/gen/event/achievement/v1"
	commonv1event "github.com/pulselearn/campus-hub/gen/event/common/v1"
	quizv1event "github.com/pulselearn/campus-hub/gen/event/quiz/v1"
	"github.com/pulselearn/campus-hub/internal/pgtest"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/kafkabus"
	"github.com/pulselearn/campus-hub/platform/bus/natsbus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/database/postgres"
	embeddedkafka "github.com/pulselearn/campus-hub/platform/embedded/kafka"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/registry"
	"github.com/pulselearn/campus-hub/platform/schema"
)

// A broker is one that both languages talk to.
type broker struct {
	kind, addr string
	conn       driver.Conn
}

// TestExchange lets Go publish, TypeScript consume and publish, and Go
// consume, through each broker.
func TestExchange(t *testing.T) {
	t.Parallel()
	Build(t)
	for name, start := range map[string]func(t *testing.T) broker{
		"embedded": onEmbedded, "Kafka": onKafka, "NATS": onNATS,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			exchange(t, start(t))
		})
	}
}

func onEmbedded(t *testing.T) broker {
	b, err := embeddedkafka.Start(t.Context(), embeddedkafka.Options{Addr: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return broker{"kafka", b.Addr(), openKafka(t, b.Addr())}
}

func onKafka(t *testing.T) broker {
	addr := kafka.Start(t).Addr()
	return broker{"kafka", addr, openKafka(t, addr)}
}

func openKafka(t *testing.T, addr string) driver.Conn {
	conn, err := kafkabus.Open(kafkabus.Config{Brokers: []string{addr}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func onNATS(t *testing.T) broker {
	addr := nats.Start(t).Addr()
	conn, err := natsbus.Open(natsbus.Config{Servers: []string{addr}, Idle: 500 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return broker{"nats", addr, conn}
}

const (
	students = 5
	each     = 12
)

const letters = "pl.quiz.quiz_completed.v1.achievement.dlq"

func exchange(t *testing.T, b broker) {
	quiz, badge := quizv1event.QuizCompletedType, achievementv1event.BadgeAwardedType
	url := serveRegistry(t)
	ensure(t, b.conn, quiz, badge)
	id := register(t, url, quiz)
	sent := publishQuizzes(t, b.conn, id)
	db := pgtest.URL(t)
	stop := startService(t, b, url, db)
	got := collect(t, b.conn, map[string]int{badge.Topic: len(sent.applied), letters: len(sent.dead)})
	stop()
	checkBadges(t, sent, got[badge.Topic], url)
	checkLetters(t, sent, got[letters])
	checkRuns(t, db, len(sent.applied))
}

func serveRegistry(t *testing.T) string {
	r, err := registry.Open("", registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(r.Handler())
	t.Cleanup(func() { s.Close(); _ = r.Close() })
	return s.URL
}

func register(t *testing.T, url string, e *event.Type) int {
	client, err := schema.NewClient(url)
	if err != nil {
		t.Fatal(err)
	}
	id, err := client.Register(t.Context(), e.RegistrySubject(), e.Schema)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func ensure(t *testing.T, conn driver.Conn, types ...*event.Type) {
	list := []driver.Topic{{Name: letters, Partitions: types[0].Partitions, Retention: 24 * time.Hour}}
	for _, e := range types {
		list = append(list, driver.Topic{Name: e.Topic, Partitions: e.Partitions, Retention: 24 * time.Hour})
	}
	if err := conn.EnsureTopics(t.Context(), list); err != nil {
		t.Fatal(err)
	}
}

// Sent is what Go has published.
type sent struct {
	applied map[string]event.Envelope // by attempt
	dead    []*driver.Record
}

const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// publishQuizzes publishes quizzes of several students: one that stumbles
// twice, one that is published twice, one that is refused, and one that is cut
// off.
func publishQuizzes(t *testing.T, conn driver.Conn, id int) sent {
	s := sent{applied: map[string]event.Envelope{}}
	var records []*driver.Record
	for n := range each {
		for student := range students {
			title := "quiz"
			if n == 3 {
				title = "stumble"
			}
			e, r := completed(t, id, fmt.Sprintf("Zoë %d", student), title, n)
			s.applied[e.AttemptID] = envelopeOf(t, r)
			records = append(records, r)
			if n == 5 {
				records = append(records, r)
			}
		}
	}
	_, refused := completed(t, id, "Zoë 0", "never", each)
	_, cut := completed(t, id, "Zoë 1", "cut", each)
	cut.Value = cut.Value[:20]
	s.dead = []*driver.Record{refused, cut}
	if err := conn.Publish(t.Context(), append(records, s.dead...)); err != nil {
		t.Fatal(err)
	}
	return s
}

// began is when the first quizzes were taken: brokers drop events that are old.
var began = time.Now().UTC().Truncate(time.Second).Add(-time.Hour + 123_456*time.Microsecond)

func completed(t *testing.T, id int, student, title string, n int) (*quizv1event.QuizCompleted, *driver.Record) {
	at := began.Add(time.Duration(n) * time.Second)
	took := int64(90_000)
	e := &quizv1event.QuizCompleted{
		StudentID: student, AttemptID: uuid.NewString(), QuizID: uuid.NewString(), QuizTitle: title,
		Course: commonv1event.CourseRef{CourseID: "c1", Title: "Städtebau"}, Difficulty: quizv1event.DifficultyHard,
		AttemptNumber: int32(n), Score: 0.95, PassScore: 0.5, Passed: true,
		CorrectByTopic: map[string]int32{"a": 1}, DurationMillis: &took, OccurredAt: at,
	}
	data, err := e.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	env := event.Envelope{
		ID: event.NewID(), Source: e.EventType().Source(), Type: e.EventType().Topic, Subject: e.EventSubject(), Time: at,
		DataContentType: event.ContentTypeAvro,
		Extensions: []event.Extension{
			{Name: event.ExtCorrelationID, Value: "flow-" + e.AttemptID}, {Name: event.ExtPartitionKey, Value: student}, {Name: event.ExtTraceParent, Value: trace},
		},
	}
	return e, &driver.Record{
		Topic: env.Type, Key: []byte(student), Value: append(schema.AppendFrame(nil, id), data...),
		Headers: event.AppendKafkaHeaders(nil, &env), Time: at,
	}
}

func envelopeOf(t *testing.T, r *driver.Record) event.Envelope {
	t.Helper()
	e, _, err := event.ParseKafka(r.Headers, r.Value)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// startService runs the TypeScript service, and returns what ends it in peace.
func startService(t *testing.T, b broker, registryURL, databaseURL string) (stop func()) {
	cmd := exec.CommandContext(t.Context(), "node", Program("achievement"))
	cmd.Env = append(cmd.Environ(), "PL_BROKER="+b.kind, "PL_ADDR="+b.addr, "PL_REGISTRY_URL="+registryURL, "PL_DATABASE_URL="+databaseURL)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the service said:\n%s", log.String())
		}
	})
	return func() { endService(t, cmd) }
}

// checkBadges: one badge for each quiz, in each student's order, as Go itself
// would have published it.
func checkBadges(t *testing.T, s sent, records []*driver.Record, url string) {
	client, err := schema.NewClient(url)
	if err != nil {
		t.Fatal(err)
	}
	decoder := schema.NewDecoder(client)
	last := map[string]int32{}
	seen := map[string]bool{}
	for _, r := range records {
		e, data, err := event.ParseKafka(r.Headers, r.Value)
		if err != nil {
			t.Errorf("a badge is no CloudEvent: %v", err)
			continue
		}
		var badge achievementv1event.BadgeAwarded
		if err := decoder.Decode(t.Context(), r.Headers, data, &badge); err != nil {
			t.Errorf("a badge cannot be decoded: %v", err)
			continue
		}
		cause, known := s.applied[badge.BadgeID]
		if !known || seen[badge.BadgeID] {
			t.Errorf("badge %s: known %t, seen before %t", badge.BadgeID, known, seen[badge.BadgeID])
		}
		seen[badge.BadgeID] = true
		if before, ok := last[badge.StudentID]; ok && badge.Points <= before {
			t.Errorf("%s: badge %d comes after %d", badge.StudentID, badge.Points, before)
		}
		last[badge.StudentID] = badge.Points
		checkBadge(t, r, &e, &badge, &cause)
	}
}

func checkBadge(t *testing.T, r *driver.Record, e *event.Envelope, badge *achievementv1event.BadgeAwarded, cause *event.Envelope) {
	t.Helper()
	for name, pair := range map[string][2]string{
		"source": {e.Source, "/pulselearn/achievement"}, "type": {e.Type, r.Topic}, "subject": {e.Subject, badge.StudentID},
		"content type": {e.DataContentType, event.ContentTypeAvro}, "key": {string(r.Key), badge.StudentID},
		"partition key": {e.Extension(event.ExtPartitionKey), badge.StudentID},
		"causation":     {e.Extension(event.ExtCausationID), cause.ID},
		"correlation":   {e.Extension(event.ExtCorrelationID), cause.Extension(event.ExtCorrelationID)},
		"trace":         {e.Extension(event.ExtTraceParent)[:35], trace[:35]},
		"course":        {badge.Course.Title, "Städtebau"},
		"score":         {fmt.Sprint(*badge.Score), "0.95"},
		"time":          {badge.OccurredAt.Format(time.RFC3339Nano), cause.Time.Format(time.RFC3339Nano)},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %q, want %q", name, pair[0], pair[1])
		}
	}
	if e.Extension(event.ExtRecordedTime) == "" || uuid.Validate(e.ID) != nil {
		t.Errorf("recorded %q, id %q", e.Extension(event.ExtRecordedTime), e.ID)
	}
}

// checkLetters: the records as they were, and the headers that Go writes.
func checkLetters(t *testing.T, s sent, records []*driver.Record) {
	for _, dead := range s.dead {
		i := slices.IndexFunc(records, func(r *driver.Record) bool { return bytes.Equal(r.Value, dead.Value) })
		if i < 0 {
			t.Errorf("there is no dead letter of %q", dead.Key)
			continue
		}
		letter := records[i]
		if !bytes.Equal(letter.Key, dead.Key) {
			t.Errorf("the letter's key is %q, want %q", letter.Key, dead.Key)
		}
		if envelopeOf(t, letter).ID != envelopeOf(t, dead).ID {
			t.Error("the letter is of another event")
		}
		told := map[string]string{}
		for _, h := range letter.Headers {
			told[h.Key] = string(h.Value)
		}
		if told["pl-consumer"] != "achievement.OnQuizCompleted" || told["pl-attempts"] != "1" || told["pl-cause"] == "" {
			t.Errorf("the letter says %q", told)
		}
		for _, number := range []string{"pl-partition", "pl-offset"} {
			if _, err := strconv.Atoi(told[number]); err != nil {
				t.Errorf("%s: %v", number, err)
			}
		}
		if _, err := time.Parse(time.RFC3339Nano, told["pl-failed-at"]); err != nil {
			t.Error(err)
		}
	}
}

// checkRuns: every effect is there once, also of events that stumbled or came
// twice.
func checkRuns(t *testing.T, url string, want int) {
	db, err := postgres.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var rows, runs int
	if _, err := database.Scan(t.Context(), db.Reading(), "SELECT count(*), max(runs) FROM badges", nil, &rows, &runs); err != nil {
		t.Fatal(err)
	}
	if rows != want || runs != 1 {
		t.Errorf("%d badges were stored, up to %d times each; want %d, once", rows, runs, want)
	}
	var left int
	if _, err := database.Scan(t.Context(), db.Reading(), "SELECT count(*) FROM pl_outbox WHERE published_at IS NULL", nil, &left); err != nil {
		t.Fatal(err)
	}
	if left != 0 {
		t.Errorf("%d events are still in the outbox", left)
	}
}

// endService asks the service to end, and waits.
func endService(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := interrupt(cmd.Process); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil && !strings.Contains(err.Error(), "signal") {
			t.Errorf("the service ended: %v", err)
		}
	case <-time.After(20 * time.Second):
		_ = cmd.Process.Kill()
		t.Error("the service did not end within 20 seconds")
	}
}
