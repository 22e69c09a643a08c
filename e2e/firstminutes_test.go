//go:build unix

package e2e

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/identity"
)

// TestFirstMinutes is what a newcomer does: start the hub, submit a quiz with
// curl, and look at what follows from it.
func TestFirstMinutes(t *testing.T) {
	t.Parallel()
	hub := newStand(t).hub(t)
	hub.startReady()
	c := newCampus(t, func(string) string { return hub.url() })
	k := c.newClass("first", 3, 1)

	took := c.firstBadges(hub, k, k.students[0])
	t.Run("kcat", func(t *testing.T) { checkKcat(t, hub) })
	t.Run("record", func(t *testing.T) { checkRecord(t, hub, hub.setting("PL_EMBEDDED_KAFKA_ADDR")) })
	for _, student := range k.students[1:] {
		if took > time.Second { // because of what else the machine does?
			took = c.firstBadges(hub, k, student)
		}
	}
	if took > time.Second {
		t.Errorf("badges and notifications were there after %s, three times more than a second", took)
	}
}

// firstBadges submits a first quiz and returns how long it took until
// everything had followed from it.
func (c *campus) firstBadges(hub *program, k *class, student string) time.Duration {
	c.t.Helper()
	begin := time.Now()
	submitFirstQuiz(c.t, hub, k, student)
	await(c.t, 10*time.Second, func() error { return c.hasFirstBadges(student) })
	took := time.Since(begin)
	c.t.Logf("badges and notifications were there after %s", took.Round(time.Millisecond))
	return took
}

// submitFirstQuiz answers every question of the class's first quiz right.
func submitFirstQuiz(t *testing.T, hub *program, k *class, student string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"studentId": student, "quizId": k.quizzes[0].GetQuiz().GetId(),
		"answers": []map[string]any{
			{"questionId": k.quizzes[0].GetQuestions()[0].GetId(), "choice": 1},
			{"questionId": k.quizzes[0].GetQuestions()[1].GetId(), "choice": 0},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	answer := postJSON(t, hub.url()+"/pl.quiz.v1.QuizService/SubmitQuiz", body, identity.Caller{Subject: student, Roles: []string{identity.Student}})
	if answer["score"] != 1.0 || answer["passed"] != true {
		t.Errorf("the quiz was graded %v", answer)
	}
}

// hasFirstBadges fails until everything has followed from a first quiz.
func (c *campus) hasFirstBadges(student string) error {
	if n := len(c.badges(student)); n != 2 {
		return fmt.Errorf("%d badges, want FIRST_PASS and ACE", n)
	}
	if n := len(c.notes(student)); n != 3 {
		return fmt.Errorf("%d notifications, want the welcome and two badges", n)
	}
	return nil
}

// postJSON posts as curl does: plain HTTP/1.1 with JSON, nothing of Connect.
func postJSON(t *testing.T, url string, body []byte, as identity.Caller) map[string]any {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	authorize(t, req, as)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v, %v", url, res.Status, answer, err)
	}
	return answer
}

const quizTopic = "pl.quiz.quiz_completed.v1"

// wantHeaders are the headers that every event has.
var wantHeaders = []string{"ce_id", "ce_type", "ce_source", "ce_specversion", "ce_time", "ce_traceparent", "traceparent", "content-type"}

// checkKcat looks at the topic with a client that is not ours.
func checkKcat(t *testing.T, hub *program) {
	kcat, err := exec.LookPath("kcat")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("kcat is not installed, and CI=true requires it: apt-get install kcat")
		}
		t.Skip("NOT CHECKED: kcat is not installed (apt-get install kcat); the same is checked with franz-go")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	broker := hub.setting("PL_EMBEDDED_KAFKA_ADDR")
	list, err := exec.CommandContext(ctx, kcat, "-b", broker, "-L").CombinedOutput()
	if err != nil || !strings.Contains(string(list), quizTopic) {
		t.Fatalf("kcat -L does not list the topic: %v\n%s", err, list)
	}
	out, err := exec.CommandContext(ctx, kcat, "-b", broker, "-C", "-t", quizTopic, "-o", "beginning", "-e", "-q", "-f", "%h\n%S\n%s").Output()
	if err != nil {
		t.Fatalf("kcat -C: %v\n%s", err, out)
	}
	headers, rest, _ := strings.Cut(string(out), "\n")
	for _, name := range wantHeaders {
		if !strings.Contains(","+headers, ","+name+"=") {
			t.Errorf("kcat shows no header %s: %s", name, headers)
		}
	}
	_, payload, _ := strings.Cut(rest, "\n")
	checkFrame(t, hub, []byte(payload))
}

// checkRecord looks at the one record with another client.
func checkRecord(t *testing.T, hub *program, broker string) {
	records := readTopic(t, broker, quizTopic)
	if len(records) != 1 {
		t.Fatalf("%d records, want one", len(records))
	}
	found := map[string]string{}
	for _, h := range records[0].Headers {
		found[h.Key] = string(h.Value)
	}
	for _, name := range wantHeaders {
		if found[name] == "" {
			t.Errorf("header %s is missing or empty in %v", name, found)
		}
	}
	for name, want := range map[string]string{
		"ce_type": quizTopic, "ce_source": "/pulselearn/quiz", "ce_specversion": "1.0", "content-type": "application/avro",
	} {
		if found[name] != want {
			t.Errorf("%s is %q, want %q", name, found[name], want)
		}
	}
	checkFrame(t, hub, records[0].Value)
}

// checkFrame checks that a payload begins with 0 and an id that the registry
// knows.
func checkFrame(t *testing.T, hub *program, payload []byte) {
	t.Helper()
	if len(payload) < 5 || payload[0] != 0 {
		t.Fatalf("the payload does not begin with 0 and an id: % x", payload[:min(len(payload), 8)])
	}
	url := fmt.Sprintf("http://%s/schemas/ids/%d", hub.setting("PL_EMBEDDED_REGISTRY_ADDR"), binary.BigEndian.Uint32(payload[1:]))
	status, body, err := get(t.Context(), url)
	if err != nil || status != http.StatusOK || !strings.Contains(body, "QuizCompleted") {
		t.Errorf("%s: %d, %v, %s", url, status, err, body)
	}
}

// readTopic reads all records of a topic.
func readTopic(t *testing.T, broker, topic string) []*kgo.Record {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(200*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	ends := endOffsets(t, client, topic)
	var records []*kgo.Record
	for len(records) < sum(ends) {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("read %s: %d of %d records: %v", topic, len(records), sum(ends), err)
		}
		records = append(records, fetches.Records()...)
	}
	return records
}

// eventID returns the CloudEvents id of a record.
func eventID(t *testing.T, r *kgo.Record) string {
	t.Helper()
	headers := make([]event.Header, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = event.Header(h)
	}
	envelope, _, err := event.ParseKafka(headers, r.Value)
	if err != nil {
		t.Fatalf("a record of %s is no event: %v", r.Topic, err)
	}
	return envelope.ID
}
