package topics

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/diff"
	"pgregory.net/rapid"

	"github.com/pulselearn/campus-hub/platform/realtime/presence"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

var update = flag.Bool("update", false, "write what is printed into testdata")

const day = 86_400_000

func topic(name string, partitions int32, days int64) Topic {
	return Topic{Name: name, Partitions: partitions, RetentionMillis: days * day, Cleanup: "delete"}
}

// outdated is a topic that an earlier version of the platform has created.
func outdated(name string, partitions int32, days int64) Topic {
	t := topic(name, partitions, days)
	t.Outdated = "no fast batches"
	return t
}

func TestWanted(t *testing.T) {
	short := &model.Event{Topic: "pl.quiz.quiz_started.v1", Partitions: 3, Retention: 7 * 24 * time.Hour}
	long := &model.Event{Topic: "pl.course.course_published.v1", Partitions: 6, Retention: 365 * 24 * time.Hour}
	for _, context := range []string{"achievement", "notification"} {
		short.Consumers = append(short.Consumers, &model.Consumer{Context: &model.Context{Name: context}})
	}
	long.Consumers = []*model.Consumer{{Context: &model.Context{Name: "quiz"}}}
	got := Wanted(&model.Model{Events: []*model.Event{short, long}})
	want := []Topic{
		topic("pl.course.course_published.v1", 6, 365),
		topic("pl.course.course_published.v1.quiz.dlq", 6, 365),
		topic("pl.quiz.quiz_started.v1", 3, 7),
		topic("pl.quiz.quiz_started.v1.achievement.dlq", 3, 30),
		topic("pl.quiz.quiz_started.v1.notification.dlq", 3, 30),
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// TestPresence holds the topic to that of the processes, which pl-gen does not
// import.
func TestPresence(t *testing.T) {
	shows := &model.Context{Channels: []*model.Channel{{Name: "room"}, {Name: "course", Presence: true}}}
	if got := Wanted(&model.Model{Contexts: []*model.Context{shows}}); !slices.Equal(got, []Topic{Presence}) {
		t.Errorf("got %v", got)
	}
	if got := Wanted(&model.Model{Contexts: []*model.Context{{Channels: shows.Channels[:1]}}}); len(got) != 0 {
		t.Errorf("nobody shows who is there, and there is %v", got)
	}
	own := presence.Topic()
	if Presence.Name != own.Name || Presence.Partitions != own.Partitions || Presence.RetentionMillis != own.Retention.Milliseconds() {
		t.Errorf("the processes make %+v", own)
	}
}

var (
	wanted = []Topic{topic("pl.a.grows.v1", 12, 30), topic("pl.a.new.v1", 12, 30), topic("pl.a.old.v1", 3, 7), topic("pl.a.same.v1", 6, 7), topic("pl.a.shrinks.v1", 1, 7), topic("pl.a.split.v1", 12, 30)}
	found  = []Topic{topic("pl.a.grows.v1", 12, 7), topic("pl.a.left.v1", 3, 1), outdated("pl.a.old.v1", 3, 7), topic("pl.a.same.v1", 6, 7),
		{Name: "pl.a.shrinks.v1", Partitions: 1, RetentionMillis: Forever, Cleanup: "compact"}, topic("pl.a.split.v1", 3, 7)}
)

func TestPlan(t *testing.T) {
	for name, losing := range map[string]Losing{
		"careful": {}, "one": {Topics: []string{"pl.a.left.v1"}}, "all": {All: true},
	} {
		t.Run(name, func(t *testing.T) {
			p := MakePlan(wanted, found, losing)
			var out strings.Builder
			if err := p.Text(&out); err != nil {
				t.Fatal(err)
			}
			out.WriteString("\n")
			if err := p.JSON(&out); err != nil {
				t.Fatal(err)
			}
			golden(t, "testdata/"+name+".txt", out.String())
		})
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s", diff.Diff(path, want, "got", []byte(got)))
	}
}

// TestPlansLoseNothing checks for any two sets of topics that a plan without
// leave deletes nothing and shortens nothing, that none changes a partition
// count, and that applying a plan twice is applying it once.
func TestPlansLoseNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want, have := topicSet(t, "wanted"), topicSet(t, "found")
		losing := Losing{All: rapid.Bool().Draw(t, "losing")}
		p := MakePlan(want, have, losing)
		after := apply(have, p.Requests())
		for _, before := range have {
			now, ok := after[before.Name]
			switch {
			case ok && now.Partitions != before.Partitions:
				t.Fatalf("%s gets %d partitions instead of %d", before.Name, now.Partitions, before.Partitions)
			case ok && now.Outdated != "" && slices.ContainsFunc(want, func(w Topic) bool { return w.Name == now.Name }):
				t.Fatalf("%s stays outdated", now.Name)
			case !losing.All && (!ok || shorter(now.RetentionMillis, before.RetentionMillis)):
				t.Fatalf("%s loses records: %v, then %v", before.Name, before, now)
			}
		}
		rest := MakePlan(want, values(after), losing)
		if len(rest.Requests()) > 0 {
			t.Fatalf("applying again changes %v", rest.Requests())
		}
		if rest.Refused() != p.Refused() {
			t.Fatalf("%d changes are refused at first, then %d", p.Refused(), rest.Refused())
		}
	})
}

func topicSet(t *rapid.T, label string) []Topic {
	set := rapid.MapOf(rapid.SampledFrom([]string{"pl.a.a.v1", "pl.a.b.v1", "pl.a.c.v1"}), rapid.Custom(func(t *rapid.T) Topic {
		return Topic{
			Partitions:      rapid.Int32Range(1, 3).Draw(t, "partitions"),
			RetentionMillis: rapid.SampledFrom([]int64{Forever, 0, 1, day}).Draw(t, "retention"),
			Cleanup:         "delete",
		}
	})).Draw(t, label)
	for name, topic := range set {
		topic.Name = name
		if label == "found" {
			topic.Outdated = rapid.SampledFrom([]string{"", "no fast batches"}).Draw(t, "outdated")
		}
		set[name] = topic
	}
	return values(set)
}

func values(set map[string]Topic) []Topic {
	var list []Topic
	for _, t := range set {
		list = append(list, t)
	}
	slices.SortFunc(list, byName)
	return list
}

func apply(have []Topic, requests []Request) map[string]Topic {
	set := map[string]Topic{}
	for _, t := range have {
		set[t.Name] = t
	}
	for _, r := range requests {
		if r.Action == Delete {
			delete(set, r.Topic.Name)
			continue
		}
		set[r.Topic.Name] = r.Topic
	}
	return set
}

func TestDuration(t *testing.T) {
	for ms, want := range map[int64]string{0: "0s", -1: "for ever", 1: "1ms", 30 * day: "30d", day + 3_600_000: "1d1h", 61_500: "1m1s500ms"} {
		if got := duration(ms); got != want {
			t.Errorf("%d ms are %q, want %q", ms, got, want)
		}
	}
}
