package course

import (
	"context"
	"fmt"

	ent "github.com/pulselearn/campus-hub/gen/ent/course"
	entcourse "github.com/pulselearn/campus-hub/gen/ent/course/course"
	"github.com/pulselearn/campus-hub/gen/ent/course/material"
	coursev1 "github.com/pulselearn/campus-hub/gen/proto/pl/course/v1"
	courseservice "github.com/pulselearn/campus-hub/gen/service/course"
)

// GetCourse returns a course with its outline and material.
func (s *Service) GetCourse(ctx context.Context, r *courseservice.Reader, req *coursev1.GetCourseRequest) (*coursev1.GetCourseResponse, error) {
	course, err := r.Course.Get(ctx, req.GetCourseId())
	if err != nil {
		return nil, fmt.Errorf("find course: %w", err)
	}
	if course.Status == entcourse.StatusDraft && !seesDrafts(ctx) {
		return nil, fmt.Errorf("find course: %w", &ent.NotFoundError{}) // nobody learns whether it exists
	}
	sections, err := outline(ctx, r.Section.Query(), course.ID)
	if err != nil {
		return nil, err
	}
	materials, err := r.Material.Query().Where(material.CourseID(course.ID)).Order(material.ByID()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read material of course %s: %w", course.ID, err)
	}
	return &coursev1.GetCourseResponse{
		Course:    courseservice.CourseProto(course),
		Sections:  courseservice.SectionProtos(sections),
		Materials: courseservice.MaterialProtos(materials),
	}, nil
}
