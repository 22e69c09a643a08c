package enrollment

import (
	"context"
	"fmt"

	ent "github.com/pulselearn/campus-hub/gen/ent/enrollment"
	enrollmentv1 "github.com/pulselearn/campus-hub/gen/proto/pl/enrollment/v1"
	enrollmentservice "github.com/pulselearn/campus-hub/gen/service/enrollment"
	"github.com/pulselearn/campus-hub/platform/identity"
)

// GetEnrollment returns an enrollment.
func (s *Service) GetEnrollment(ctx context.Context, r *enrollmentservice.Reader, req *enrollmentv1.GetEnrollmentRequest) (*enrollmentv1.GetEnrollmentResponse, error) {
	enrollment, err := r.Enrollment.Get(ctx, req.GetEnrollmentId())
	if err != nil {
		return nil, fmt.Errorf("find enrollment: %w", err)
	}
	if !identity.From(ctx).ActsFor(enrollment.StudentID, identity.Teacher, identity.Admin) {
		return nil, fmt.Errorf("find enrollment: %w", &ent.NotFoundError{}) // nobody learns whether it exists
	}
	return &enrollmentv1.GetEnrollmentResponse{Enrollment: enrollmentservice.EnrollmentProto(enrollment)}, nil
}
