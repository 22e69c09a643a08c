package achievement_test

import (
	"testing"

	quizv1event "github.com/pulselearn/campus-hub/gen/event/quiz/v1"
	achievementv1 "github.com/pulselearn/campus-hub/gen/proto/pl/achievement/v1"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/platformtest"
)

// Wherever the process dies, ada's two attempts count twice and earn their
// badges once.
func TestCrashes(t *testing.T) {
	platformtest.CrashEverywhere(t, register, func(h *platformtest.Harness) {
		quiz := event.NewID()
		h.Given(
			completed("ada", quiz, 0.95, true, quizv1event.DifficultyHard),
			completed("ada", quiz, 1, true, quizv1event.DifficultyHard),
		)
		_, err := client(h, asGrace).AwardBadge(h.T.Context(), &achievementv1.AwardBadgeRequest{
			StudentId: "ada", Kind: achievementv1.BadgeKind_BADGE_KIND_HELPING_HAND, SourceId: quiz, Reason: "help", AwardedBy: "grace",
		})
		if err != nil {
			h.T.Fatal(err)
		}
	}, func(h *platformtest.Harness) {
		board, err := client(h, asAda).GetLeaderboard(h.T.Context(), &achievementv1.GetLeaderboardRequest{})
		if err != nil || len(board.GetEntries()) != 1 {
			h.T.Fatalf("leaderboard %v, %v", board, err)
		}
	})
}
