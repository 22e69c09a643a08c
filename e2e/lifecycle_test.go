//go:build unix

package e2e

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/internal/loopback"
	"github.com/pulselearn/campus-hub/platform/identity"
)

// hub returns the hub with everything embedded, on ports of its own.
func (s *stand) hub(t *testing.T, args ...string) *program {
	t.Helper()
	return s.program("hub", filepath.Join(build(t, "", "hub"), "hub"), args,
		"PL_EMBEDDED_KAFKA_ADDR="+loopback.Must(t), "PL_EMBEDDED_REGISTRY_ADDR="+loopback.Must(t))
}

func (p *program) setting(key string) string {
	for _, entry := range p.env {
		if value, ok := strings.CutPrefix(entry, key+"="); ok {
			return value
		}
	}
	return ""
}

func (p *program) set(entries ...string) { p.env = append(p.env, entries...) }

func TestHubIsReadySoonAndDrains(t *testing.T) {
	t.Parallel()
	hub := newStand(t).hub(t)
	begin := time.Now()
	run := hub.start()
	hub.awaitReady(run, 5*time.Second)
	t.Logf("ready in %s", time.Since(begin).Round(time.Millisecond))
	await(t, 5*time.Second, func() error { return contains(run.stdout.String(), hub.setting("PL_EMBEDDED_KAFKA_ADDR")) })
	for _, want := range []string{"hub is ready in", hub.url(), hub.setting("PL_EMBEDDED_REGISTRY_ADDR"), "achievement.db"} {
		if err := contains(run.stdout.String(), want); err != nil {
			t.Error(err)
		}
	}
	for path, want := range map[string]string{"/healthz": "alive", "/metrics": "target_info", "/readyz": `"quiz.consumers":"ready"`} {
		status, body, err := get(t.Context(), hub.url()+path)
		if err != nil || status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d, %v, without %q", path, status, err, want)
		}
	}
	hub.signal(syscall.SIGTERM)
	if code := run.exit(t, 20*time.Second); code != 0 {
		t.Errorf("SIGTERM ended the hub with exit code %d, want 0:\n%s", code, hub.log.tail(10))
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	hub := newStand(t).hub(t)
	hub.startReady()
	run := hub.now
	// A connection with an open request keeps the drain waiting.
	conn, err := net.Dial("tcp", hub.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	token, err := issuer.Token(identity.Caller{Subject: "ada", Roles: []string{identity.Student}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("POST /pl.quiz.v1.QuizService/SubmitQuiz HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer " + token + "\r\n" +
		"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{")); err != nil {
		t.Fatal(err)
	}
	draining := hub.log.next("draining; a second signal")
	hub.signal(syscall.SIGINT)
	<-draining
	hub.signal(syscall.SIGINT)
	if code := run.exit(t, 5*time.Second); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
}

func TestServiceWaitsForItsBroker(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	broker := s.hub(t, "broker")
	quiz := s.program("quiz", filepath.Join(build(t, "", services...), "quiz"), nil, "PL_PROVISION=true",
		"PL_KAFKA_BROKERS="+broker.setting("PL_EMBEDDED_KAFKA_ADDR"), "PL_REGISTRY_URL=http://"+broker.setting("PL_EMBEDDED_REGISTRY_ADDR"))
	run := quiz.start()
	waiting := quiz.log.next("the start waits for a dependency")
	select {
	case <-waiting:
	case <-time.After(30 * time.Second):
		t.Fatal("the log does not say what the start waits for")
	}
	status, body, err := get(t.Context(), quiz.url()+"/readyz")
	var answer struct {
		Ready      bool              `json:"ready"`
		Components map[string]string `json:"components"`
	}
	if err == nil {
		err = json.Unmarshal([]byte(body), &answer)
	}
	if err != nil || status != http.StatusServiceUnavailable || answer.Ready || !strings.Contains(answer.Components["process"], "no broker answers") {
		t.Errorf("/readyz: %d, %v, %s; want 503 and what the start waits for", status, err, body)
	}
	if status, _, err := get(t.Context(), quiz.url()+"/healthz"); err != nil || status != http.StatusOK {
		t.Errorf("/healthz: %d, %v; want it alive while it starts", status, err)
	}
	if status, _, err := get(t.Context(), quiz.url()+"/pl.quiz.v1.QuizService/GetQuiz"); err != nil || status != http.StatusServiceUnavailable {
		t.Errorf("a call: %d, %v; want 503", status, err)
	}
	quiz.signal(syscall.SIGTERM)
	if code := run.exit(t, 10*time.Second); code != 0 {
		t.Errorf("SIGTERM during the start: exit code %d, want 0", code)
	}
	run = quiz.start()
	broker.start()
	quiz.awaitReady(run, 40*time.Second)
}

func TestBadStartsSayWhatToDo(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	busy := taken.Addr().String()
	for _, test := range []struct {
		name string
		args []string
		env  []string
		code int
		want []string
	}{
		{"busy port", nil, []string{"PL_HTTP_ADDR=" + busy}, 2, []string{busy, "PL_HTTP_ADDR", "free address"}},
		{"busy port of the broker", nil, []string{"PL_EMBEDDED_KAFKA_ADDR=" + busy}, 2, []string{busy, "PL_EMBEDDED_KAFKA_ADDR", "free address"}},
		{"busy port of the registry", nil, []string{"PL_EMBEDDED_REGISTRY_ADDR=" + busy}, 2, []string{busy, "PL_EMBEDDED_REGISTRY_ADDR", "free address"}},
		{"unknown setting", nil, []string{"PL_HTTP_ADR=:1"}, 2, []string{"PL_HTTP_ADR", "did you mean PL_HTTP_ADDR"}},
		{"unusable value", nil, []string{"PL_LOG_FORMAT=xml"}, 2, []string{"PL_LOG_FORMAT", "text nor json"}},
		{"unknown command", []string{"serve"}, nil, 2, []string{`"serve"`, "usage: hub"}},
		{"arguments", []string{"run", "now"}, nil, 2, []string{"takes no arguments"}},
		{"nobody listens", []string{"healthcheck"}, nil, 1, []string{"refused"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			hub := newStand(t).hub(t, test.args...)
			hub.set(test.env...)
			run := hub.start()
			if code := run.exit(t, 10*time.Second); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			text := hub.log.tail(20)
			for _, want := range test.want {
				if err := contains(text, want); err != nil {
					t.Error(err)
				}
			}
			if test.code == 2 && len(test.args) == 0 && strings.Count(text, "\n") != 1 {
				t.Errorf("want one line that says what is wrong, got:\n%s", text)
			}
		})
	}
}

func TestSecondHubOnTheSameDataIsRefused(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	first := s.hub(t)
	first.startReady()
	second := s.program("second", first.path, nil, "PL_EMBEDDED_KAFKA_ADDR="+loopback.Must(t), "PL_EMBEDDED_REGISTRY_ADDR="+loopback.Must(t))
	run := second.start()
	if code := run.exit(t, 10*time.Second); code != 2 {
		t.Errorf("exit code %d, want 2", code)
	}
	for _, want := range []string{"in use by another hub", "pid", "PL_DATA_DIR"} {
		if err := contains(second.log.tail(5), want); err != nil {
			t.Error(err)
		}
	}
	if status, _, err := get(t.Context(), first.url()+"/readyz"); err != nil || status != http.StatusOK {
		t.Errorf("the first hub is disturbed: %d, %v", status, err)
	}
}

func TestCommandsThatEnd(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	for _, test := range []struct {
		command string
		want    string
	}{
		{"config", "PL_HTTP_ADDR"},
		{"version", "hub "},
		{"help", "usage: hub"},
		{"migrate", ""},
	} {
		hub := s.program(test.command, filepath.Join(build(t, "", "hub"), "hub"), []string{test.command})
		run := hub.start()
		if code := run.exit(t, 20*time.Second); code != 0 {
			t.Errorf("%s: exit code %d: %s", test.command, code, hub.log.tail(5))
		}
		if err := contains(run.stdout.String(), test.want); err != nil {
			t.Errorf("%s: %v", test.command, err)
		}
	}
	if _, err := os.Stat(filepath.Join(s.dir, "data", "quiz.db")); err != nil {
		t.Errorf("migrate has not made the databases: %v", err)
	}
}

func TestMissingMigrationAndSchemaNameTheCommand(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	hub := s.hub(t, "broker")
	hub.start()
	registry := "http://" + hub.setting("PL_EMBEDDED_REGISTRY_ADDR")
	await(t, 10*time.Second, func() error { _, _, err := get(t.Context(), registry+"/subjects"); return err })
	external := []string{"PL_KAFKA_BROKERS=" + hub.setting("PL_EMBEDDED_KAFKA_ADDR"), "PL_REGISTRY_URL=" + registry}
	dir := build(t, "", services...)

	fresh := s.program("course", filepath.Join(dir, "course"), nil, external...)
	if code := fresh.start().exit(t, 20*time.Second); code != 1 {
		t.Errorf("without migrations: exit code %d, want 1", code)
	}
	if err := contains(fresh.log.tail(5), "migrate"); err != nil {
		t.Error(err)
	}
	migrate := s.program("course-migrate", filepath.Join(dir, "course"), []string{"migrate"}, external...)
	if code := migrate.start().exit(t, 20*time.Second); code != 0 {
		t.Fatalf("migrate: exit code %d: %s", code, migrate.log.tail(5))
	}
	if code := fresh.start().exit(t, 20*time.Second); code != 1 {
		t.Errorf("without schemas: exit code %d, want 1", code)
	}
	if err := contains(fresh.log.tail(5), "pl-gen register"); err != nil {
		t.Error(err)
	}
}
