package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	gogencompiler "github.com/actgardner/gogen-avro/v10/compiler"
	"github.com/actgardner/gogen-avro/v10/vm"
	hamba "github.com/hamba/avro/v2"
	"github.com/linkedin/goavro/v2"
	twmb "github.com/twmb/avro"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	learning "github.com/pulselearn/campus-hub/bench/compare/gen/event/learning/v1"
	"github.com/pulselearn/campus-hub/bench/compare/lesson"
	"github.com/pulselearn/campus-hub/bench/compare/limit"
	"github.com/pulselearn/campus-hub/bench/compare/rival/gogen"
	"github.com/pulselearn/campus-hub/bench/compare/rival/lessonpb"
)

// A rival is one way to encode and decode the sample event. Each gets its own
// best case: a schema compiled beforehand, a buffer to append to where it can
// use one, and the data in the Go types that it wants.
type rival struct {
	name string
	// encode appends the event to b, where the library can.
	encode func(b []byte) ([]byte, error)
	// decode decodes into a fresh value.
	decode func(data []byte) error
}

// rivals returns all of them, the limit first.
func rivals() ([]rival, error) {
	list := []rival{byHand(), bareByHand(), generated()}
	for _, build := range []func() (rival, error){twmbRival, hambaRival, gogenRival, goavroRival} {
		r, err := build()
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return append(list, protobufRival(), jsonRival()), nil
}

// keep holds the last decoded value, so that no decoding is optimised away.
var keep any

func byHand() rival {
	v := lesson.Sample()
	return rival{"limit",
		func(b []byte) ([]byte, error) { return limit.Append(b, v) },
		func(data []byte) error {
			out := new(learning.LessonCompleted)
			keep = out
			return limit.Read(out, data)
		}}
}

func bareByHand() rival {
	v := lesson.Sample()
	return rival{"(bare limit)",
		func(b []byte) ([]byte, error) { return limit.AppendBare(b, v), nil },
		func(data []byte) error {
			out := new(learning.LessonCompleted)
			keep = out
			return limit.ReadBare(out, data)
		}}
}

func generated() rival {
	v := lesson.Sample()
	return rival{"pl-gen", v.AppendBinary,
		func(data []byte) error {
			out := new(learning.LessonCompleted)
			keep = out
			return out.UnmarshalBinary(data)
		}}
}

func twmbRival() (rival, error) {
	schema, err := twmb.Parse(learning.LessonCompletedType.Schema)
	if err != nil {
		return rival{}, fmt.Errorf("twmb: %w", err)
	}
	v := lesson.Sample()
	return rival{"twmb",
		func(b []byte) ([]byte, error) { return schema.AppendEncode(b, v) },
		func(data []byte) error {
			out := new(learning.LessonCompleted)
			keep = out
			_, err := schema.Decode(data, out)
			return err
		}}, nil
}

func hambaRival() (rival, error) {
	schema, err := hamba.Parse(learning.LessonCompletedType.Schema)
	if err != nil {
		return rival{}, fmt.Errorf("hamba: %w", err)
	}
	v := lesson.Sample()
	return rival{"hamba",
		func([]byte) ([]byte, error) { return hamba.Marshal(schema, v) },
		func(data []byte) error {
			out := new(learning.LessonCompleted)
			keep = out
			return hamba.Unmarshal(schema, data, out)
		}}, nil
}

func gogenRival() (rival, error) {
	v := gogenSample()
	program, err := gogencompiler.CompileSchemaBytes([]byte(v.Schema()), []byte(v.Schema()))
	if err != nil {
		return rival{}, fmt.Errorf("gogen-avro: %w", err)
	}
	return rival{"gogen-avro",
		func(b []byte) ([]byte, error) {
			buf := bytes.NewBuffer(b)
			err := v.Serialize(buf)
			return buf.Bytes(), err
		},
		func(data []byte) error {
			out := gogen.NewLessonCompleted()
			keep = &out
			return vm.Eval(bytes.NewReader(data), program, &out)
		}}, nil
}

func gogenSample() *gogen.LessonCompleted {
	v := lesson.Sample()
	out := &gogen.LessonCompleted{
		StudentId: v.StudentID, LessonId: v.LessonID, CourseId: v.CourseID, AttemptId: v.AttemptID,
		Title: v.Title, Locale: v.Locale, Device: gogen.DeviceANDROID, Score: v.Score, Passed: v.Passed,
		Points: v.Points, DurationMillis: v.DurationMillis,
		Teacher: gogen.Teacher{UserId: v.Teacher.UserID, DisplayName: v.Teacher.DisplayName},
		Note:    &gogen.UnionNullString{String: *v.Note, UnionType: gogen.UnionNullStringTypeEnumString},
		Tags:    v.Tags, StartedAt: v.StartedAt.UnixMicro(), OccurredAt: v.OccurredAt.UnixMicro(),
	}
	for _, s := range v.Steps {
		out.Steps = append(out.Steps, gogen.Step{Name: s.Name, Seconds: s.Seconds})
	}
	return out
}

func goavroRival() (rival, error) {
	codec, err := goavro.NewCodec(learning.LessonCompletedType.Schema)
	if err != nil {
		return rival{}, fmt.Errorf("goavro: %w", err)
	}
	v := goavroSample()
	return rival{"goavro",
		func(b []byte) ([]byte, error) { return codec.BinaryFromNative(b, v) },
		func(data []byte) error {
			out, _, err := codec.NativeFromBinary(data)
			keep = out
			return err
		}}, nil
}

func goavroSample() map[string]any {
	v := lesson.Sample()
	tags, steps := []any{}, []any{}
	for _, tag := range v.Tags {
		tags = append(tags, tag)
	}
	for _, s := range v.Steps {
		steps = append(steps, map[string]any{"name": s.Name, "seconds": s.Seconds})
	}
	return map[string]any{
		"studentId": v.StudentID, "lessonId": v.LessonID, "courseId": v.CourseID, "attemptId": v.AttemptID,
		"title": v.Title, "locale": v.Locale, "device": string(v.Device), "score": v.Score, "passed": v.Passed,
		"points": v.Points, "durationMillis": v.DurationMillis,
		"teacher": map[string]any{"userId": v.Teacher.UserID, "displayName": v.Teacher.DisplayName},
		"note":    goavro.Union("string", *v.Note), "tags": tags, "steps": steps,
		"startedAt": v.StartedAt, "occurredAt": v.OccurredAt,
	}
}

func protobufRival() rival {
	v := protobufSample()
	return rival{"protobuf",
		func(b []byte) ([]byte, error) { return proto.MarshalOptions{}.MarshalAppend(b, v) },
		func(data []byte) error {
			out := new(lessonpb.LessonCompleted)
			keep = out
			return proto.Unmarshal(data, out)
		}}
}

func protobufSample() *lessonpb.LessonCompleted {
	v := lesson.Sample()
	out := &lessonpb.LessonCompleted{
		StudentId: v.StudentID, LessonId: v.LessonID, CourseId: v.CourseID, AttemptId: v.AttemptID,
		Title: v.Title, Locale: v.Locale, Device: lessonpb.LessonCompleted_ANDROID, Score: v.Score,
		Passed: v.Passed, Points: v.Points, DurationMillis: v.DurationMillis,
		Teacher: &lessonpb.Teacher{UserId: v.Teacher.UserID, DisplayName: v.Teacher.DisplayName},
		Note:    v.Note, Tags: v.Tags,
		StartedAt: timestamppb.New(v.StartedAt), OccurredAt: timestamppb.New(v.OccurredAt),
	}
	for _, s := range v.Steps {
		out.Steps = append(out.Steps, &lessonpb.Step{Name: s.Name, Seconds: s.Seconds})
	}
	return out
}

func jsonRival() rival {
	v := lesson.Sample()
	return rival{"json",
		func([]byte) ([]byte, error) { return json.Marshal(v) },
		func(data []byte) error {
			out := new(learning.LessonCompleted)
			keep = out
			return json.Unmarshal(data, out)
		}}
}
