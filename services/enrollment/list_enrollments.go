package enrollment

import (
	"context"
	"fmt"

	"entgo.io/ent/dialect/sql"

	ent "github.com/pulselearn/campus-hub/gen/ent/enrollment"
	entenrollment "github.com/pulselearn/campus-hub/gen/ent/enrollment/enrollment"
	enrollmentv1 "github.com/pulselearn/campus-hub/gen/proto/pl/enrollment/v1"
	enrollmentservice "github.com/pulselearn/campus-hub/gen/service/enrollment"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

// ListEnrollments returns a student's enrollments, newest first.
func (s *Service) ListEnrollments(ctx context.Context, r *enrollmentservice.Reader, req *enrollmentv1.ListEnrollmentsRequest) (*enrollmentv1.ListEnrollmentsResponse, error) {
	before, err := rpc.ParsePageToken(req.GetPageToken(), 1)
	if err != nil {
		return nil, err
	}
	size := rpc.PageSize(req.GetPageSize())
	query := r.Enrollment.Query().
		Where(entenrollment.StudentID(req.GetStudentId())).
		Order(entenrollment.ByID(sql.OrderDesc())).
		Limit(size + 1)
	if len(before) > 0 {
		query.Where(entenrollment.IDLT(before[0]))
	}
	enrollments, err := query.All(ctx)
	if err != nil {
		return nil, fmt.Errorf("list enrollments: %w", err)
	}
	enrollments, next := rpc.Page(enrollments, size, func(e *ent.Enrollment) []string { return []string{e.ID} })
	return &enrollmentv1.ListEnrollmentsResponse{
		Enrollments: enrollmentservice.EnrollmentProtos(enrollments), NextPageToken: next,
	}, nil
}
