package achievement

import (
	"context"
	"fmt"

	ent "github.com/pulselearn/campus-hub/gen/ent/achievement"
	"github.com/pulselearn/campus-hub/gen/ent/achievement/badge"
	achievementv1event "github.com/pulselearn/campus-hub/gen/event/achievement/v1"
	commonv1event "github.com/pulselearn/campus-hub/gen/event/common/v1"
	achievementservice "github.com/pulselearn/campus-hub/gen/service/achievement"
)

// A medal is what a kind of badge says and is worth.
type medal struct {
	title  string
	points int32
}

var medals = map[badge.Kind]medal{
	badge.KindFirstPass:       {"First quiz passed", 10},
	badge.KindAce:             {"Ace", 50},
	badge.KindChallenger:      {"Challenger", 30},
	badge.KindHelpingHand:     {"Helping hand", 20},
	badge.KindOutstandingWork: {"Outstanding work", 40},
}

// An award is a badge to give.
type award struct {
	kind                   badge.Kind
	studentID, studentName string
	// sourceID is what the badge is for; a student gets a kind of badge for a
	// source once.
	sourceID string
	course   *commonv1event.CourseRef
	score    *float64
	// teacherID and reason are empty for a badge that a quiz earned.
	teacherID, reason string
}

// give stores a badge and announces it. Its points count in the course's
// progress, and so on the leaderboard.
func give(ctx context.Context, tx *achievementservice.Tx, a award) (*ent.Badge, error) {
	m := medals[a.kind]
	given, err := tx.Badge.Create().
		SetID(tx.NewID()).
		SetStudentID(a.studentID).
		SetStudentName(a.studentName).
		SetKind(a.kind).
		SetSourceID(a.sourceID).
		SetCourseID(a.courseID()).
		SetTitle(m.title).
		SetPoints(m.points).
		SetReason(a.reason).
		SetAwardedBy(a.teacherID).
		SetAwardedAt(tx.Now()).
		Save(ctx)
	if err != nil {
		return nil, fmt.Errorf("store badge %s: %w", a.kind, err)
	}
	p, err := progressOf(ctx, tx, a.studentID, a.courseID())
	if err != nil {
		return nil, err
	}
	if err := p.Update().AddBadges(1).AddPoints(int64(m.points)).SetUpdatedAt(tx.Now()).Exec(ctx); err != nil {
		return nil, fmt.Errorf("count badge %s: %w", given.ID, err)
	}
	return given, tx.Publish(ctx, awarded(given, a))
}

func (a *award) courseID() string {
	if a.course == nil {
		return ""
	}
	return a.course.CourseID
}

func awarded(b *ent.Badge, a award) *achievementv1event.BadgeAwarded {
	e := &achievementv1event.BadgeAwarded{
		StudentID:   b.StudentID,
		StudentName: textOrNull(b.StudentName),
		BadgeID:     b.ID,
		Kind:        kindOf(b.Kind),
		Title:       b.Title,
		Points:      b.Points,
		SourceID:    b.SourceID,
		Course:      a.course,
		Score:       a.score,
		Reason:      textOrNull(b.Reason),
		AwardedOn:   b.AwardedAt,
		OccurredAt:  b.AwardedAt,
	}
	if b.AwardedBy != "" {
		e.AwardedBy = &commonv1event.UserRef{UserID: b.AwardedBy}
	}
	return e
}

func kindOf(k badge.Kind) achievementv1event.BadgeKind {
	switch k {
	case badge.KindFirstPass:
		return achievementv1event.BadgeKindFirstPass
	case badge.KindAce:
		return achievementv1event.BadgeKindAce
	case badge.KindChallenger:
		return achievementv1event.BadgeKindChallenger
	case badge.KindHelpingHand:
		return achievementv1event.BadgeKindHelpingHand
	case badge.KindOutstandingWork:
		return achievementv1event.BadgeKindOutstandingWork
	}
	return achievementv1event.BadgeKindUnknown
}

func textOrNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
