package course

import (
	"context"
	"fmt"
	"time"

	"connectrpc.com/connect/v2"

	ent "github.com/pulselearn/campus-hub/gen/ent/course"
	entaccess "github.com/pulselearn/campus-hub/gen/ent/course/access"
	entcourse "github.com/pulselearn/campus-hub/gen/ent/course/course"
	coursev1 "github.com/pulselearn/campus-hub/gen/proto/pl/course/v1"
	courseservice "github.com/pulselearn/campus-hub/gen/service/course"
)

// ActivateAccess lets a student use a course under the id of an enrollment. A
// call that arrives after the enrollment was revoked is refused.
func (s *Service) ActivateAccess(ctx context.Context, tx *courseservice.Tx, req *coursev1.ActivateAccessRequest) (*coursev1.ActivateAccessResponse, error) {
	course, err := tx.Course.Get(ctx, req.GetCourseId())
	if ent.IsNotFound(err) || err == nil && course.Status != entcourse.StatusPublished {
		return nil, connect.NewError(connect.CodeFailedPrecondition, "course_id: the course is not published")
	}
	if err != nil {
		return nil, fmt.Errorf("find course: %w", err)
	}
	if err := activate(ctx, tx, course, req); err != nil {
		return nil, err
	}
	access, err := tx.Access.Get(ctx, req.GetEnrollmentId())
	switch {
	case err != nil:
		return nil, fmt.Errorf("read access of enrollment %s: %w", req.GetEnrollmentId(), err)
	case access.Status == entaccess.StatusRevoked:
		return nil, connect.NewError(connect.CodeFailedPrecondition, "enrollment_id: the enrollment's access was revoked")
	case access.StudentID != req.GetStudentId() || access.CourseID != course.ID:
		return nil, connect.NewError(connect.CodeAlreadyExists, "enrollment_id: the enrollment has access for another student or course")
	}
	return &coursev1.ActivateAccessResponse{Access: courseservice.AccessProto(access)}, nil
}

// activate stores the access unless the enrollment has a row already: the same
// access, or the mark that it was revoked.
func activate(ctx context.Context, tx *courseservice.Tx, course *ent.Course, req *coursev1.ActivateAccessRequest) error {
	err := tx.Access.Create().
		SetID(req.GetEnrollmentId()).
		SetStudentID(req.GetStudentId()).
		SetCourseID(course.ID).
		SetStatus(entaccess.StatusActive).
		SetNillableExpiresAt(expiry(course, tx.Now())).
		SetCreatedAt(tx.Now()).
		OnConflictColumns(entaccess.FieldID).
		Ignore().
		Exec(ctx)
	if err != nil {
		return fmt.Errorf("activate access of enrollment %s: %w", req.GetEnrollmentId(), err)
	}
	return nil
}

// expiry returns when access that begins now ends, nil for never.
func expiry(course *ent.Course, now time.Time) *time.Time {
	if course.AccessMonths == 0 {
		return nil
	}
	end := now.AddDate(0, int(course.AccessMonths), 0)
	return &end
}
