package limit

import (
	"encoding/binary"
	"math"

	learning "github.com/pulselearn/campus-hub/bench/compare/gen/event/learning/v1"
)

// AppendBare is Append for text that is trusted: what no codec with
// checks can reach.
func AppendBare(b []byte, v *learning.LessonCompleted) []byte {
	b = bareText(b, v.StudentID)
	b = bareText(b, v.LessonID)
	b = bareText(b, v.CourseID)
	b = bareText(b, v.AttemptID)
	b = bareText(b, v.Title)
	b = bareText(b, v.Locale)
	switch v.Device {
	case learning.DeviceWeb:
		b = append(b, 0)
	case learning.DeviceAndroid:
		b = append(b, 2)
	default:
		b = append(b, 4)
	}
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v.Score))
	if v.Passed {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	b = long(b, int64(v.Points))
	b = long(b, v.DurationMillis)
	b = bareText(b, v.Teacher.UserID)
	b = bareText(b, v.Teacher.DisplayName)
	if v.Note == nil {
		b = append(b, 0)
	} else {
		b = bareText(append(b, 2), *v.Note)
	}
	if n := len(v.Tags); n > 0 {
		b = long(b, int64(n))
		for _, tag := range v.Tags {
			b = bareText(b, tag)
		}
	}
	b = append(b, 0)
	if n := len(v.Steps); n > 0 {
		b = long(b, int64(n))
		for i := range v.Steps {
			b = bareText(b, v.Steps[i].Name)
			b = long(b, int64(v.Steps[i].Seconds))
		}
	}
	b = append(b, 0)
	b = long(b, v.StartedAt.UnixMicro())
	return long(b, v.OccurredAt.UnixMicro())
}

func bareText(b []byte, s string) []byte {
	if len(s) < 64 {
		b = append(b, byte(len(s)<<1))
	} else {
		b = long(b, int64(len(s)))
	}
	return append(b, s...)
}
