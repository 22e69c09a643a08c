package course

import (
	"context"
	"fmt"
	"math/big"
	"time"

	"connectrpc.com/connect/v2"

	ent "github.com/pulselearn/campus-hub/gen/ent/course"
	entcourse "github.com/pulselearn/campus-hub/gen/ent/course/course"
	commonv1event "github.com/pulselearn/campus-hub/gen/event/common/v1"
	coursev1event "github.com/pulselearn/campus-hub/gen/event/course/v1"
	coursev1 "github.com/pulselearn/campus-hub/gen/proto/pl/course/v1"
	courseservice "github.com/pulselearn/campus-hub/gen/service/course"
)

// PublishCourse makes a draft visible to students and announces it.
func (s *Service) PublishCourse(ctx context.Context, tx *courseservice.Tx, req *coursev1.PublishCourseRequest) (*coursev1.PublishCourseResponse, error) {
	course, err := tx.Course.Get(ctx, req.GetCourseId())
	if err != nil {
		return nil, fmt.Errorf("find course: %w", err)
	}
	course, err = tx.Course.UpdateOne(course).
		Where(entcourse.StatusEQ(entcourse.StatusDraft)).
		SetStatus(entcourse.StatusPublished).
		SetPublishedAt(tx.Now()).
		Save(ctx)
	if ent.IsNotFound(err) {
		return nil, connect.NewError(connect.CodeFailedPrecondition, "course_id: the course is not a draft; it can be published once")
	}
	if err != nil {
		return nil, fmt.Errorf("publish course %s: %w", req.GetCourseId(), err)
	}
	sections, err := outline(ctx, tx.Section.Query(), course.ID)
	if err != nil {
		return nil, err
	}
	e, err := published(course, sections)
	if err != nil {
		return nil, err
	}
	if err := tx.Publish(ctx, e); err != nil {
		return nil, err
	}
	return &coursev1.PublishCourseResponse{Course: courseservice.CourseProto(course)}, nil
}

func published(c *ent.Course, sections []*ent.Section) (*coursev1event.CoursePublished, error) {
	e := &coursev1event.CoursePublished{
		CourseID:   c.ID,
		Code:       c.Code,
		Title:      c.Title,
		Summary:    c.Summary,
		Level:      levelOf(c.Level),
		Language:   c.Language,
		Instructor: commonv1event.UserRef{UserID: c.InstructorID, DisplayName: textOrNull(c.InstructorName)},
		Price:      priceOf(c),
		Topics:     c.Topics,
		Labels:     c.Labels,
		Outline:    nest(sections, ""),
		TimeZone:   c.TimeZone,
		OccurredAt: *c.PublishedAt,
	}
	if c.AccessMonths > 0 {
		e.AccessPeriod = &coursev1event.AccessPeriod{Months: uint32(c.AccessMonths)}
	}
	if c.StartsAt != nil {
		zone, err := time.LoadLocation(c.TimeZone)
		if err != nil {
			return nil, fmt.Errorf("time zone of course %s: %w", c.ID, err)
		}
		clock := onTheWall(c.StartsAt.In(zone))
		e.StartsOn, e.FirstLessonAt = &clock, &clock
	}
	return e, nil
}

// onTheWall returns what a clock in t's zone shows, as a time in UTC, which is
// how events carry dates and local times.
func onTheWall(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// minorUnits is how many of a currency's smallest unit make its main unit.
// Currencies with another subdivision are not sold in.
const minorUnits = 100

func priceOf(c *ent.Course) *commonv1event.Money {
	if c.PriceMinor == 0 {
		return nil
	}
	return &commonv1event.Money{Amount: big.NewRat(c.PriceMinor, minorUnits), Currency: c.Currency}
}

func levelOf(l entcourse.Level) coursev1event.CourseLevel {
	switch l {
	case entcourse.LevelIntroductory:
		return coursev1event.CourseLevelIntroductory
	case entcourse.LevelIntermediate:
		return coursev1event.CourseLevelIntermediate
	case entcourse.LevelAdvanced:
		return coursev1event.CourseLevelAdvanced
	}
	return coursev1event.CourseLevelUnknown
}
