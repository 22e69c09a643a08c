package quiz

import (
	"context"
	"fmt"

	ent "github.com/pulselearn/campus-hub/gen/ent/quiz"
	"github.com/pulselearn/campus-hub/gen/ent/quiz/quiz"
	quizv1 "github.com/pulselearn/campus-hub/gen/proto/pl/quiz/v1"
	quizservice "github.com/pulselearn/campus-hub/gen/service/quiz"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

// ListQuizzes returns the quizzes of a course in the order of their creation.
func (s *Service) ListQuizzes(ctx context.Context, r *quizservice.Reader, req *quizv1.ListQuizzesRequest) (*quizv1.ListQuizzesResponse, error) {
	after, err := rpc.ParsePageToken(req.GetPageToken(), 1)
	if err != nil {
		return nil, err
	}
	size := rpc.PageSize(req.GetPageSize())
	query := r.Quiz.Query().Where(quiz.CourseID(req.GetCourseId())).Order(quiz.ByID()).Limit(size + 1)
	if len(after) > 0 {
		query.Where(quiz.IDGT(after[0]))
	}
	quizzes, err := query.All(ctx)
	if err != nil {
		return nil, fmt.Errorf("list quizzes: %w", err)
	}
	quizzes, next := rpc.Page(quizzes, size, func(q *ent.Quiz) []string { return []string{q.ID} })
	return &quizv1.ListQuizzesResponse{Quizzes: quizservice.QuizProtos(quizzes), NextPageToken: next}, nil
}
