package operate

import (
	"strings"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/admin"
)

// healthy is a consumer that nothing keeps.
func healthy() *facts {
	return &facts{
		consumer: admin.Consumer{
			Context: "shelf", Consumer: "shelf.OnBorrowed", Topic: "pl.library.borrowed.v1", Producer: "library", Start: "EARLIEST",
			Partitions: []admin.Position{{Partition: 0, Next: 7, End: 7, Epoch: 1}},
		},
		producer: &admin.Outbox{Context: "library"},
	}
}

func TestReasons(t *testing.T) {
	at := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		question Question
		change   func(*facts)
		want     string // the one thing that is bad; "" for nothing
		next     string
	}{
		"nothing":          {change: func(*facts) {}},
		"not ready":        {change: func(f *facts) { f.notReady = map[string]string{"broker": "no answer"} }, want: "the process is not ready: broker: no answer", next: "log"},
		"not joined":       {change: func(f *facts) { f.consumer.Unready = "group pl.shelf: not joined" }, want: "not at work in the process asked: group pl.shelf: not joined", next: "log"},
		"never assigned":   {change: func(f *facts) { f.consumer.Partitions = nil }, want: "no partition of the topic was ever assigned", next: "pl-gen consumer show shelf.OnBorrowed"},
		"empty topic":      {change: func(f *facts) { f.consumer.Partitions[0] = admin.Position{} }, want: "topic pl.library.borrowed.v1 is empty", next: "pl-gen outbox status --context library"},
		"behind":           {change: func(f *facts) { f.consumer.Partitions[0].Lag = 5 }, want: "behind by 5 offsets", next: "does the lag fall?"},
		"begins at latest": {change: func(f *facts) { f.consumer.Start, f.consumer.Partitions[0].Next = "LATEST", -1 }, want: "begins at LATEST: what was published before is not for it", next: "--to earliest"},
		"paused by limit": {change: func(f *facts) { f.consumer.Partitions[0].Paused = "too many deliveries are held" },
			want: "partition 0 takes no new records: too many deliveries are held", next: "pl-gen dlq list --consumer shelf.OnBorrowed"},
		"key waits": {change: func(f *facts) {
			p := &f.consumer.Partitions[0]
			p.BlockedKeys, p.OldestBlocked, p.OldestLetter = 2, at, "shelf.OnBorrowed/t/0/3"
		}, want: "2 keys wait, the longest since 2026-11-23T03:00:00Z behind shelf.OnBorrowed/t/0/3", next: "pl-gen dlq show shelf.OnBorrowed/t/0/3"},
		"outbox stands still": {change: func(f *facts) { f.producer.Unpublished, f.producer.Oldest = 3, at }, want: "3 events of context library wait to be published", next: "pl-gen outbox status --context library"},
		"event of another topic": {Question{event: "e"}, func(f *facts) { f.event = &admin.OutboxEvent{Topic: "pl.library.returned.v1", PublishedAt: at} },
			"the event is in topic pl.library.returned.v1", ""},
		"event in the outbox": {Question{event: "e"}, func(f *facts) { f.event = &admin.OutboxEvent{Topic: "pl.library.borrowed.v1"} }, "still in the outbox of library", "pl-gen outbox status"},
		"no such event":       {Question{event: "e"}, func(*facts) {}, "context library has no event e", "the command that should have published it"},
		"applied": {Question{event: "e"}, func(f *facts) {
			f.event, f.applied = &admin.OutboxEvent{Topic: "pl.library.borrowed.v1", PublishedAt: at}, true
		}, "the event was applied by shelf.OnBorrowed", "once an event"},
		"event is retried": {Question{event: "e"}, func(f *facts) {
			f.event = &admin.OutboxEvent{Topic: "pl.library.borrowed.v1", PublishedAt: at}
			f.letters = []admin.Letter{{ID: "l", EventID: "e", State: admin.Held, Cause: "no shelf", HeldAt: at, NextAt: at.Add(time.Hour)}}
		}, "the event is held since 2026-11-23T03:00:00Z: no shelf; the next attempt is at 2026-11-23T04:00:00Z", "pl-gen dlq show l"},
		"behind another of its key": {Question{event: "e"}, func(f *facts) {
			f.event = &admin.OutboxEvent{Topic: "pl.library.borrowed.v1", PublishedAt: at}
			f.letters = []admin.Letter{{ID: "l", EventID: "d", State: admin.Dead, Cause: "schema is not known to the registry", HeldAt: at}}
		}, "an earlier event of the key is dead since 2026-11-23T03:00:00Z: schema is not known to the registry", "pl-gen dlq show l"},
		"producer elsewhere": {change: func(f *facts) { f.producer = nil }},
	} {
		t.Run(name, func(t *testing.T) {
			f := healthy()
			c.change(f)
			c.question.consumer = f.consumer.Consumer
			var bad []reason
			for _, r := range c.question.reasons(f) {
				if r.Bad {
					bad = append(bad, r)
				}
			}
			switch {
			case c.want == "" && len(bad) > 0:
				t.Errorf("something is wrong: %+v", bad)
			case c.want != "" && (len(bad) != 1 || !strings.Contains(bad[0].Found, c.want) || !strings.Contains(bad[0].Next, c.next)):
				t.Errorf("got %+v, want %q, next %q", bad, c.want, c.next)
			}
		})
	}
}
