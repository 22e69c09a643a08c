package compat

import (
	"fmt"
	"slices"
	"time"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// key compares what decides the partition of an event.
func (w *walker) key(old, new *model.Event) {
	before, after := old.Key, new.Key
	if before == nil && after == nil || before != nil && after != nil && sameKey(before, after) {
		return
	}
	w.report(Key, "", settings(new.Schema), settings(old.Schema), text{
		fmt.Sprintf("the key of %s changes from %s to %s", new.GoName, keyName(before), keyName(after)),
		"the key decides the partition and the order: events of one subject before and after the change lie in different partitions and overtake each other, and held events no longer block their successors",
		"publish a new version of the event, in a directory v" + fmt.Sprint(new.Version+1) + ", with the new key"})
}

// sameKey reports whether a key has the same text as before. A field that was
// renamed with an alias has.
func sameKey(before, after *avro.Field) bool {
	return (before.Name == after.Name || slices.Contains(after.Aliases, before.Name)) &&
		(before.Type.Kind == after.Type.Kind || whole(before.Type.Kind) && whole(after.Type.Kind))
}

func keyName(f *avro.Field) string {
	if f == nil {
		return "none"
	}
	return fmt.Sprintf("%s (%s)", f.Name, f.Type.Kind)
}

func settings(s *avro.Schema) avro.Pos {
	if at, ok := s.PropPos["pl"]; ok {
		return at
	}
	return s.NamePos
}

func (w *walker) retention(old, new *model.Event) {
	if new.Retention >= old.Retention {
		return
	}
	w.report(Retention, "", settings(new.Schema), settings(old.Schema), text{
		fmt.Sprintf("the retention of %s falls from %s to %s", new.GoName, days(old.Retention), days(new.Retention)),
		"the broker deletes what is older as soon as it is applied: a consumer that is behind, or is rebuilt from the topic, never sees it",
		"keep the retention, or make sure that no consumer needs the older events and say so in a waiver"})
}

func days(d time.Duration) string {
	if d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	if d%time.Hour == 0 {
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return d.String()
}
