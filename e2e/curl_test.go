//go:build unix

package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulselearn/campus-hub/platform/identity"
)

// A curl is somebody with a token and curl.
type curl struct {
	t     *testing.T
	url   string
	token string
}

func newCurl(t *testing.T, hub *program, c identity.Caller) *curl {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatalf("curl is missing: %v", err)
	}
	token, err := issuer.Token(c)
	if err != nil {
		t.Fatal(err)
	}
	return &curl{t, hub.url(), token}
}

// An answer is what curl -i shows.
type answer struct {
	status string
	header http.Header
	body   string
}

func (a *answer) field(t *testing.T, name string) any {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(a.body), &fields); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return fields[name]
}

// run calls a path with curl's own arguments.
func (c *curl) run(path string, args ...string) *answer {
	c.t.Helper()
	args = append([]string{"-sS", "-i", "--max-time", "20", "-H", "Authorization: Bearer " + c.token}, args...)
	out, err := exec.CommandContext(c.t.Context(), "curl", append(args, c.url+path)...).Output()
	if err != nil {
		c.t.Fatalf("curl %s: %v", path, err)
	}
	head, body, _ := strings.Cut(string(out), "\r\n\r\n")
	if strings.Contains(head, " 100 Continue") {
		head, body, _ = strings.Cut(body, "\r\n\r\n")
	}
	lines := strings.Split(head, "\r\n")
	a := &answer{header: http.Header{}, body: body}
	_, a.status, _ = strings.Cut(lines[0], " ")
	a.status, _, _ = strings.Cut(a.status, " ")
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		a.header.Add(name, value)
	}
	return a
}

// wantProblem expects problem details with a code, at whose type people can
// read what it means.
func (c *curl) wantProblem(a *answer, status, code string) {
	c.t.Helper()
	if a.status != status || a.field(c.t, "code") != code || a.header.Get("Content-Type") != "application/problem+json" {
		c.t.Errorf("got %s %s %s, want %s %s", a.status, a.header.Get("Content-Type"), a.body, status, code)
	}
	kind, _ := a.field(c.t, "type").(string)
	if described := c.run(kind[max(strings.Index(kind, "/problems/"), 0):]); described.status != "200" {
		c.t.Errorf("%s says %s", kind, described.status)
	}
}

// TestCurl uses REST and Connect as people at a shell do.
func TestCurl(t *testing.T) {
	t.Parallel()
	hub := newStand(t).hub(t)
	hub.startReady()
	k := newCampus(t, func(string) string { return hub.url() }).newClass("curl", 2, 1)
	student := newCurl(t, hub, identity.Caller{Subject: k.students[0], Roles: []string{identity.Student}})
	teacher := newCurl(t, hub, identity.Caller{Subject: "tess", Roles: []string{identity.Teacher}})
	quiz := "/api/v1/quizzes/" + k.quizzes[0].GetQuiz().GetId()

	first := student.run(quiz)
	tag := first.header.Get("Etag")
	if first.status != "200" || first.field(t, "courseTitle") != "Algebra I" || !strings.HasPrefix(tag, `"`) {
		t.Errorf("got %s, ETag %s, %s", first.status, tag, first.body)
	}
	if again := student.run(quiz, "-H", "If-None-Match: "+tag); again.status != "304" || again.body != "" || again.header.Get("Etag") != tag {
		t.Errorf("what has not changed: %s, ETag %s, %q", again.status, again.header.Get("Etag"), again.body)
	}
	if head := student.run(quiz, "-I"); head.status != "200" || head.body != "" || head.header.Get("Etag") != tag {
		t.Errorf("HEAD: %s, ETag %s, %q", head.status, head.header.Get("Etag"), head.body)
	}
	if packed := student.run(quiz, "--compressed", "--http2-prior-knowledge"); packed.status != "200" || packed.body != first.body {
		t.Errorf("over HTTP/2: %s %s", packed.status, packed.body)
	}

	student.wantProblem(student.run("/api/v1/quizzes/none"), "404", "not_found")
	student.wantProblem(student.run(quiz+"?colour=red"), "400", "invalid_argument")
	student.wantProblem(student.run(quiz, "-X", "DELETE"), "405", "method_not_allowed")
	student.wantProblem(student.run("/api/v1/students/"+k.students[1]+"/badges"), "403", "permission_denied")
	for _, path := range []string{"/api/v1/students//badges", "/api/v1/quizzes/../courses", "/api/v1/./courses"} { // which would be others
		student.wantProblem(student.run(path, "--path-as-is"), "404", "not_found")
	}
	student.wantProblem(student.run("/openapi.json", "-X", "POST"), "405", "method_not_allowed")
	student.wantProblem(student.run(quiz, "-H", "Idempotency-Key: a", "-H", "Idempotency-Key: b"), "400", "invalid_argument")
	nobody := &curl{t, hub.url(), "none"}
	nobody.wantUnauthenticated(quiz)

	badge := "/api/v1/students/" + k.students[0] + "/badges"
	body := `{"studentName":"Ada","kind":"BADGE_KIND_HELPING_HAND","sourceId":"lab-1","reason":"helped","awardedBy":"tess"}`
	give := []string{"-H", "Content-Type: application/json", "-H", "Idempotency-Key: curl-1"}
	one := teacher.run(badge, append(slices.Clone(give), "-d", body)...)
	two := teacher.run(badge, append(slices.Clone(give), "-d", body)...)
	if one.status != "200" || one.body != two.body || one.header.Get("Idempotency-Replayed") != "" || two.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("once %s %s\nagain %s %v %s", one.status, one.body, two.status, two.header, two.body)
	}
	other := strings.Replace(body, "helped", "sang", 1)
	teacher.wantProblem(teacher.run(badge, append(slices.Clone(give), "-d", other)...), "400", "invalid_argument")
	teacher.wantProblem(teacher.run(badge, "-d", body), "415", "unsupported_media_type")
	teacher.wantProblem(teacher.run(badge, "-H", "Content-Type: application/json", "-d", `{"colour":"red"}`), "400", "invalid_argument")
	large := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(large, []byte(`{"reason":"`+strings.Repeat("x", 5<<20)+`"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	teacher.wantProblem(teacher.run(badge, "-H", "Content-Type: application/json", "-d", "@"+large), "413", "content_too_large")

	call := "/pl.quiz.v1.QuizService/GetQuiz"
	if got := student.run(call, "--json", `{"quizId":"`+k.quizzes[0].GetQuiz().GetId()+`"}`); got.status != "200" || got.field(t, "courseTitle") != "Algebra I" {
		t.Errorf("Connect: %s %s", got.status, got.body)
	}
	if got := student.run(call, "--json", `{"quizId":"none"}`); got.status != "404" || got.field(t, "code") != "not_found" {
		t.Errorf("Connect: %s %s", got.status, got.body)
	}
}

// wantUnauthenticated expects what RFC 6750 says of a bad token.
func (c *curl) wantUnauthenticated(path string) {
	c.t.Helper()
	a := c.run(path)
	if a.status != "401" || !strings.HasPrefix(a.header.Get("Www-Authenticate"), "Bearer") || a.field(c.t, "code") != "unauthenticated" {
		c.t.Errorf("got %s %v %s", a.status, a.header, a.body)
	}
}
