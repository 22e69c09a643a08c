package quiz_test

import (
	"testing"

	quizv1 "github.com/pulselearn/campus-hub/gen/proto/pl/quiz/v1"
	"github.com/pulselearn/campus-hub/platform/platformtest"
)

// Wherever the process dies, ada has made one attempt, and it is announced.
func TestCrashes(t *testing.T) {
	platformtest.CrashEverywhere(t, register, func(h *platformtest.Harness) {
		q := create(h)
		_, err := client(h, asAda).SubmitQuiz(h.T.Context(), &quizv1.SubmitQuizRequest{
			StudentId: "ada", QuizId: q.GetQuiz().GetId(), Answers: answer(q, 1, 1, 1),
		})
		if err != nil {
			h.T.Fatal(err)
		}
	}, nil)
}
