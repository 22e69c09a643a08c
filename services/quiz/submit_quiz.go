package quiz

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"connectrpc.com/connect/v2"

	ent "github.com/pulselearn/campus-hub/gen/ent/quiz"
	"github.com/pulselearn/campus-hub/gen/ent/quiz/attempt"
	"github.com/pulselearn/campus-hub/gen/ent/quiz/question"
	entquiz "github.com/pulselearn/campus-hub/gen/ent/quiz/quiz"
	commonv1event "github.com/pulselearn/campus-hub/gen/event/common/v1"
	quizv1event "github.com/pulselearn/campus-hub/gen/event/quiz/v1"
	quizv1 "github.com/pulselearn/campus-hub/gen/proto/pl/quiz/v1"
	quizservice "github.com/pulselearn/campus-hub/gen/service/quiz"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

// SubmitQuiz grades a student's answers, stores them as an attempt and
// announces the result.
func (s *Service) SubmitQuiz(ctx context.Context, tx *quizservice.Tx, req *quizv1.SubmitQuizRequest) (*quizv1.SubmitQuizResponse, error) {
	quiz, err := tx.Quiz.Get(ctx, req.GetQuizId())
	if err != nil {
		return nil, fmt.Errorf("find quiz: %w", err)
	}
	questions, err := tx.Question.Query().Where(question.QuizID(quiz.ID)).Order(question.ByPosition()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read questions of quiz %s: %w", quiz.ID, err)
	}
	chosen, err := choicesOf(questions, req.GetAnswers())
	if err != nil {
		return nil, err
	}
	started, err := startOf(req, tx.Now())
	if err != nil {
		return nil, err
	}
	number, err := nextAttempt(ctx, tx, quiz, req.GetStudentId())
	if err != nil {
		return nil, err
	}
	g := gradeChoices(questions, chosen)
	stored, err := storeAttempt(ctx, tx, quiz, g, attemptOf{req.GetStudentId(), number, chosen, started})
	if err != nil {
		return nil, err
	}
	if err := publish(ctx, tx, quiz, stored, g); err != nil {
		return nil, err
	}
	return &quizv1.SubmitQuizResponse{
		AttemptId: stored.ID, Score: g.score, Passed: stored.Passed,
		CorrectCount: g.correct, QuestionCount: g.total, AttemptNumber: number,
	}, nil
}

// startOf returns when the student opened the quiz, or nil.
func startOf(req *quizv1.SubmitQuizRequest, now time.Time) (*time.Time, error) {
	if req.GetStartedAt() == nil {
		return nil, nil
	}
	t := req.GetStartedAt().AsTime().Truncate(time.Microsecond)
	if t.After(now) {
		return nil, rpc.Invalid("started_at", "is in the future")
	}
	return &t, nil
}

// nextAttempt returns the number of the student's next attempt.
func nextAttempt(ctx context.Context, tx *quizservice.Tx, quiz *ent.Quiz, studentID string) (int32, error) {
	done, err := tx.Attempt.Query().Where(attempt.StudentID(studentID), attempt.QuizID(quiz.ID)).Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("count attempts at quiz %s: %w", quiz.ID, err)
	}
	if quiz.MaxAttempts > 0 && done >= int(quiz.MaxAttempts) {
		return 0, connect.Errorf(connect.CodeFailedPrecondition, "quiz_id: the student has used all %d attempts", quiz.MaxAttempts)
	}
	return int32(done) + 1, nil
}

// attemptOf is what the student did.
type attemptOf struct {
	studentID string
	number    int32
	chosen    map[string]int32
	started   *time.Time
}

func storeAttempt(ctx context.Context, tx *quizservice.Tx, quiz *ent.Quiz, g grade, a attemptOf) (*ent.Attempt, error) {
	answers := make(map[string]string, len(a.chosen))
	for id, choice := range a.chosen {
		answers[id] = strconv.Itoa(int(choice))
	}
	stored, err := tx.Attempt.Create().
		SetID(tx.NewID()).
		SetQuizID(quiz.ID).
		SetCourseID(quiz.CourseID).
		SetStudentID(a.studentID).
		SetNumber(a.number).
		SetScore(g.score).
		SetPassed(g.score >= quiz.PassScore).
		SetCorrectCount(g.correct).
		SetQuestionCount(g.total).
		SetAnswers(answers).
		SetNillableStartedAt(a.started).
		SetSubmittedAt(tx.Now()).
		Save(ctx)
	if ent.IsConstraintError(err) {
		return nil, connect.NewError(connect.CodeAborted, "another attempt of this student was submitted at the same time; send the request again")
	}
	if err != nil {
		return nil, fmt.Errorf("store attempt at quiz %s: %w", quiz.ID, err)
	}
	return stored, nil
}

func publish(ctx context.Context, tx *quizservice.Tx, quiz *ent.Quiz, a *ent.Attempt, g grade) error {
	course, err := tx.CourseRef.Get(ctx, quiz.CourseID)
	if err != nil {
		return fmt.Errorf("find course %s: %w", quiz.CourseID, err)
	}
	e := &quizv1event.QuizCompleted{
		StudentID:      a.StudentID,
		AttemptID:      a.ID,
		QuizID:         quiz.ID,
		QuizTitle:      quiz.Title,
		Course:         commonv1event.CourseRef{CourseID: course.ID, Title: course.Title},
		Difficulty:     difficultyOf(quiz.Difficulty),
		AttemptNumber:  a.Number,
		Score:          a.Score,
		PassScore:      quiz.PassScore,
		Passed:         a.Passed,
		CorrectCount:   a.CorrectCount,
		QuestionCount:  a.QuestionCount,
		Results:        g.results,
		CorrectByTopic: g.byTopic,
		StartedAt:      a.StartedAt,
		OccurredAt:     a.SubmittedAt,
	}
	if a.StartedAt != nil {
		e.DurationMillis = new(a.SubmittedAt.Sub(*a.StartedAt).Milliseconds())
	}
	return tx.Publish(ctx, e)
}

func difficultyOf(d entquiz.Difficulty) quizv1event.Difficulty {
	switch d {
	case entquiz.DifficultyEasy:
		return quizv1event.DifficultyEasy
	case entquiz.DifficultyMedium:
		return quizv1event.DifficultyMedium
	case entquiz.DifficultyHard:
		return quizv1event.DifficultyHard
	}
	return quizv1event.DifficultyUnknown
}
