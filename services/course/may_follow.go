package course

import (
	"context"
	"fmt"

	"connectrpc.com/connect/v2"

	entaccess "github.com/pulselearn/campus-hub/gen/ent/course/access"
	entcourse "github.com/pulselearn/campus-hub/gen/ent/course/course"
	coursev1 "github.com/pulselearn/campus-hub/gen/proto/pl/course/v1"
	courseservice "github.com/pulselearn/campus-hub/gen/service/course"
	"github.com/pulselearn/campus-hub/platform/identity"
)

// MayFollow answers the instructor of a course and students who may use it.
// Everybody else is told the same, whether the course exists or not.
func (s *Service) MayFollow(ctx context.Context, r *courseservice.Reader, req *coursev1.MayFollowRequest) (*coursev1.MayFollowResponse, error) {
	person := identity.From(ctx).Subject
	if person == "" {
		return nil, errMayNotFollow()
	}
	teaches, err := r.Course.Query().Where(entcourse.ID(req.GetCourseId()), entcourse.InstructorID(person)).Exist(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for the instructor: %w", err)
	}
	if teaches {
		return &coursev1.MayFollowResponse{}, nil
	}
	studies, err := r.Access.Query().
		Where(entaccess.StudentID(person), entaccess.CourseID(req.GetCourseId()), usable(r.Now())).
		Exist(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for access: %w", err)
	}
	if !studies {
		return nil, errMayNotFollow()
	}
	return &coursev1.MayFollowResponse{}, nil
}

func errMayNotFollow() error {
	return connect.NewError(connect.CodePermissionDenied, "only who teaches the course and students who may use it can follow it")
}
