package quiz

import (
	"context"
	"fmt"

	"github.com/pulselearn/campus-hub/gen/ent/quiz/question"
	quizv1 "github.com/pulselearn/campus-hub/gen/proto/pl/quiz/v1"
	quizservice "github.com/pulselearn/campus-hub/gen/service/quiz"
)

// GetQuiz returns a quiz as a student sees it, without its answer key.
func (s *Service) GetQuiz(ctx context.Context, r *quizservice.Reader, req *quizv1.GetQuizRequest) (*quizv1.GetQuizResponse, error) {
	quiz, err := r.Quiz.Get(ctx, req.GetQuizId())
	if err != nil {
		return nil, fmt.Errorf("find quiz: %w", err)
	}
	questions, err := r.Question.Query().Where(question.QuizID(quiz.ID)).Order(question.ByPosition()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read questions of quiz %s: %w", quiz.ID, err)
	}
	course, err := r.CourseRef.Get(ctx, quiz.CourseID)
	if err != nil {
		return nil, fmt.Errorf("find course of quiz %s: %w", quiz.ID, err)
	}
	return &quizv1.GetQuizResponse{
		Quiz: quizservice.QuizProto(quiz), Questions: views(questions), CourseTitle: course.Title,
	}, nil
}
