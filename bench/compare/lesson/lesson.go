// Package lesson has the event that everything in this module encodes, decodes
// and carries.
package lesson

import (
	"time"

	learning "github.com/pulselearn/campus-hub/bench/compare/gen/event/learning/v1"
)

// Sample returns the event, every time anew.
func Sample() *learning.LessonCompleted {
	note := "The last step was hard"
	return &learning.LessonCompleted{
		StudentID: "0192f0c1-7a3e-7c55-9d2b-4f8e1a6b3c70", LessonID: "0192f0c1-7a3e-7c55-9d2b-4f8e1a6b3c71",
		CourseID: "0192f0c1-7a3e-7c55-9d2b-4f8e1a6b3c72", AttemptID: "0192f0c1-7a3e-7c55-9d2b-4f8e1a6b3c73",
		Title: "Quadratic equations", Locale: "en-RW", Device: learning.DeviceAndroid,
		Score: 0.92, Passed: true, Points: 40, DurationMillis: 318_244,
		Teacher: learning.Teacher{UserID: "teacher-17", DisplayName: "Aline Uwase"},
		Note:    &note,
		Tags:    []string{"algebra", "week-3", "graded"},
		Steps: []learning.Step{
			{Name: "reading", Seconds: 95}, {Name: "examples", Seconds: 120}, {Name: "exercise", Seconds: 103},
		},
		StartedAt:  time.UnixMicro(1_763_899_200_123_456).UTC(),
		OccurredAt: time.UnixMicro(1_763_899_518_367_456).UTC(),
	}
}
