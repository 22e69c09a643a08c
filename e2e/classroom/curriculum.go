package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"connectrpc.com/connect/v2"

	authv1 "github.com/pulselearn/campus-hub/gen/proto/pl/auth/v1"
	coursev1 "github.com/pulselearn/campus-hub/gen/proto/pl/course/v1"
	quizv1 "github.com/pulselearn/campus-hub/gen/proto/pl/quiz/v1"
)

var roster = []student{
	{name: "Ada", skill: 0.95}, {name: "Blaise", skill: 0.8}, {name: "Carl", skill: 0.9}, {name: "Emmy", skill: 0.9},
	{name: "Évariste", skill: 0.7}, {name: "Grace", skill: 0.85}, {name: "Sofia", skill: 0.75}, {name: "Srinivas", skill: 0.6},
}

// A lesson is a quiz as the teacher writes it.
type lesson struct {
	title      string
	difficulty quizv1.Difficulty
	questions  []*quizv1.QuestionDraft
	right      []int32
}

func newLesson(title string, difficulty quizv1.Difficulty, questions ...*quizv1.QuestionDraft) lesson {
	l := lesson{title: title, difficulty: difficulty, questions: questions}
	for _, q := range questions {
		l.right = append(l.right, q.GetCorrectChoice())
	}
	return l
}

func ask(topic, prompt string, right int32, choices ...string) *quizv1.QuestionDraft {
	return &quizv1.QuestionDraft{Topic: topic, Prompt: prompt, CorrectChoice: right, Choices: choices}
}

var lessons = []lesson{
	newLesson("Fractions", quizv1.Difficulty_DIFFICULTY_EASY,
		ask("sums", "1/2 + 1/4 = ?", 1, "2/6", "3/4", "1/8"),
		ask("products", "1/2 × 1/4 = ?", 0, "1/8", "2/6", "3/4"),
		ask("order", "Which is larger, 2/3 or 3/5?", 0, "2/3", "3/5")),
	newLesson("Linear equations", quizv1.Difficulty_DIFFICULTY_MEDIUM,
		ask("one unknown", "3x + 1 = 10, x = ?", 2, "1", "2", "3", "4"),
		ask("two unknowns", "x + y = 5 and x − y = 1, x = ?", 1, "2", "3", "4"),
		ask("lines", "The slope of y = 4 − 2x is", 0, "−2", "2", "4")),
	newLesson("Primes", quizv1.Difficulty_DIFFICULTY_HARD,
		ask("primes", "Which is a prime?", 2, "51", "57", "61", "91"),
		ask("divisors", "How many divisors has 36?", 1, "6", "9", "12"),
		ask("remainders", "7¹⁰⁰ divided by 6 leaves", 0, "1", "5", "3")),
}

// open makes the day's class, or finds it as it was left.
func (c *classroom) open(ctx context.Context) error {
	if err := c.register(ctx); err != nil {
		return fmt.Errorf("register students: %w", err)
	}
	if err := c.publish(ctx); err != nil {
		return fmt.Errorf("publish the course: %w", err)
	}
	for _, l := range lessons {
		if err := c.write(ctx, l); err != nil {
			return fmt.Errorf("write the quiz %q: %w", l.title, err)
		}
	}
	c.say("the class is open: %d students, %d quizzes", len(c.students), len(c.tests))
	return nil
}

// register gives everybody an account, unless they have one from another day.
func (c *classroom) register(ctx context.Context) error {
	for _, s := range roster {
		s.user = ascii(s.name) + ".of.the.class@campus.example"
		_, err := c.accounts.CreateAccount(c.key(ctx, "student", s.name), &authv1.CreateAccountRequest{
			Email: s.user, Password: classPassword, DisplayName: s.name,
		})
		if err != nil && connect.CodeOf(err) != connect.CodeAlreadyExists {
			return err
		}
		own, err := c.people.logIn(ctx, s.user)
		if err != nil {
			return err
		}
		s.id = own.id
		c.students = append(c.students, s)
	}
	return nil
}

// ascii is a name as an address has it.
func ascii(name string) string { return strings.ToLower(strings.ReplaceAll(name, "É", "E")) }

func (c *classroom) publish(ctx context.Context) error {
	tess, err := c.people.logIn(ctx, teacher)
	if err != nil {
		return err
	}
	c.teacherID = tess.id
	created, err := c.courses.CreateCourse(c.key(ctx, "course"), &coursev1.CreateCourseRequest{
		Code: "MATH-" + c.day, Title: "Mathematics of the day", Level: coursev1.CourseLevel_COURSE_LEVEL_INTRODUCTORY,
		InstructorId: c.teacherID, InstructorName: "Tess", Topics: []string{"numbers", "equations"},
	})
	if err != nil {
		return err
	}
	c.courseID = created.GetCourse().GetId()
	_, err = c.courses.PublishCourse(c.key(ctx, "publish"), &coursev1.PublishCourseRequest{CourseId: c.courseID})
	return err
}

// write adds a quiz, as soon as the quiz service has heard of the course.
func (c *classroom) write(ctx context.Context, l lesson) error {
	var res *quizv1.CreateQuizResponse
	var refused error
	err := retry(ctx, 30*time.Second, func() (err error) {
		res, err = c.quizzes.CreateQuiz(c.key(ctx, "quiz", l.title), &quizv1.CreateQuizRequest{
			CourseId: c.courseID, Title: l.title, Difficulty: l.difficulty, PassScore: 0.6,
			Questions: l.questions, CreatedBy: c.teacherID,
		})
		if connect.CodeOf(err) == connect.CodeFailedPrecondition {
			return err
		}
		refused = err
		return nil
	})
	if err := errors.Join(err, refused); err != nil {
		return err
	}
	c.tests = append(c.tests, test{lesson: l, id: res.GetQuiz().GetId(), questions: res.GetQuestions()})
	return nil
}
