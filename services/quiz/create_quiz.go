package quiz

import (
	"context"
	"fmt"
	"slices"

	"connectrpc.com/connect/v2"

	ent "github.com/pulselearn/campus-hub/gen/ent/quiz"
	quizv1event "github.com/pulselearn/campus-hub/gen/event/quiz/v1"
	quizv1 "github.com/pulselearn/campus-hub/gen/proto/pl/quiz/v1"
	quizservice "github.com/pulselearn/campus-hub/gen/service/quiz"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

// CreateQuiz adds a quiz with its questions to a published course, and tells
// who follows the course.
func (s *Service) CreateQuiz(ctx context.Context, tx *quizservice.Tx, req *quizv1.CreateQuizRequest) (*quizv1.CreateQuizResponse, error) {
	if err := checkDrafts(req.GetQuestions()); err != nil {
		return nil, err
	}
	_, err := tx.CourseRef.Get(ctx, req.GetCourseId())
	if ent.IsNotFound(err) {
		return nil, connect.NewError(connect.CodeFailedPrecondition, "course_id: no such course has been published; publish it first")
	}
	if err != nil {
		return nil, fmt.Errorf("find course: %w", err)
	}
	quiz, err := tx.Quiz.Create().
		SetID(tx.NewID()).
		SetCourseID(req.GetCourseId()).
		SetTitle(req.GetTitle()).
		SetDifficulty(quizservice.QuizDifficulty(difficultyOr(req.GetDifficulty(), quizv1.Difficulty_DIFFICULTY_MEDIUM))).
		SetPassScore(req.GetPassScore()).
		SetQuestionCount(int32(len(req.GetQuestions()))).
		SetMaxAttempts(req.GetMaxAttempts()).
		SetTimeLimitSeconds(req.GetTimeLimitSeconds()).
		SetCreatedBy(req.GetCreatedBy()).
		SetCreatedAt(tx.Now()).
		Save(ctx)
	if err != nil {
		return nil, fmt.Errorf("store quiz: %w", err)
	}
	questions, err := storeQuestions(ctx, tx, quiz.ID, req.GetQuestions())
	if err != nil {
		return nil, err
	}
	if err := tx.Publish(ctx, created(quiz)); err != nil {
		return nil, fmt.Errorf("announce quiz %s: %w", quiz.ID, err)
	}
	return &quizv1.CreateQuizResponse{Quiz: quizservice.QuizProto(quiz), Questions: views(questions)}, nil
}

func created(quiz *ent.Quiz) *quizv1event.QuizCreated {
	return &quizv1event.QuizCreated{
		CourseID:      quiz.CourseID,
		QuizID:        quiz.ID,
		Title:         quiz.Title,
		Difficulty:    difficultyOf(quiz.Difficulty),
		QuestionCount: quiz.QuestionCount,
		PassScore:     quiz.PassScore,
		CreatedBy:     quiz.CreatedBy,
		OccurredAt:    quiz.CreatedAt,
	}
}

// checkDrafts checks what the contract's rules cannot say.
func checkDrafts(drafts []*quizv1.QuestionDraft) error {
	for i, d := range drafts {
		field := fmt.Sprintf("questions[%d].", i)
		switch {
		case len(d.GetChoices()) < 2:
			return rpc.Invalid(field+"choices", "has fewer than 2 elements")
		case slices.Contains(d.GetChoices(), ""):
			return rpc.Invalid(field+"choices", "has an empty choice")
		case int(d.GetCorrectChoice()) >= len(d.GetChoices()):
			return rpc.Invalid(field+"correct_choice", "is not the index of a choice")
		}
	}
	return nil
}

func difficultyOr(d, fallback quizv1.Difficulty) quizv1.Difficulty {
	if d == quizv1.Difficulty_DIFFICULTY_UNSPECIFIED {
		return fallback
	}
	return d
}

func storeQuestions(ctx context.Context, tx *quizservice.Tx, quizID string, drafts []*quizv1.QuestionDraft) ([]*ent.Question, error) {
	builders := make([]*ent.QuestionCreate, len(drafts))
	for i, d := range drafts {
		builders[i] = tx.Question.Create().
			SetID(tx.NewID()).
			SetQuizID(quizID).
			SetPosition(int32(i)).
			SetPrompt(d.GetPrompt()).
			SetChoices(d.GetChoices()).
			SetCorrectChoice(d.GetCorrectChoice()).
			SetTopic(d.GetTopic())
	}
	questions, err := tx.Question.CreateBulk(builders...).Save(ctx)
	if err != nil {
		return nil, fmt.Errorf("store questions of quiz %s: %w", quizID, err)
	}
	return questions, nil
}

// views returns questions as students see them.
func views(questions []*ent.Question) []*quizv1.QuestionView {
	out := make([]*quizv1.QuestionView, len(questions))
	for i, q := range questions {
		out[i] = &quizv1.QuestionView{Id: q.ID, Prompt: q.Prompt, Choices: q.Choices, Topic: q.Topic}
	}
	return out
}
