package userprofile

import (
	"context"
	"fmt"

	userprofilev1 "github.com/pulselearn/campus-hub/gen/proto/pl/userprofile/v1"
	userprofileservice "github.com/pulselearn/campus-hub/gen/service/userprofile"
)

// GetUser returns one profile.
func (s *Service) GetUser(ctx context.Context, r *userprofileservice.Reader, req *userprofilev1.GetUserRequest) (*userprofilev1.GetUserResponse, error) {
	user, err := r.User.Get(ctx, req.GetUserId())
	if err != nil {
		return nil, fmt.Errorf("find user: %w", err)
	}
	return &userprofilev1.GetUserResponse{User: userprofileservice.UserProto(user)}, nil
}
