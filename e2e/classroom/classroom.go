package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/types/known/timestamppb"

	achievementv1 "github.com/pulselearn/campus-hub/gen/proto/pl/achievement/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/achievement/v1/achievementv1connect"
	"github.com/pulselearn/campus-hub/gen/proto/pl/auth/v1/authv1connect"
	"github.com/pulselearn/campus-hub/gen/proto/pl/course/v1/coursev1connect"
	notificationv1 "github.com/pulselearn/campus-hub/gen/proto/pl/notification/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/notification/v1/notificationv1connect"
	quizv1 "github.com/pulselearn/campus-hub/gen/proto/pl/quiz/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/quiz/v1/quizv1connect"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

// A classroom is one class on one hub.
type classroom struct {
	hub           string
	out           io.Writer
	day           string // names the day's class
	random        *rand.Rand
	people        *people
	accounts      authv1connect.AuthServiceClient
	courses       coursev1connect.CourseServiceClient
	quizzes       quizv1connect.QuizServiceClient
	achievements  achievementv1connect.AchievementServiceClient
	notifications notificationv1connect.NotificationServiceClient

	students  []student
	teacherID string
	courseID  string
	tests     []test
}

// A student takes quizzes; skill is the share of questions that they know.
type student struct {
	name, user, id string
	skill          float64
}

// A test is a quiz and the answers to it.
type test struct {
	lesson
	id        string
	questions []*quizv1.QuestionView
}

func newClassroom(hub, issuer string, out io.Writer) *classroom {
	transport := connecthttp.NewTransport(&http.Client{Timeout: 10 * time.Second}, hub)
	p := newPeople(issuer)
	client := func(user string) *connect.Client { return rpc.NewClient(transport, p.calls(user)) }
	return &classroom{
		hub: hub, out: out, day: time.Now().UTC().Format("20060102"),
		random:        rand.New(rand.NewPCG(rand.Uint64(), 1)),
		people:        p,
		accounts:      authv1connect.NewAuthServiceClient(client("")),
		courses:       coursev1connect.NewCourseServiceClient(client(teacher)),
		quizzes:       quizv1connect.NewQuizServiceClient(client(teacher)),
		achievements:  achievementv1connect.NewAchievementServiceClient(client(teacher)),
		notifications: notificationv1connect.NewNotificationServiceClient(client(registrar)),
	}
}

func (c *classroom) say(format string, args ...any) {
	fmt.Fprintf(c.out, "%s  %s\n", time.Now().Format("15:04:05"), fmt.Sprintf(format, args...))
}

// key returns a context whose command runs once for the day's class. Names are
// escaped: a key is plain ASCII.
func (c *classroom) key(ctx context.Context, parts ...string) context.Context {
	ctx, info := connect.NewClientContext(ctx)
	info.RequestHeader().Set(rpc.HeaderIdempotencyKey, url.QueryEscape(strings.Join(append([]string{"classroom", c.day}, parts...), "-")))
	return ctx
}

// awaitHub waits until the hub is ready.
func (c *classroom) awaitHub(ctx context.Context) error {
	c.say("waiting for the hub at %s", c.hub)
	return retry(ctx, time.Minute, func() error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.hub+"/readyz", nil)
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("the hub at %s is not ready: %s", c.hub, res.Status)
		}
		return nil
	})
}

// lessons lets students take quizzes, one after the other, until ctx ends.
func (c *classroom) lessons(ctx context.Context, pace time.Duration, attempts int) error {
	for n := 1; ; n++ {
		if err := c.attempt(ctx); err != nil {
			return err
		}
		if n%10 == 0 {
			if err := c.leaderboard(ctx); err != nil {
				return err
			}
		}
		wait := pace/2 + time.Duration(c.random.Int64N(int64(pace)))
		if n == attempts {
			c.say("the class slows down; interrupt it whenever you like")
		}
		if n >= attempts {
			wait *= 10
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// attempt lets a random student take a random quiz, and shows what follows.
func (c *classroom) attempt(ctx context.Context) error {
	s, t := c.students[c.random.IntN(len(c.students))], c.tests[c.random.IntN(len(c.tests))]
	seen, err := c.inbox(ctx, s)
	if err != nil {
		return err
	}
	res, err := c.quizzes.SubmitQuiz(as(ctx, s.user), &quizv1.SubmitQuizRequest{
		StudentId: s.id, QuizId: t.id, Answers: c.answer(s, t),
		StartedAt: timestamppb.New(time.Now().Add(-time.Duration(3+c.random.IntN(9)) * time.Minute)),
	})
	if err != nil {
		return fmt.Errorf("submit a quiz: %w", err)
	}
	verdict := "and did not pass"
	if res.GetPassed() {
		verdict = "and passed"
	}
	c.say("%-8s took %q: %d of %d right, attempt %d, %s", s.name, t.title, res.GetCorrectCount(), res.GetQuestionCount(), res.GetAttemptNumber(), verdict)
	return c.showNews(ctx, s, seen)
}

func (c *classroom) answer(s student, t test) []*quizv1.Answer {
	answers := make([]*quizv1.Answer, len(t.questions))
	for i, q := range t.questions {
		choice := t.right[i]
		if c.random.Float64() > s.skill {
			choice = int32(c.random.IntN(len(q.GetChoices())))
		}
		answers[i] = &quizv1.Answer{QuestionId: q.GetId(), Choice: choice}
	}
	return answers
}

// showNews shows the notifications that reached the student since, for a
// moment: they come by way of two other services.
func (c *classroom) showNews(ctx context.Context, s student, seen map[string]bool) error {
	if err := sleep(ctx, 150*time.Millisecond); err != nil {
		return err
	}
	res, err := c.notifications.ListNotifications(ctx, &notificationv1.ListNotificationsRequest{StudentId: s.id, PageSize: 10})
	if err != nil {
		return fmt.Errorf("list notifications: %w", err)
	}
	for _, n := range res.GetNotifications() {
		if !seen[n.GetId()] {
			c.say("%-8s ★ %s", "", n.GetBody())
		}
	}
	return nil
}

func (c *classroom) inbox(ctx context.Context, s student) (map[string]bool, error) {
	res, err := c.notifications.ListNotifications(ctx, &notificationv1.ListNotificationsRequest{StudentId: s.id, PageSize: 10})
	if err != nil {
		return nil, fmt.Errorf("list notifications: %w", err)
	}
	seen := map[string]bool{}
	for _, n := range res.GetNotifications() {
		seen[n.GetId()] = true
	}
	return seen, nil
}

func (c *classroom) leaderboard(ctx context.Context) error {
	res, err := c.achievements.GetLeaderboard(ctx, &achievementv1.GetLeaderboardRequest{CourseId: c.courseID, Limit: 5})
	if err != nil {
		return fmt.Errorf("read the leaderboard: %w", err)
	}
	c.say("leaderboard")
	for _, e := range res.GetEntries() {
		c.say("%3d. %-8s %4d points  badges %2d  quizzes %3d", e.GetRank(), e.GetDisplayName(), e.GetPoints(), e.GetBadges(), e.GetQuizzesCompleted())
	}
	return nil
}

// retry calls f until it returns nil, for as long as within.
func retry(ctx context.Context, within time.Duration, f func() error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		err := f()
		if err == nil {
			return nil
		}
		if sleep(ctx, 200*time.Millisecond) != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
