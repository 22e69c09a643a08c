package userprofile

import (
	"context"
	"fmt"

	ent "github.com/pulselearn/campus-hub/gen/ent/userprofile"
	"github.com/pulselearn/campus-hub/gen/ent/userprofile/user"
	userprofilev1 "github.com/pulselearn/campus-hub/gen/proto/pl/userprofile/v1"
	userprofileservice "github.com/pulselearn/campus-hub/gen/service/userprofile"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

// ListUsers returns profiles in the order of their registration, which is that
// of their ids.
func (s *Service) ListUsers(ctx context.Context, r *userprofileservice.Reader, req *userprofilev1.ListUsersRequest) (*userprofilev1.ListUsersResponse, error) {
	after, err := rpc.ParsePageToken(req.GetPageToken(), 1)
	if err != nil {
		return nil, err
	}
	size := rpc.PageSize(req.GetPageSize())
	query := r.User.Query().Order(user.ByID()).Limit(size + 1)
	if len(after) > 0 {
		query.Where(user.IDGT(after[0]))
	}
	if req.GetRole() != userprofilev1.UserRole_USER_ROLE_UNSPECIFIED {
		query.Where(user.RoleEQ(userprofileservice.UserRole(req.GetRole())))
	}
	users, err := query.All(ctx)
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	users, next := rpc.Page(users, size, func(u *ent.User) []string { return []string{u.ID} })
	return &userprofilev1.ListUsersResponse{Users: userprofileservice.UserProtos(users), NextPageToken: next}, nil
}
