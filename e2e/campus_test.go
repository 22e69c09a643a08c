//go:build unix

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/types/known/timestamppb"

	achievementv1 "github.com/pulselearn/campus-hub/gen/proto/pl/achievement/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/achievement/v1/achievementv1connect"
	coursev1 "github.com/pulselearn/campus-hub/gen/proto/pl/course/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/course/v1/coursev1connect"
	notificationv1 "github.com/pulselearn/campus-hub/gen/proto/pl/notification/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/notification/v1/notificationv1connect"
	quizv1 "github.com/pulselearn/campus-hub/gen/proto/pl/quiz/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/quiz/v1/quizv1connect"
	userprofilev1 "github.com/pulselearn/campus-hub/gen/proto/pl/userprofile/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/userprofile/v1/userprofilev1connect"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

// A campus is the platform as its clients see it.
type campus struct {
	t             *testing.T
	users         userprofilev1connect.UserProfileServiceClient
	courses       coursev1connect.CourseServiceClient
	quizzes       quizv1connect.QuizServiceClient
	achievements  achievementv1connect.AchievementServiceClient
	notifications notificationv1connect.NotificationServiceClient
}

// newCampus returns clients that send every call once: retrying is up to the
// test. url returns the base URL of a context.
func newCampus(t *testing.T, url func(context string) string) *campus {
	client := func(context string, as identity.Caller) *connect.Client {
		return connect.NewClient(connecthttp.NewTransport(&http.Client{Timeout: 15 * time.Second}, url(context)), issuer.As(as))
	}
	return &campus{
		t:             t,
		users:         userprofilev1connect.NewUserProfileServiceClient(client("userprofile", registrar)),
		courses:       coursev1connect.NewCourseServiceClient(client("course", teacher)),
		quizzes:       quizv1connect.NewQuizServiceClient(client("quiz", teacher)),
		achievements:  achievementv1connect.NewAchievementServiceClient(client("achievement", teacher)),
		notifications: notificationv1connect.NewNotificationServiceClient(client("notification", registrar)),
	}
}

func withKey(ctx context.Context, key string) context.Context {
	ctx, info := connect.NewClientContext(ctx)
	info.RequestHeader().Set(rpc.HeaderIdempotencyKey, key)
	return ctx
}

// A class is the students of one course and the quizzes that it has.
type class struct {
	course   *coursev1.Course
	students []string
	quizzes  []*quizv1.CreateQuizResponse
}

// newClass registers students, publishes a course and writes quizzes for it.
func (c *campus) newClass(name string, students, quizzes int) *class {
	c.t.Helper()
	ctx := c.t.Context()
	k := &class{}
	for i := range students {
		res, err := c.users.RegisterUser(withKey(ctx, fmt.Sprintf("%s-student-%d", name, i)), &userprofilev1.RegisterUserRequest{
			DisplayName: fmt.Sprintf("Student %d", i), Email: fmt.Sprintf("%s-%d@example.org", name, i),
			Role: userprofilev1.UserRole_USER_ROLE_STUDENT,
		})
		c.must("register a student", err)
		k.students = append(k.students, res.GetUser().GetId())
	}
	created, err := c.courses.CreateCourse(withKey(ctx, name+"-course"), &coursev1.CreateCourseRequest{
		Code: name, Title: "Algebra I", Level: coursev1.CourseLevel_COURSE_LEVEL_INTRODUCTORY, InstructorId: "teacher-1",
	})
	c.must("create a course", err)
	published, err := c.courses.PublishCourse(withKey(ctx, name+"-publish"), &coursev1.PublishCourseRequest{CourseId: created.GetCourse().GetId()})
	c.must("publish the course", err)
	k.course = published.GetCourse()
	for i := range quizzes {
		k.quizzes = append(k.quizzes, c.newQuiz(k.course.GetId(), fmt.Sprintf("%s-quiz-%d", name, i)))
	}
	return k
}

// newQuiz waits until the quiz context has heard of the course.
func (c *campus) newQuiz(courseID, key string) *quizv1.CreateQuizResponse {
	c.t.Helper()
	var quiz *quizv1.CreateQuizResponse
	await(c.t, 30*time.Second, func() (err error) {
		quiz, err = c.quizzes.CreateQuiz(withKey(c.t.Context(), key), &quizv1.CreateQuizRequest{
			CourseId: courseID, Title: "Fractions", PassScore: 0.5, CreatedBy: "teacher-1",
			Questions: []*quizv1.QuestionDraft{
				{Prompt: "1/2 + 1/4 = ?", Choices: []string{"2/6", "3/4"}, CorrectChoice: 1, Topic: "sums"},
				{Prompt: "1/2 × 1/4 = ?", Choices: []string{"1/8", "2/6"}, CorrectChoice: 0, Topic: "products"},
			},
		})
		return err
	})
	return quiz
}

// answers returns the answers to a quiz that newQuiz has made, all of them
// right or none.
func answers(quiz *quizv1.CreateQuizResponse, right bool) []*quizv1.Answer {
	correct := []int32{1, 0}
	out := make([]*quizv1.Answer, len(quiz.GetQuestions()))
	for i, q := range quiz.GetQuestions() {
		choice := correct[i]
		if !right {
			choice = 1 - choice
		}
		out[i] = &quizv1.Answer{QuestionId: q.GetId(), Choice: choice}
	}
	return out
}

func (k *class) submission(student, quiz int, right bool, startedAt time.Time) *quizv1.SubmitQuizRequest {
	return &quizv1.SubmitQuizRequest{
		StudentId: k.students[student], QuizId: k.quizzes[quiz].GetQuiz().GetId(),
		Answers: answers(k.quizzes[quiz], right), StartedAt: timestamppb.New(startedAt),
	}
}

// badges returns all badges of a student, page by page.
func (c *campus) badges(student string) []*achievementv1.Badge {
	c.t.Helper()
	var all []*achievementv1.Badge
	for token := ""; ; {
		res, err := c.achievements.ListBadges(c.t.Context(), &achievementv1.ListBadgesRequest{StudentId: student, PageToken: token, PageSize: 7})
		c.must("list badges", err)
		all = append(all, res.GetBadges()...)
		if token = res.GetNextPageToken(); token == "" {
			return all
		}
	}
}

// notes returns all notifications of a student, page by page.
func (c *campus) notes(student string) []*notificationv1.Notification {
	c.t.Helper()
	var all []*notificationv1.Notification
	for token := ""; ; {
		res, err := c.notifications.ListNotifications(c.t.Context(), &notificationv1.ListNotificationsRequest{StudentId: student, PageToken: token, PageSize: 7})
		c.must("list notifications", err)
		all = append(all, res.GetNotifications()...)
		if token = res.GetNextPageToken(); token == "" {
			return all
		}
	}
}

func (c *campus) must(what string, err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatalf("%s: %v", what, err)
	}
}
