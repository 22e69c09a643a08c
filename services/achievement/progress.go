package achievement

import (
	"context"
	"fmt"

	ent "github.com/pulselearn/campus-hub/gen/ent/achievement"
	"github.com/pulselearn/campus-hub/gen/ent/achievement/progress"
	achievementv1event "github.com/pulselearn/campus-hub/gen/event/achievement/v1"
	achievementservice "github.com/pulselearn/campus-hub/gen/service/achievement"
)

// progressOf returns the student's progress in a course, which begins here at
// the latest.
func progressOf(ctx context.Context, tx *achievementservice.Tx, studentID, courseID string) (*ent.Progress, error) {
	err := tx.Progress.Create().
		SetID(tx.NewID()).
		SetStudentID(studentID).
		SetCourseID(courseID).
		SetUpdatedAt(tx.Now()).
		OnConflictColumns(progress.FieldStudentID, progress.FieldCourseID).
		Ignore().
		Exec(ctx)
	if err != nil {
		return nil, fmt.Errorf("begin progress in course %s: %w", courseID, err)
	}
	p, err := tx.Progress.Query().Where(progress.StudentID(studentID), progress.CourseID(courseID)).Only(ctx)
	if err != nil {
		return nil, fmt.Errorf("read progress in course %s: %w", courseID, err)
	}
	return p, nil
}

// announce publishes what the student's progress in a course has come to.
// What belongs to no course concerns no class.
func announce(ctx context.Context, tx *achievementservice.Tx, studentID, courseID string) error {
	if courseID == "" {
		return nil
	}
	p, err := progressOf(ctx, tx, studentID, courseID)
	if err != nil {
		return err
	}
	return tx.Publish(ctx, &achievementv1event.ProgressChanged{
		StudentID:        p.StudentID,
		CourseID:         p.CourseID,
		QuizzesCompleted: p.QuizzesCompleted,
		QuizzesPassed:    p.QuizzesPassed,
		Badges:           p.Badges,
		Points:           p.Points,
		BestScore:        p.BestScore,
		OccurredAt:       tx.Now(),
	})
}
