// Package topics says which topics the contracts ask for, and compares them
// with those of a broker. It talks to no broker: the hub does.
package topics

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// Prefix is that of every topic that belongs to the platform. Topics of a
// broker with other names are none of its business.
const Prefix = "pl."

// deleteOld is the only cleanup policy: events go when they are old, never
// because a later one has the same key.
const deleteOld = "delete"

// deadLetterRetention is how long a dead letter is kept at least, so that
// people have time for it.
const deadLetterRetention = 30 * 24 * time.Hour

// Forever is the retention, in milliseconds, of a topic that keeps everything.
const Forever = -1

// A Topic is a topic as it is or should be.
type Topic struct {
	Name       string `json:"name"`
	Partitions int32  `json:"partitions"`
	// RetentionMillis is Forever for a topic that keeps everything.
	RetentionMillis int64 `json:"retentionMillis"`
	// Cleanup is Kafka's cleanup.policy.
	Cleanup string `json:"cleanup"`
	// Outdated says what else of the topic the platform sets otherwise today;
	// "" when nothing, as the contracts want it.
	Outdated string `json:"outdated,omitempty"`
}

// Presence is the topic on which the instances that serve websockets tell each
// other who is there: Topic of platform/realtime/presence.
var Presence = Topic{Name: "pl.realtime.presence", Partitions: 1, RetentionMillis: (5 * time.Minute).Milliseconds(), Cleanup: deleteOld}

// Wanted returns the topics of the contracts, by name: one an event, and for
// each context that consumes it one for what that context could not handle. A
// topic of dead letters has its event's partition count, so that a key keeps its
// partition number. Where channels show who is there, [Presence] is one of them.
func Wanted(m *model.Model) []Topic {
	var wanted []Topic
	for _, e := range m.Events {
		wanted = append(wanted, Topic{Name: e.Topic, Partitions: e.Partitions, RetentionMillis: e.Retention.Milliseconds(), Cleanup: deleteOld})
		for _, c := range e.ConsumedBy() {
			wanted = append(wanted, DeadLetterTopic(e, c.Name))
		}
	}
	if slices.ContainsFunc(m.Contexts, showsPresence) {
		wanted = append(wanted, Presence)
	}
	slices.SortFunc(wanted, byName)
	return wanted
}

func showsPresence(c *model.Context) bool {
	return slices.ContainsFunc(c.Channels, func(ch *model.Channel) bool { return ch.Presence })
}

// DeadLetterTopic returns the topic for what a context could not handle of an
// event.
func DeadLetterTopic(e *model.Event, context string) Topic {
	kept := max(e.Retention, deadLetterRetention)
	return Topic{Name: DeadLetters(e.Topic, context), Partitions: e.Partitions, RetentionMillis: kept.Milliseconds(), Cleanup: deleteOld}
}

// DeadLetters returns the name of the topic of what a context could not handle of a topic.
func DeadLetters(topic, context string) string { return topic + "." + context + ".dlq" }

func byName(a, b Topic) int { return cmp.Compare(a.Name, b.Name) }

func (t Topic) String() string {
	partitions := "1 partition"
	if t.Partitions != 1 {
		partitions = fmt.Sprintf("%d partitions", t.Partitions)
	}
	return partitions + ", retention " + duration(t.RetentionMillis)
}

// duration writes days, hours and so on as the contracts do: "30d", "1d12h".
func duration(ms int64) string {
	if ms < 0 {
		return "for ever"
	}
	var b strings.Builder
	for _, unit := range []struct {
		name string
		ms   int64
	}{{"d", 86_400_000}, {"h", 3_600_000}, {"m", 60_000}, {"s", 1000}, {"ms", 1}} {
		if n := ms / unit.ms; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, unit.name)
			ms %= unit.ms
		}
	}
	return cmp.Or(b.String(), "0s")
}
