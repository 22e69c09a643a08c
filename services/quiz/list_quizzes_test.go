package quiz_test

import (
	"slices"
	"testing"

	quizv1 "github.com/pulselearn/campus-hub/gen/proto/pl/quiz/v1"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/platformtest"
)

func TestListQuizzesOfACourse(t *testing.T) {
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		ctx, courseID := h.T.Context(), event.NewID()
		h.Given(published(courseID, "Algebra I"))
		create(h) // in another course
		var want, got []string
		for range 3 {
			res, err := client(h, asGrace).CreateQuiz(ctx, fractions(courseID))
			if err != nil {
				h.T.Fatal(err)
			}
			want = append(want, res.GetQuiz().GetId())
		}
		req := &quizv1.ListQuizzesRequest{CourseId: courseID, PageSize: 2}
		for more := true; more; more = req.GetPageToken() != "" {
			res, err := client(h, asAda).ListQuizzes(ctx, req)
			if err != nil {
				h.T.Fatal(err)
			}
			for _, q := range res.GetQuizzes() {
				got = append(got, q.GetId())
			}
			req.PageToken = res.GetNextPageToken()
		}
		if !slices.Equal(got, want) {
			h.T.Errorf("quizzes %v, want %v", got, want)
		}
	})
}
