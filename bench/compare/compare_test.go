package main

import (
	"bytes"
	"reflect"
	"testing"

	learning "github.com/pulselearn/campus-hub/bench/compare/gen/event/learning/v1"
	"github.com/pulselearn/campus-hub/bench/compare/lesson"
	"github.com/pulselearn/campus-hub/bench/compare/limit"
)

// TestSameBytes makes sure that the codecs compared do the same work.
func TestSameBytes(t *testing.T) {
	list, err := rivals()
	if err != nil {
		t.Fatal(err)
	}
	want, err := lesson.Sample().AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		data, err := r.encode(nil)
		if err != nil {
			t.Errorf("%s: encode: %v", r.name, err)
		}
		switch r.name {
		case "protobuf", "json":
		case "hamba": // writes arrays as blocks with their size
		default:
			if !bytes.Equal(data, want) {
				t.Errorf("%s writes %x, want %x", r.name, data, want)
			}
		}
		keep = nil
		if err := r.decode(data); err != nil {
			t.Errorf("%s: decode: %v", r.name, err)
		}
		if v, ok := keep.(*learning.LessonCompleted); ok && !reflect.DeepEqual(v, lesson.Sample()) {
			t.Errorf("%s reads %+v", r.name, v)
		}
	}
}

func TestLimitChecksText(t *testing.T) {
	v := lesson.Sample()
	v.Locale = "\xff"
	if _, err := limit.Append(nil, v); err == nil {
		t.Error("limit accepts text that is not UTF-8")
	}
	if err := limit.Read(new(learning.LessonCompleted), limit.AppendBare(nil, v)); err == nil {
		t.Error("limit reads text that is not UTF-8")
	}
}
