package course

import (
	"context"
	"fmt"

	ent "github.com/pulselearn/campus-hub/gen/ent/course"
	entaccess "github.com/pulselearn/campus-hub/gen/ent/course/access"
	coursev1 "github.com/pulselearn/campus-hub/gen/proto/pl/course/v1"
	courseservice "github.com/pulselearn/campus-hub/gen/service/course"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

// ListAccess returns what a student may use now, in the order of the
// enrollments' ids, which is that of the purchases.
func (s *Service) ListAccess(ctx context.Context, r *courseservice.Reader, req *coursev1.ListAccessRequest) (*coursev1.ListAccessResponse, error) {
	after, err := rpc.ParsePageToken(req.GetPageToken(), 1)
	if err != nil {
		return nil, err
	}
	size := rpc.PageSize(req.GetPageSize())
	query := r.Access.Query().
		Where(entaccess.StudentID(req.GetStudentId()), usable(r.Now())).
		Order(entaccess.ByID()).
		Limit(size + 1)
	if len(after) > 0 {
		query.Where(entaccess.IDGT(after[0]))
	}
	access, err := query.All(ctx)
	if err != nil {
		return nil, fmt.Errorf("list access: %w", err)
	}
	access, next := rpc.Page(access, size, func(a *ent.Access) []string { return []string{a.ID} })
	return &coursev1.ListAccessResponse{Access: courseservice.AccessProtos(access), NextPageToken: next}, nil
}
