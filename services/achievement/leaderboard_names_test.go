package achievement_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect/v2"

	quizv1event "github.com/pulselearn/campus-hub/gen/event/quiz/v1"
	achievementv1 "github.com/pulselearn/campus-hub/gen/proto/pl/achievement/v1"
	userprofilev1 "github.com/pulselearn/campus-hub/gen/proto/pl/userprofile/v1"
	achievementservice "github.com/pulselearn/campus-hub/gen/service/achievement"
	userprofileservice "github.com/pulselearn/campus-hub/gen/service/userprofile"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/platformtest"
	"github.com/pulselearn/campus-hub/platform/service"
	"github.com/pulselearn/campus-hub/services/achievement"
	"github.com/pulselearn/campus-hub/services/achievement/migrations"
	"github.com/pulselearn/campus-hub/services/userprofile"
	userprofilemigrations "github.com/pulselearn/campus-hub/services/userprofile/migrations"
)

// A sick userprofile fails the calls for names, or does not answer them.
type sick struct {
	*userprofile.Service
	fault atomic.Pointer[func(ctx context.Context) error]
	calls atomic.Int32
}

func (s *sick) BatchGetUsers(ctx context.Context, r *userprofileservice.Reader, req *userprofilev1.BatchGetUsersRequest) (*userprofilev1.BatchGetUsersResponse, error) {
	s.calls.Add(1)
	if fault := s.fault.Load(); fault != nil {
		return nil, (*fault)(ctx)
	}
	return s.Service.BatchGetUsers(ctx, r, req)
}

func failing(code connect.Code) func(context.Context) error {
	return func(context.Context) error { return connect.NewError(code, "sick") }
}

func hanging(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestLeaderboardWithoutUserProfile(t *testing.T) {
	profiles := &sick{Service: userprofile.New()}
	register := func(app *service.App) {
		achievementservice.Register(app, achievement.New(), migrations.Files)
		userprofileservice.Register(app, profiles, userprofilemigrations.Files)
	}
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		h.Given(completed("ada", event.NewID(), 1, true, quizv1event.DifficultyHard))
		leaderboard := func(fault func(context.Context) error) (took time.Duration, calls int32, err error) {
			profiles.fault.Store(&fault)
			if fault == nil {
				profiles.fault.Store(nil)
			}
			begin, before := time.Now(), profiles.calls.Load()
			res, err := client(h, asAda).GetLeaderboard(h.T.Context(), &achievementv1.GetLeaderboardRequest{})
			if err == nil && (len(res.GetEntries()) != 1 || res.Entries[0].Points != 90 || res.Entries[0].DisplayName != "") {
				h.T.Errorf("entries %v", res.GetEntries())
			}
			return time.Since(begin), profiles.calls.Load() - before, err
		}

		took, calls, err := leaderboard(hanging)
		if err != nil || calls != 2 || took < 2*time.Second || took > 2200*time.Millisecond {
			h.T.Errorf("userprofile hangs: %d calls in %v, %v; want two of a second each", calls, took, err)
		}
		if _, calls, err := leaderboard(failing(connect.CodeUnavailable)); err != nil || calls != 2 {
			h.T.Errorf("userprofile is away: %d calls, %v; want two", calls, err)
		}
		// The fifth failure of ten opens the breaker: nobody is called any more.
		if _, calls, err := leaderboard(failing(connect.CodeInternal)); err != nil || calls != 1 {
			h.T.Errorf("userprofile is sick: %d calls, %v; want one", calls, err)
		}
		took, calls, err = leaderboard(hanging)
		if err != nil || calls != 0 || took != 0 {
			h.T.Errorf("the breaker is open: %d calls in %v, %v; want none", calls, took, err)
		}
		if !strings.Contains(h.Log(), "circuit breaker") {
			h.T.Errorf("the log does not say that a circuit breaker is open:\n%s", h.Log())
		}
		h.Advance(10 * time.Second)
		if _, calls, err := leaderboard(nil); err != nil || calls != 1 {
			h.T.Errorf("userprofile is back: %d calls, %v; want one", calls, err)
		}
		// What the request itself is to blame for is not covered up.
		if _, _, err := leaderboard(failing(connect.CodeInvalidArgument)); connect.CodeOf(err) != connect.CodeInternal {
			h.T.Errorf("a refused request: %v, want Internal", err)
		}
	})
}
