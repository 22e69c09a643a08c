package model

import (
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"pgregory.net/rapid"
)

func TestNames(t *testing.T) {
	for _, c := range []struct {
		name string
		of   func(string) string
		want map[string]string
	}{
		{"pascal", pascal, map[string]string{"badge_awarded": "BadgeAwarded", "a": "A", "v2_done": "V2Done"}},
		{"snake", snake, map[string]string{"BadgeAwarded": "badge_awarded", "Loan": "loan"}},
		{"plural", Plural, map[string]string{"badge": "badges", "quiz": "quizes", "entry": "entries", "day": "days", "class": "classes", "box": "boxes"}},
		{"goCamel", goCamel, map[string]string{
			"Quiz": "Quiz", "quiz_id": "QuizId", "Quiz.Answer": "Quiz_Answer", "_x": "XX", "a_1": "A_1", "a1b": "A1B", "Outer.inner_type": "OuterInnerType",
		}},
	} {
		for in, want := range c.want {
			if got := c.of(in); got != want {
				t.Errorf("%s(%q) = %q, want %q", c.name, in, got, want)
			}
		}
	}
}

// TestMessageNames holds the names to those that protoc-gen-go gave to the
// messages of descriptor.proto.
func TestMessageNames(t *testing.T) {
	for d, want := range map[protoreflect.MessageDescriptor]string{
		(&descriptorpb.FieldOptions_EditionDefault{}).ProtoReflect().Descriptor():                 "FieldOptions_EditionDefault",
		(&descriptorpb.DescriptorProto_ExtensionRange{}).ProtoReflect().Descriptor():              "DescriptorProto_ExtensionRange",
		(&descriptorpb.UninterpretedOption_NamePart{}).ProtoReflect().Descriptor():                "UninterpretedOption_NamePart",
		(&descriptorpb.GeneratedCodeInfo_Annotation{}).ProtoReflect().Descriptor():                "GeneratedCodeInfo_Annotation",
		(&descriptorpb.ExtensionRangeOptions_Declaration{}).ProtoReflect().Descriptor():           "ExtensionRangeOptions_Declaration",
		(&descriptorpb.FeatureSetDefaults_FeatureSetEditionDefault{}).ProtoReflect().Descriptor(): "FeatureSetDefaults_FeatureSetEditionDefault",
	} {
		m := message(d)
		if m.GoName != want || m.ImportPath != "google.golang.org/protobuf/types/descriptorpb" {
			t.Errorf("got %s in %s, want %s", m.GoName, m.ImportPath, want)
		}
	}
}

func TestPascalAndSnakeAreInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-z]{1,6}(_[a-z]{1,6}){0,3}`).Draw(t, "name")
		if got := snake(pascal(name)); got != name {
			t.Errorf("%q became %q", name, got)
		}
	})
}

func TestRetention(t *testing.T) {
	day := 24 * time.Hour
	for text, want := range map[string]time.Duration{"30d": 30 * day, "1d": day, "36500d": 36500 * day, "12h": 12 * time.Hour, "90m": 90 * time.Minute} {
		if got, err := parseRetention(text); err != nil || got != want {
			t.Errorf("%q: got %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "0d", "-1d", "1s", "36501d", "99999999999999999999d", "forever", "1.5d", "1000000h", "12"} {
		if got, err := parseRetention(text); err == nil {
			t.Errorf("%q was taken for %s", text, got)
		}
	}
}

func TestChannels(t *testing.T) {
	for pattern, want := range map[string]string{
		"user:{studentId}": "studentId", "all": "", "a:{b}.{c}": "b c", "{x}": "x",
	} {
		got, err := channelFields(pattern)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%q: got %v, %v", pattern, got, err)
		}
	}
	for _, pattern := range []string{"", "user {x}", "user:{", "user:{}", "user:}", "{a}{b", "ü"} {
		if got, err := channelFields(pattern); err == nil {
			t.Errorf("%q was taken for a channel of %v", pattern, got)
		}
	}
}

func TestPaths(t *testing.T) {
	for path, want := range map[string][]string{
		"/api/v1/students/{student_id}/badges": {"student_id"}, "/a": nil, "/{a}/{b_c}": {"a", "b_c"}, "/users:batchGet": nil,
	} {
		if got, err := pathFields(path); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: got %v, %v", path, got, err)
		}
	}
	for _, path := range []string{"", "/", "a", "/a/", "//a", "/{a", "/a}", "/{A}", "/{a.b}", "/{a=**}", "/a b", "/a?b", "/a:"} {
		if got, err := pathFields(path); err == nil {
			t.Errorf("%q was taken for a path with %v", path, got)
		}
	}
}

func TestVersions(t *testing.T) {
	for dir, want := range map[string]int{"v1": 1, "v12": 12} {
		if got, ok := version(dir); !ok || got != want {
			t.Errorf("%q: got %d, %v", dir, got, ok)
		}
	}
	for _, dir := range []string{"", "v", "v0", "v01", "1", "v1alpha1", "V1", "v99999"} {
		if _, ok := version(dir); ok {
			t.Errorf("%q was taken for a version", dir)
		}
	}
}
