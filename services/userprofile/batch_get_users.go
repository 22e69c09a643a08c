package userprofile

import (
	"context"
	"fmt"

	"github.com/pulselearn/campus-hub/gen/ent/userprofile/user"
	userprofilev1 "github.com/pulselearn/campus-hub/gen/proto/pl/userprofile/v1"
	userprofileservice "github.com/pulselearn/campus-hub/gen/service/userprofile"
)

// BatchGetUsers returns the profiles that exist among the given ids.
func (s *Service) BatchGetUsers(ctx context.Context, r *userprofileservice.Reader, req *userprofilev1.BatchGetUsersRequest) (*userprofilev1.BatchGetUsersResponse, error) {
	users, err := r.User.Query().Where(user.IDIn(req.GetUserIds()...)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("find %d users: %w", len(req.GetUserIds()), err)
	}
	return &userprofilev1.BatchGetUsersResponse{Users: userprofileservice.UserProtos(users)}, nil
}
