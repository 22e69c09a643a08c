package achievement_test

import (
	"slices"
	"testing"
	"time"

	"connectrpc.com/connect/v2"

	achievementv1event "github.com/pulselearn/campus-hub/gen/event/achievement/v1"
	commonv1event "github.com/pulselearn/campus-hub/gen/event/common/v1"
	quizv1event "github.com/pulselearn/campus-hub/gen/event/quiz/v1"
	achievementv1 "github.com/pulselearn/campus-hub/gen/proto/pl/achievement/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/achievement/v1/achievementv1connect"
	userprofilev1 "github.com/pulselearn/campus-hub/gen/proto/pl/userprofile/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/userprofile/v1/userprofilev1connect"
	achievementservice "github.com/pulselearn/campus-hub/gen/service/achievement"
	userprofileservice "github.com/pulselearn/campus-hub/gen/service/userprofile"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/platformtest"
	"github.com/pulselearn/campus-hub/platform/service"
	"github.com/pulselearn/campus-hub/services/achievement"
	"github.com/pulselearn/campus-hub/services/achievement/migrations"
	"github.com/pulselearn/campus-hub/services/userprofile"
	userprofilemigrations "github.com/pulselearn/campus-hub/services/userprofile/migrations"
)

func register(app *service.App) {
	achievementservice.Register(app, achievement.New(), migrations.Files)
	userprofileservice.Register(app, userprofile.New(), userprofilemigrations.Files)
}

// Who calls.
var (
	asAda   = platformtest.Student("ada")
	asGrace = platformtest.Teacher("grace")
)

func client(h *platformtest.Harness, as identity.Caller) achievementv1connect.AchievementServiceClient {
	return achievementv1connect.NewAchievementServiceClient(h.Client("achievement", as))
}

// completed is an attempt of a student in the course "algebra".
func completed(studentID, quizID string, score float64, passed bool, difficulty quizv1event.Difficulty) *quizv1event.QuizCompleted {
	return &quizv1event.QuizCompleted{
		StudentID: studentID, AttemptID: event.NewID(), QuizID: quizID, QuizTitle: "Fractions",
		Course:     commonv1event.CourseRef{CourseID: "algebra", Title: "Algebra I"},
		Difficulty: difficulty, AttemptNumber: 1, Score: score, PassScore: 0.6, Passed: passed,
		CorrectCount: int32(score * 10), QuestionCount: 10, OccurredAt: time.Now().UTC(),
	}
}

func TestBadgesOfAnAttempt(t *testing.T) {
	easy, hard := quizv1event.DifficultyEasy, quizv1event.DifficultyHard
	firstPass, ace, challenger := achievementv1event.BadgeKindFirstPass, achievementv1event.BadgeKindAce, achievementv1event.BadgeKindChallenger
	for _, test := range []struct {
		name       string
		score      float64
		passed     bool
		difficulty quizv1event.Difficulty
		want       []achievementv1event.BadgeKind
	}{
		{"failed", 0.5, false, hard, nil},
		{"passed", 0.7, true, easy, []achievementv1event.BadgeKind{firstPass}},
		{"passed a hard quiz", 0.7, true, hard, []achievementv1event.BadgeKind{firstPass, challenger}},
		{"ninety percent", 0.9, true, easy, []achievementv1event.BadgeKind{firstPass, ace}},
		{"everything", 1, true, hard, []achievementv1event.BadgeKind{firstPass, ace, challenger}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			platformtest.Run(t, register, func(h *platformtest.Harness) {
				h.Given(completed("ada", event.NewID(), test.score, test.passed, test.difficulty))
				var kinds []achievementv1event.BadgeKind
				for _, e := range platformtest.Published[*achievementv1event.BadgeAwarded](h) {
					kinds = append(kinds, e.Kind)
				}
				if !slices.Equal(kinds, test.want) {
					h.T.Errorf("badges %v, want %v", kinds, test.want)
				}
			})
		})
	}
}

func TestABadgeIsEarnedOnceAQuiz(t *testing.T) {
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		one, two := event.NewID(), event.NewID()
		h.Given(
			completed("ada", one, 1, true, quizv1event.DifficultyEasy),
			completed("ada", one, 1, true, quizv1event.DifficultyEasy),
			completed("ada", two, 1, true, quizv1event.DifficultyEasy),
		)
		res, err := client(h, asAda).ListBadges(h.T.Context(), &achievementv1.ListBadgesRequest{StudentId: "ada"})
		if err != nil {
			h.T.Fatal(err)
		}
		var kinds []achievementv1.BadgeKind
		for _, b := range res.GetBadges() {
			kinds = append(kinds, b.GetKind())
		}
		want := []achievementv1.BadgeKind{ // newest first
			achievementv1.BadgeKind_BADGE_KIND_ACE, achievementv1.BadgeKind_BADGE_KIND_ACE, achievementv1.BadgeKind_BADGE_KIND_FIRST_PASS,
		}
		if !slices.Equal(kinds, want) {
			h.T.Errorf("badges %v, want %v", kinds, want)
		}
	})
}

func TestAwardBadge(t *testing.T) {
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		req := &achievementv1.AwardBadgeRequest{
			StudentId: "ada", StudentName: "Ada", Kind: achievementv1.BadgeKind_BADGE_KIND_HELPING_HAND,
			SourceId: "homework-3", CourseId: "algebra", CourseTitle: "Algebra I", Reason: "explained it to others", AwardedBy: "grace",
		}
		res, err := client(h, asGrace).AwardBadge(h.T.Context(), req)
		if err != nil {
			h.T.Fatal(err)
		}
		h.Quiet()
		e := platformtest.One[*achievementv1event.BadgeAwarded](h)
		if e.BadgeID != res.GetBadge().GetId() || e.Points != 20 || e.AwardedBy.UserID != "grace" || *e.Reason != req.Reason {
			h.T.Errorf("published %v for badge %v", e, res.GetBadge())
		}

		_, err = client(h, asGrace).AwardBadge(h.T.Context(), req)
		wantCode(h, "the same badge again", err, connect.CodeAlreadyExists)
		req.Kind = achievementv1.BadgeKind_BADGE_KIND_ACE
		_, err = client(h, asGrace).AwardBadge(h.T.Context(), req)
		wantCode(h, "a badge of quizzes", err, connect.CodeInvalidArgument)
		req.Kind = 99
		_, err = client(h, asGrace).AwardBadge(h.T.Context(), req)
		wantCode(h, "an unknown kind", err, connect.CodeInvalidArgument)
		h.Quiet()
		platformtest.One[*achievementv1event.BadgeAwarded](h)
	})
}

func wantCode(h *platformtest.Harness, what string, err error, want connect.Code) {
	h.T.Helper()
	if connect.CodeOf(err) != want {
		h.T.Errorf("%s: %v, want %v", what, err, want)
	}
}

func TestListBadgesByPages(t *testing.T) {
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		for range 5 {
			h.Publish(completed("ada", event.NewID(), 0.95, false, quizv1event.DifficultyEasy))
		}
		h.Given(completed("bob", event.NewID(), 1, true, quizv1event.DifficultyHard))
		var ids []string
		req := &achievementv1.ListBadgesRequest{StudentId: "ada", PageSize: 2}
		for pages := 1; ; pages++ {
			res, err := client(h, asAda).ListBadges(h.T.Context(), req)
			if err != nil {
				h.T.Fatal(err)
			}
			for _, b := range res.GetBadges() {
				ids = append(ids, b.GetId())
			}
			if req.PageToken = res.GetNextPageToken(); req.PageToken == "" {
				if pages != 3 {
					h.T.Errorf("%d pages, want 3", pages)
				}
				break
			}
		}
		newestFirst := slices.IsSortedFunc(ids, func(a, b string) int { return -compare(a, b) })
		if len(slices.Compact(ids)) != 5 || !newestFirst {
			h.T.Errorf("badges %v, want 5 different ones, newest first", ids)
		}
		_, err := client(h, asAda).ListBadges(h.T.Context(), &achievementv1.ListBadgesRequest{StudentId: "ada", PageToken: "x"})
		wantCode(h, "a made-up token", err, connect.CodeInvalidArgument)
	})
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func TestLeaderboard(t *testing.T) {
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		users := userprofilev1connect.NewUserProfileServiceClient(h.Client("userprofile", platformtest.Admin("root")))
		ada, err := users.RegisterUser(h.T.Context(), &userprofilev1.RegisterUserRequest{
			DisplayName: "Ada", Email: "ada@example.org", Role: userprofilev1.UserRole_USER_ROLE_STUDENT,
		})
		if err != nil {
			h.T.Fatal(err)
		}
		adaID := ada.GetUser().GetId()
		h.Given(
			completed(adaID, event.NewID(), 1, true, quizv1event.DifficultyHard),    // 10 + 50 + 30
			completed(adaID, event.NewID(), 0.2, false, quizv1event.DifficultyHard), // nothing
			completed("bob", event.NewID(), 0.7, true, quizv1event.DifficultyEasy),  // 10
			completed("cleo", event.NewID(), 0.7, true, quizv1event.DifficultyEasy), // 10
		)
		for _, courseID := range []string{"", "algebra"} {
			res, err := client(h, asAda).GetLeaderboard(h.T.Context(), &achievementv1.GetLeaderboardRequest{CourseId: courseID, Limit: 3})
			if err != nil {
				h.T.Fatal(err)
			}
			if len(res.GetEntries()) != 3 {
				h.T.Fatalf("course %q: %d entries, want 3", courseID, len(res.GetEntries()))
			}
			first, second, third := res.Entries[0], res.Entries[1], res.Entries[2]
			if first.StudentId != adaID || first.Points != 90 || first.Badges != 3 || first.QuizzesCompleted != 2 || first.DisplayName != "Ada" {
				h.T.Errorf("course %q: first %v", courseID, first)
			}
			if second.StudentId != "bob" || third.StudentId != "cleo" || second.Rank != 2 || third.Rank != 2 || third.DisplayName != "" {
				h.T.Errorf("course %q: second %v, third %v", courseID, second, third)
			}
		}
		res, err := client(h, asAda).GetLeaderboard(h.T.Context(), &achievementv1.GetLeaderboardRequest{CourseId: "geometry"})
		if err != nil || len(res.GetEntries()) != 0 {
			h.T.Errorf("a course without attempts: %v, %v", res, err)
		}
	})
}
