package course

import (
	"context"
	"fmt"
	"time"

	"entgo.io/ent/dialect/sql"
	"google.golang.org/protobuf/types/known/timestamppb"

	ent "github.com/pulselearn/campus-hub/gen/ent/course"
	entaccess "github.com/pulselearn/campus-hub/gen/ent/course/access"
	"github.com/pulselearn/campus-hub/gen/ent/course/predicate"
	coursev1 "github.com/pulselearn/campus-hub/gen/proto/pl/course/v1"
	courseservice "github.com/pulselearn/campus-hub/gen/service/course"
)

// HasAccess tells whether a student may use a course now. Of several
// enrollments the one that lasts longest counts.
func (s *Service) HasAccess(ctx context.Context, r *courseservice.Reader, req *coursev1.HasAccessRequest) (*coursev1.HasAccessResponse, error) {
	access, err := r.Access.Query().
		Where(entaccess.StudentID(req.GetStudentId()), entaccess.CourseID(req.GetCourseId()), usable(r.Now())).
		Order(entaccess.ByExpiresAt(sql.OrderDesc(), sql.OrderNullsFirst())).
		First(ctx)
	if ent.IsNotFound(err) {
		return &coursev1.HasAccessResponse{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for access: %w", err)
	}
	res := &coursev1.HasAccessResponse{Allowed: true}
	if access.ExpiresAt != nil {
		res.ExpiresAt = timestamppb.New(*access.ExpiresAt)
	}
	return res, nil
}

// usable selects access that can be used at a time.
func usable(now time.Time) predicate.Access {
	return entaccess.And(
		entaccess.StatusEQ(entaccess.StatusActive),
		entaccess.Or(entaccess.ExpiresAtIsNil(), entaccess.ExpiresAtGT(now)),
	)
}
