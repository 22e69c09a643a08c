package quiz_test

import (
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/types/known/timestamppb"

	commonv1event "github.com/pulselearn/campus-hub/gen/event/common/v1"
	coursev1event "github.com/pulselearn/campus-hub/gen/event/course/v1"
	quizv1event "github.com/pulselearn/campus-hub/gen/event/quiz/v1"
	quizv1 "github.com/pulselearn/campus-hub/gen/proto/pl/quiz/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/quiz/v1/quizv1connect"
	quizservice "github.com/pulselearn/campus-hub/gen/service/quiz"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/platformtest"
	"github.com/pulselearn/campus-hub/platform/service"
	"github.com/pulselearn/campus-hub/services/quiz"
	"github.com/pulselearn/campus-hub/services/quiz/migrations"
)

func register(app *service.App) { quizservice.Register(app, quiz.New(), migrations.Files) }

// Who calls.
var (
	asAda   = platformtest.Student("ada")
	asGrace = platformtest.Teacher("grace")
)

func client(h *platformtest.Harness, as identity.Caller) quizv1connect.QuizServiceClient {
	return quizv1connect.NewQuizServiceClient(h.Client("quiz", as))
}

func published(courseID, title string) *coursev1event.CoursePublished {
	return &coursev1event.CoursePublished{
		CourseID: courseID, Code: "MATH-101", Title: title, Level: coursev1event.CourseLevelIntroductory, Language: "en",
		Instructor: commonv1event.UserRef{UserID: "grace"}, TimeZone: "UTC", OccurredAt: time.Now().UTC(),
	}
}

// fractions is a quiz of three questions, whose correct choice is always 1.
func fractions(courseID string) *quizv1.CreateQuizRequest {
	question := func(prompt string) *quizv1.QuestionDraft {
		return &quizv1.QuestionDraft{Prompt: prompt, Choices: []string{"a", "b", "c"}, CorrectChoice: 1, Topic: "fractions"}
	}
	return &quizv1.CreateQuizRequest{
		CourseId: courseID, Title: "Fractions", Difficulty: quizv1.Difficulty_DIFFICULTY_HARD, PassScore: 0.6,
		MaxAttempts: 2, CreatedBy: "grace",
		Questions: []*quizv1.QuestionDraft{question("one"), question("two"), question("three")},
	}
}

func create(h *platformtest.Harness) *quizv1.CreateQuizResponse {
	h.T.Helper()
	courseID := event.NewID()
	h.Given(published(courseID, "Algebra I"))
	res, err := client(h, asGrace).CreateQuiz(h.T.Context(), fractions(courseID))
	if err != nil {
		h.T.Fatal(err)
	}
	return res
}

func answer(q *quizv1.CreateQuizResponse, choices ...int32) []*quizv1.Answer {
	var answers []*quizv1.Answer
	for i, c := range choices {
		answers = append(answers, &quizv1.Answer{QuestionId: q.GetQuestions()[i].GetId(), Choice: c})
	}
	return answers
}

func TestSubmitQuiz(t *testing.T) {
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		q := create(h)
		started := time.Now().Add(-90 * time.Second)
		res, err := client(h, asAda).SubmitQuiz(h.T.Context(), &quizv1.SubmitQuizRequest{
			StudentId: "ada", QuizId: q.GetQuiz().GetId(), Answers: answer(q, 1, 1), StartedAt: timestamppb.New(started),
		})
		if err != nil {
			h.T.Fatal(err)
		}
		if res.GetCorrectCount() != 2 || res.GetQuestionCount() != 3 || !res.GetPassed() || res.GetAttemptNumber() != 1 {
			h.T.Errorf("result %v", res)
		}
		h.Quiet()
		e := platformtest.One[*quizv1event.QuizCompleted](h)
		if e.AttemptID != res.GetAttemptId() || e.Score != 2.0/3 || !e.Passed || e.Difficulty != quizv1event.DifficultyHard ||
			e.Course.Title != "Algebra I" || e.CorrectByTopic["fractions"] != 2 {
			h.T.Errorf("published %v", e)
		}
		if e.DurationMillis == nil || *e.DurationMillis < 90_000 || *e.DurationMillis > 95_000 {
			h.T.Errorf("duration %v, want about 90 s", e.DurationMillis)
		}
		if len(e.Results) != 3 || !e.Results[1].Correct || e.Results[2].Correct || e.Results[2].Choice != nil {
			h.T.Errorf("results %v", e.Results)
		}
	})
}

func TestCreateQuizTellsTheCourse(t *testing.T) {
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		q := create(h).GetQuiz()
		h.Quiet()
		e := platformtest.One[*quizv1event.QuizCreated](h)
		want := quizv1event.QuizCreated{
			CourseID: q.GetCourseId(), QuizID: q.GetId(), Title: "Fractions", Difficulty: quizv1event.DifficultyHard,
			QuestionCount: 3, PassScore: 0.6, CreatedBy: "grace", OccurredAt: q.GetCreatedAt().AsTime(),
		}
		if *e != want {
			h.T.Errorf("published %v, want %v", e, &want)
		}
	})
}

func TestRefusals(t *testing.T) {
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		ctx := h.T.Context()
		q, other := create(h), create(h)
		id := q.GetQuiz().GetId()
		submit := func(answers []*quizv1.Answer) error {
			_, err := client(h, asAda).SubmitQuiz(ctx, &quizv1.SubmitQuizRequest{StudentId: "ada", QuizId: id, Answers: answers})
			return err
		}
		wantCode(h, "no answers", submit(nil), connect.CodeInvalidArgument)
		wantCode(h, "a question of another quiz", submit(answer(other, 1)), connect.CodeInvalidArgument)
		wantCode(h, "a question twice", submit(append(answer(q, 1), answer(q, 1)...)), connect.CodeInvalidArgument)
		wantCode(h, "a choice that is none", submit(answer(q, 3)), connect.CodeInvalidArgument)
		for range 2 {
			if err := submit(answer(q, 1)); err != nil {
				h.T.Fatal(err)
			}
		}
		wantCode(h, "a third attempt", submit(answer(q, 1)), connect.CodeFailedPrecondition)
		_, err := client(h, asAda).SubmitQuiz(ctx, &quizv1.SubmitQuizRequest{StudentId: "ada", QuizId: "nothing", Answers: answer(q, 1)})
		wantCode(h, "an unknown quiz", err, connect.CodeNotFound)
		_, err = client(h, asGrace).CreateQuiz(ctx, fractions(event.NewID()))
		wantCode(h, "an unpublished course", err, connect.CodeFailedPrecondition)
		bad := fractions(q.GetQuiz().GetCourseId())
		bad.Questions[1].CorrectChoice = 3
		_, err = client(h, asGrace).CreateQuiz(ctx, bad)
		wantCode(h, "an answer key that is no choice", err, connect.CodeInvalidArgument)

		h.Quiet()
		if n := len(platformtest.Published[*quizv1event.QuizCompleted](h)); n != 2 {
			h.T.Errorf("%d attempts were announced, want 2", n)
		}
		if n := len(platformtest.Published[*quizv1event.QuizCreated](h)); n != 2 {
			h.T.Errorf("%d quizzes were announced, want 2", n)
		}
	})
}

func wantCode(h *platformtest.Harness, what string, err error, want connect.Code) {
	h.T.Helper()
	if connect.CodeOf(err) != want {
		h.T.Errorf("%s: %v, want %v", what, err, want)
	}
}

func TestStudentsNeverSeeTheAnswerKey(t *testing.T) {
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		q := create(h)
		h.Given(published(q.GetQuiz().GetCourseId(), "Algebra, renamed"))
		res, err := client(h, asAda).GetQuiz(h.T.Context(), &quizv1.GetQuizRequest{QuizId: q.GetQuiz().GetId()})
		if err != nil {
			h.T.Fatal(err)
		}
		if len(res.GetQuestions()) != 3 || res.GetQuestions()[0].GetPrompt() != "one" || res.GetCourseTitle() != "Algebra, renamed" {
			h.T.Errorf("quiz %v", res)
		}
		if f := res.GetQuestions()[0].ProtoReflect().Descriptor().Fields().ByName("correct_choice"); f != nil {
			h.T.Error("the answer key is part of the response")
		}
	})
}

func TestListAttempts(t *testing.T) {
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		q := create(h)
		for _, choice := range []int32{0, 1} {
			_, err := client(h, asAda).SubmitQuiz(h.T.Context(), &quizv1.SubmitQuizRequest{
				StudentId: "ada", QuizId: q.GetQuiz().GetId(), Answers: answer(q, choice),
			})
			if err != nil {
				h.T.Fatal(err)
			}
		}
		res, err := client(h, asAda).ListAttempts(h.T.Context(), &quizv1.ListAttemptsRequest{StudentId: "ada", QuizId: q.GetQuiz().GetId()})
		if err != nil {
			h.T.Fatal(err)
		}
		if len(res.GetAttempts()) != 2 || res.GetAttempts()[0].GetNumber() != 2 || res.GetAttempts()[0].GetCorrectCount() != 1 ||
			res.GetAttempts()[0].GetAnswers()[q.GetQuestions()[0].GetId()] != "1" {
			h.T.Errorf("attempts %v", res.GetAttempts())
		}
	})
}
