package drivertest

import (
	"slices"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

var adminTests = []test{
	{"topics are created, configured and deleted, and seen so at once", func(s *suite) {
		admin, ok := s.open().(driver.TopicAdmin)
		s.need(ok, "administration of topics")
		const week = 7 * 24 * time.Hour
		short := driver.TopicState{Name: "pl.drivertest.short.v1", Partitions: 3, Retention: week, Cleanup: "delete"}
		long := driver.TopicState{Name: "pl.drivertest.long.v1", Partitions: 1, Retention: driver.Forever, Cleanup: s.cleanup("compact")}
		foreign := driver.TopicState{Name: "drivertest", Partitions: 1, Retention: week, Cleanup: "delete"}
		s.topicsAre(admin)
		if compacted := (driver.TopicState{Name: long.Name, Partitions: 1, Cleanup: "compact"}); !s.h.Features.Compaction && admin.CreateTopic(s.ctx, compacted) == nil {
			s.Error("a topic is created with a cleanup that the broker does not have")
		}
		for _, topic := range []driver.TopicState{short, long, foreign} {
			if err := admin.CreateTopic(s.ctx, topic); err != nil {
				s.Fatal(err)
			}
		}
		s.topicsAre(admin, long, short)
		if err := admin.CreateTopic(s.ctx, short); err == nil {
			s.Error("a topic is created twice")
		}
		short.Retention, short.Cleanup = driver.Forever, s.cleanup("compact,delete")
		if err := admin.ConfigureTopic(s.ctx, short); err != nil {
			s.Fatal(err)
		}
		s.topicsAre(admin, long, short)
		if err := admin.DeleteTopic(s.ctx, long.Name); err != nil {
			s.Fatal(err)
		}
		s.topicsAre(admin, short)
		if err := admin.DeleteTopic(s.ctx, long.Name); err == nil {
			s.Error("a topic is deleted twice")
		}
	}},
}

// cleanup returns the cleanup that the broker has for the one wanted.
func (s *suite) cleanup(want string) string {
	if s.h.Features.Compaction {
		return want
	}
	return "delete"
}

// topicsAre checks what the broker has of the suite's topics.
func (s *suite) topicsAre(admin driver.TopicAdmin, want ...driver.TopicState) {
	s.Helper()
	got, err := admin.Topics(s.ctx, "pl.drivertest.")
	if err != nil || !slices.Equal(got, want) {
		s.Errorf("the topics are %v (%v), want %v", got, err, want)
	}
}
