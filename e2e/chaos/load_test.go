//go:build unix

package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/types/known/timestamppb"

	coursev1 "github.com/pulselearn/campus-hub/gen/proto/pl/course/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/course/v1/coursev1connect"
	paymentv1 "github.com/pulselearn/campus-hub/gen/proto/pl/payment/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/payment/v1/paymentv1connect"
	quizv1 "github.com/pulselearn/campus-hub/gen/proto/pl/quiz/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/quiz/v1/quizv1connect"
	userprofilev1 "github.com/pulselearn/campus-hub/gen/proto/pl/userprofile/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/userprofile/v1/userprofilev1connect"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

const (
	students = 12
	// exams is how many quizzes there are. A student earns a badge at most once at
	// each, and a letter with it: these are the events of the handlers that
	// call others.
	exams = 20
	// every is the time between two commands.
	every = 25 * time.Millisecond
	// atLeast is how many commands make a run worth checking: among their
	// events are dead ones, as surely as chance can be.
	atLeast = 400
	// patience is how long anything is waited for that has to come: a client
	// sends a command again, a process starts, everything becomes quiet. It is
	// longer than a machine that does much else needs.
	patience = 5 * time.Minute
)

// A campus is the clients: students who take quizzes and buy courses.
type campus struct {
	t        *testing.T
	users    userprofilev1connect.UserProfileServiceClient
	courses  coursev1connect.CourseServiceClient
	quizzes  quizv1connect.QuizServiceClient
	payments paymentv1connect.PaymentServiceClient

	students []string
	course   string
	exams    []*quizv1.CreateQuizResponse

	mu        sync.Mutex
	attempts  map[string]bool // answered: attempt ids
	purchases map[string]bool // answered: payment ids
	refused   int             // purchases that nobody can fulfil
}

func newCampus(w *world) *campus {
	client := func(context string, as identity.Caller) *connect.Client {
		return rpc.NewClient(connecthttp.NewTransport(&http.Client{Timeout: 5 * time.Second}, w.url(context)), issuer().As(as))
	}
	c := &campus{
		t: w.T, attempts: map[string]bool{}, purchases: map[string]bool{},
		users:    userprofilev1connect.NewUserProfileServiceClient(client("userprofile", registrar)),
		courses:  coursev1connect.NewCourseServiceClient(client("course", teacher)),
		quizzes:  quizv1connect.NewQuizServiceClient(client("quiz", teacher)),
		payments: paymentv1connect.NewPaymentServiceClient(client("payment", registrar)),
	}
	c.enroll(w)
	return c
}

func (c *campus) enroll(w *world) {
	ctx := w.Context()
	for i := range students {
		res, err := c.users.RegisterUser(ctx, &userprofilev1.RegisterUserRequest{
			DisplayName: fmt.Sprintf("Student %d", i), Email: fmt.Sprintf("s%d@example.org", i),
			Role: userprofilev1.UserRole_USER_ROLE_STUDENT,
		})
		w.must("register a student", err)
		c.students = append(c.students, res.GetUser().GetId())
	}
	created, err := c.courses.CreateCourse(ctx, &coursev1.CreateCourseRequest{
		Code: "alg-1", Title: "Algebra I", Level: coursev1.CourseLevel_COURSE_LEVEL_INTRODUCTORY, InstructorId: "teacher-1",
	})
	w.must("create a course", err)
	c.course = created.GetCourse().GetId()
	_, err = c.courses.PublishCourse(ctx, &coursev1.PublishCourseRequest{CourseId: c.course})
	w.must("publish the course", err)
	for i := range exams {
		w.await(func() error {
			quiz, err := c.quizzes.CreateQuiz(ctx, &quizv1.CreateQuizRequest{
				CourseId: c.course, Title: fmt.Sprintf("Fractions %d", i), PassScore: 0.5, CreatedBy: "teacher-1",
				Questions: []*quizv1.QuestionDraft{{Prompt: "1/2 + 1/4 = ?", Choices: []string{"2/6", "3/4"}, CorrectChoice: 1, Topic: "sums"}},
			})
			if err == nil {
				c.exams = append(c.exams, quiz)
			}
			return err
		})
	}
}

// study sends commands at a steady rate until stop is closed and there were
// enough, and returns when each has its answer.
func (c *campus) study(random *rand.Rand, stop <-chan struct{}) {
	var calls sync.WaitGroup
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := 0; (n < atLeast || !closed(stop)) && c.t.Context().Err() == nil; n++ {
		student, right, buys, known := c.students[random.IntN(students)], random.IntN(3) > 0, random.IntN(6) == 0, random.IntN(5) > 0
		quiz := c.exams[random.IntN(exams)]
		calls.Go(func() {
			if buys {
				c.buy(n, student, known)
			} else {
				c.answer(n, student, quiz, right)
			}
		})
		<-tick.C
	}
	calls.Wait()
}

func closed(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

// insist sends one command with one key until it is answered.
func (c *campus) insist(key string, call func(ctx context.Context) error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	for {
		keyed, info := connect.NewClientContext(ctx)
		info.RequestHeader().Set(rpc.HeaderIdempotencyKey, key)
		err := call(keyed)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			if c.t.Context().Err() == nil { // the test is not over
				c.t.Errorf("command %s was not answered: %v", key, err)
			}
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (c *campus) answer(n int, student string, quiz *quizv1.CreateQuizResponse, right bool) {
	choice := int32(0)
	if right {
		choice = 1
	}
	req := &quizv1.SubmitQuizRequest{
		StudentId: student, QuizId: quiz.GetQuiz().GetId(), StartedAt: timestamppb.New(time.Now().Add(-time.Hour)),
		Answers: []*quizv1.Answer{{QuestionId: quiz.GetQuestions()[0].GetId(), Choice: choice}},
	}
	c.insist(fmt.Sprintf("answer-%d", n), func(ctx context.Context) error {
		ctx = identity.With(ctx, identity.Caller{Subject: student, Roles: []string{identity.Student}})
		res, err := c.quizzes.SubmitQuiz(ctx, req)
		if err == nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.attempts[res.GetAttemptId()] = true
		}
		return err
	})
}

// buy pays for a course, which may be one that does not exist: then the
// purchase ends with a refund.
func (c *campus) buy(n int, student string, known bool) {
	course := c.course
	if !known {
		course = "course-that-is-gone"
	}
	req := &paymentv1.CapturePaymentRequest{
		ProviderReference: fmt.Sprintf("ref-%d", n), StudentId: student, StudentName: "Student", CourseId: course,
		CourseTitle: "Algebra I", AmountMinor: 4900, Currency: "EUR",
	}
	c.insist(fmt.Sprintf("buy-%d", n), func(ctx context.Context) error {
		res, err := c.payments.CapturePayment(ctx, req)
		if err == nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.purchases[res.GetPayment().GetId()] = true
			if !known {
				c.refused++
			}
		}
		return err
	})
}
