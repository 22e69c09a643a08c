package enrollment

import (
	"context"
	"fmt"

	enrollmentv1 "github.com/pulselearn/campus-hub/gen/proto/pl/enrollment/v1"
	enrollmentservice "github.com/pulselearn/campus-hub/gen/service/enrollment"
)

// GetEnrollment returns an enrollment.
func (s *Service) GetEnrollment(ctx context.Context, r *enrollmentservice.Reader, req *enrollmentv1.GetEnrollmentRequest) (*enrollmentv1.GetEnrollmentResponse, error) {
	enrollment, err := r.Enrollment.Get(ctx, req.GetEnrollmentId())
	if err != nil {
		return nil, fmt.Errorf("find enrollment: %w", err)
	}
	return &enrollmentv1.GetEnrollmentResponse{Enrollment: enrollmentservice.EnrollmentProto(enrollment)}, nil
}
