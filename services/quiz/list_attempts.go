package quiz

import (
	"context"
	"fmt"

	"entgo.io/ent/dialect/sql"

	ent "github.com/pulselearn/campus-hub/gen/ent/quiz"
	"github.com/pulselearn/campus-hub/gen/ent/quiz/attempt"
	quizv1 "github.com/pulselearn/campus-hub/gen/proto/pl/quiz/v1"
	quizservice "github.com/pulselearn/campus-hub/gen/service/quiz"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

// ListAttempts returns a student's attempts, newest first.
func (s *Service) ListAttempts(ctx context.Context, r *quizservice.Reader, req *quizv1.ListAttemptsRequest) (*quizv1.ListAttemptsResponse, error) {
	before, err := rpc.ParsePageToken(req.GetPageToken(), 1)
	if err != nil {
		return nil, err
	}
	size := rpc.PageSize(req.GetPageSize())
	query := r.Attempt.Query().Where(attempt.StudentID(req.GetStudentId())).Order(attempt.ByID(sql.OrderDesc())).Limit(size + 1)
	if len(before) > 0 {
		query.Where(attempt.IDLT(before[0]))
	}
	if req.GetQuizId() != "" {
		query.Where(attempt.QuizID(req.GetQuizId()))
	}
	attempts, err := query.All(ctx)
	if err != nil {
		return nil, fmt.Errorf("list attempts: %w", err)
	}
	attempts, next := rpc.Page(attempts, size, func(a *ent.Attempt) []string { return []string{a.ID} })
	return &quizv1.ListAttemptsResponse{Attempts: quizservice.AttemptProtos(attempts), NextPageToken: next}, nil
}
