package drivertest

import (
	"context"
	"strings"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

var topicTests = []test{
	{"topics are created once", func(s *suite) {
		conn := s.open()
		name := s.topic(conn, "once", 3)
		s.publish(conn, &driver.Record{Topic: name, Key: []byte("k"), Value: []byte("kept")})
		if again := s.topic(conn, "once", 3); again != name {
			s.Fatal("names differ")
		}
		p := PartitionOf([]byte("k"), 3)
		m := newManual()
		s.join(conn, "g", name, m)
		for {
			if got := s.assigned(m); got.Index() == p {
				s.seek(got, driver.Earliest)
				s.fetch(got, 1)
				return
			}
		}
	}},
	{"another partition count is refused with both counts", func(s *suite) {
		conn := s.open()
		name := s.topic(conn, "count", 3)
		err := conn.EnsureTopics(s.ctx, []driver.Topic{{Name: name, Partitions: 5}})
		s.names(err, name, "3", "5")
	}},
	{"joining an unknown topic names it", func(s *suite) {
		_, err := s.open().Join(context.Background(), "g", []string{"pl.drivertest.absent.v1"}, newManual())
		s.names(err, "pl.drivertest.absent.v1")
	}},
	{"publishing to an unknown topic names it", func(s *suite) {
		err := s.open().Publish(s.ctx, []*driver.Record{{Topic: "pl.drivertest.absent.v1", Value: []byte("v")}})
		s.names(err, "pl.drivertest.absent.v1")
	}},
}

// names checks that err exists and says all of the words.
func (s *suite) names(err error, words ...string) {
	s.Helper()
	if err == nil {
		s.Fatal("no error")
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			s.Errorf("error %q does not say %q", err, w)
		}
	}
}
