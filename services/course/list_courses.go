package course

import (
	"context"
	"fmt"

	"connectrpc.com/connect/v2"

	ent "github.com/pulselearn/campus-hub/gen/ent/course"
	entcourse "github.com/pulselearn/campus-hub/gen/ent/course/course"
	coursev1 "github.com/pulselearn/campus-hub/gen/proto/pl/course/v1"
	courseservice "github.com/pulselearn/campus-hub/gen/service/course"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

// seesDrafts tells whether the caller sees drafts.
func seesDrafts(ctx context.Context) bool {
	c := identity.From(ctx)
	return c.Has(identity.Teacher) || c.Has(identity.Admin)
}

// ListCourses returns courses in the order of their creation, which is that of
// their ids.
func (s *Service) ListCourses(ctx context.Context, r *courseservice.Reader, req *coursev1.ListCoursesRequest) (*coursev1.ListCoursesResponse, error) {
	after, err := rpc.ParsePageToken(req.GetPageToken(), 1)
	if err != nil {
		return nil, err
	}
	status := entcourse.StatusPublished
	if req.GetStatus() != coursev1.CourseStatus_COURSE_STATUS_UNSPECIFIED {
		status = courseservice.CourseStatus(req.GetStatus())
	}
	if status == entcourse.StatusDraft && !seesDrafts(ctx) {
		return nil, connect.NewError(connect.CodePermissionDenied, "course.ListCourses lists drafts to teachers and administrators only")
	}
	size := rpc.PageSize(req.GetPageSize())
	query := r.Course.Query().Where(entcourse.StatusEQ(status)).Order(entcourse.ByID()).Limit(size + 1)
	if len(after) > 0 {
		query.Where(entcourse.IDGT(after[0]))
	}
	if req.GetInstructorId() != "" {
		query.Where(entcourse.InstructorID(req.GetInstructorId()))
	}
	courses, err := query.All(ctx)
	if err != nil {
		return nil, fmt.Errorf("list courses: %w", err)
	}
	courses, next := rpc.Page(courses, size, func(c *ent.Course) []string { return []string{c.ID} })
	return &coursev1.ListCoursesResponse{Courses: courseservice.CourseProtos(courses), NextPageToken: next}, nil
}
