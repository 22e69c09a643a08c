package achievement_test

import (
	"testing"

	achievementv1event "github.com/pulselearn/campus-hub/gen/event/achievement/v1"
	quizv1event "github.com/pulselearn/campus-hub/gen/event/quiz/v1"
	achievementv1 "github.com/pulselearn/campus-hub/gen/proto/pl/achievement/v1"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/platformtest"
)

func TestProgressIsAnnouncedWithItsSums(t *testing.T) {
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		h.Given(
			completed("ada", event.NewID(), 0.2, false, quizv1event.DifficultyEasy),
			completed("ada", event.NewID(), 0.95, true, quizv1event.DifficultyEasy),
		)
		_, err := client(h, asGrace).AwardBadge(h.T.Context(), &achievementv1.AwardBadgeRequest{ // in no course
			StudentId: "ada", Kind: achievementv1.BadgeKind_BADGE_KIND_HELPING_HAND, SourceId: "fair", Reason: "built the stand", AwardedBy: "grace",
		})
		if err != nil {
			h.T.Fatal(err)
		}
		h.Quiet()
		changes := platformtest.Published[*achievementv1event.ProgressChanged](h)
		if len(changes) != 2 {
			h.T.Fatalf("%d changes were announced, want 2", len(changes))
		}
		last := changes[1]
		if last.CourseID != "algebra" || last.QuizzesCompleted != 2 || last.QuizzesPassed != 1 || last.Badges != 2 || last.Points != 60 || last.BestScore != 0.95 {
			h.T.Errorf("announced %+v", last)
		}
	})
}
