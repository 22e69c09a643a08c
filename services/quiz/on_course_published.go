package quiz

import (
	"context"
	"fmt"

	"github.com/pulselearn/campus-hub/gen/ent/quiz/courseref"
	coursev1event "github.com/pulselearn/campus-hub/gen/event/course/v1"
	quizservice "github.com/pulselearn/campus-hub/gen/service/quiz"
)

// OnCoursePublished remembers the course, so that quizzes can be written for
// it.
func (s *Service) OnCoursePublished(ctx context.Context, tx *quizservice.Tx, e *coursev1event.CoursePublished) error {
	err := tx.CourseRef.Create().
		SetID(e.CourseID).
		SetCode(e.Code).
		SetTitle(e.Title).
		SetInstructorID(e.Instructor.UserID).
		SetPublishedAt(e.OccurredAt).
		OnConflictColumns(courseref.FieldID).
		UpdateNewValues().
		Exec(ctx)
	if err != nil {
		return fmt.Errorf("remember course %s: %w", e.CourseID, err)
	}
	return nil
}
