//go:build unix

package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulselearn/campus-hub/platform/identity"
)

// TestGrpcurl uses a hub with grpcurl, which knows the calls by reflection.
func TestGrpcurl(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "grpcurl")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/fullstorydev/grpcurl/cmd/grpcurl")
	build.Dir = "strangers"
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build grpcurl: %v\n%s", err, out)
	}
	hub := newStand(t).hub(t)
	hub.startReady()
	k := newCampus(t, func(string) string { return hub.url() }).newClass("grpcurl", 1, 1)
	token, err := issuer.Token(identity.Caller{Subject: k.students[0], Roles: []string{identity.Student}})
	if err != nil {
		t.Fatal(err)
	}
	asStudent, id := "authorization: Bearer "+token, k.quizzes[0].GetQuiz().GetId()
	for _, test := range []struct {
		name string
		args []string // behind the address where they do not begin with -
		want []string
	}{
		{"list", []string{"list"}, []string{"pl.quiz.v1.QuizService", "pl.achievement.v1.AchievementService"}},
		{"list a service", []string{"list", "pl.quiz.v1.QuizService"}, []string{"pl.quiz.v1.QuizService.GetQuiz"}},
		{"describe", []string{"describe", "pl.quiz.v1.GetQuizRequest"}, []string{"message GetQuizRequest", "string quiz_id"}},
		{"call", []string{"-H", asStudent, "-d", `{"quizId":"` + id + `"}`, "pl.quiz.v1.QuizService/GetQuiz"}, []string{`"courseTitle": "Algebra I"`}},
		{"nobody", []string{"-d", `{"quizId":"` + id + `"}`, "pl.quiz.v1.QuizService/GetQuiz"}, []string{"Code: Unauthenticated", "send an access token"}},
		{"a bad token", []string{"-rpc-header", "authorization: Bearer none", "-d", `{}`, "pl.quiz.v1.QuizService/GetQuiz"}, []string{"Code: Unauthenticated"}},
		{"nothing there", []string{"-H", asStudent, "-d", `{"quizId":"none"}`, "pl.quiz.v1.QuizService/GetQuiz"}, []string{"Code: NotFound"}},
		{"a wrong field", []string{"-H", asStudent, "-d", `{"studentId":"` + k.students[0] + `"}`, "pl.quiz.v1.QuizService/SubmitQuiz"},
			[]string{"Code: InvalidArgument", "google.rpc.BadRequest", `"field": "quiz_id"`}},
		{"out of time", []string{"-H", asStudent, "-max-time", "0.000001", "-d", `{"quizId":"` + id + `"}`, "pl.quiz.v1.QuizService/GetQuiz"},
			[]string{"deadline exceeded"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			at := len(test.args) - 1 // the last is a verb, or a call
			for i, arg := range test.args {
				if arg == "list" || arg == "describe" {
					at = i
				}
			}
			args := append([]string{"-plaintext"}, test.args[:at]...)
			args = append(append(args, hub.addr), test.args[at:]...)
			out, _ := exec.CommandContext(t.Context(), program, args...).CombinedOutput() // its exit code is the call's
			for _, want := range test.want {
				if !strings.Contains(strings.ToLower(string(out)), strings.ToLower(want)) {
					t.Errorf("%q is not in: %s", want, out)
				}
			}
		})
	}
}
