package achievement

import (
	"context"

	"connectrpc.com/connect/v2"

	ent "github.com/pulselearn/campus-hub/gen/ent/achievement"
	"github.com/pulselearn/campus-hub/gen/ent/achievement/badge"
	commonv1event "github.com/pulselearn/campus-hub/gen/event/common/v1"
	achievementv1 "github.com/pulselearn/campus-hub/gen/proto/pl/achievement/v1"
	achievementservice "github.com/pulselearn/campus-hub/gen/service/achievement"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

// AwardBadge gives a badge by the hand of a teacher.
func (s *Service) AwardBadge(ctx context.Context, tx *achievementservice.Tx, req *achievementv1.AwardBadgeRequest) (*achievementv1.AwardBadgeResponse, error) {
	kind := achievementservice.BadgeKind(req.GetKind())
	if kind != badge.KindHelpingHand && kind != badge.KindOutstandingWork {
		return nil, rpc.Invalid("kind", "is earned by quizzes; a teacher gives HELPING_HAND or OUTSTANDING_WORK")
	}
	a := award{
		kind: kind, studentID: req.GetStudentId(), studentName: req.GetStudentName(), sourceID: req.GetSourceId(),
		teacherID: req.GetAwardedBy(), reason: req.GetReason(),
	}
	if req.GetCourseId() != "" {
		a.course = &commonv1event.CourseRef{CourseID: req.GetCourseId(), Title: req.GetCourseTitle()}
	}
	given, err := give(ctx, tx, a)
	if ent.IsConstraintError(err) {
		return nil, connect.NewError(connect.CodeAlreadyExists, "source_id: the student has this badge for it already")
	}
	if err != nil {
		return nil, err
	}
	if err := announce(ctx, tx, given.StudentID, given.CourseID); err != nil {
		return nil, err
	}
	return &achievementv1.AwardBadgeResponse{Badge: achievementservice.BadgeProto(given)}, nil
}
