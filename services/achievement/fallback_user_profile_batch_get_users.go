package achievement

import (
	"context"
	"log/slog"

	userprofilev1 "github.com/pulselearn/campus-hub/gen/proto/pl/userprofile/v1"
)

// FallbackUserProfileBatchGetUsers knows nobody: a leaderboard without names is
// better than none.
func (s *Service) FallbackUserProfileBatchGetUsers(ctx context.Context, _ *userprofilev1.BatchGetUsersRequest, cause error) (*userprofilev1.BatchGetUsersResponse, error) {
	slog.WarnContext(ctx, "a leaderboard goes out without names", "error", cause)
	return &userprofilev1.BatchGetUsersResponse{}, nil
}
