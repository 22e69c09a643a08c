package drivertest

import (
	"context"
	"errors"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// noticedWithin is when a connection that nobody answers on has to be noticed.
const noticedWithin = 20 * time.Second

var networkTests = []test{
	{"a slow network changes nothing, while members come and go", func(s *suite) {
		s.disturbed(func(net Network, topic string) {
			s.must(net.Latency(20*time.Millisecond, 15*time.Millisecond))
			for range 2 {
				m := newManual()
				member := s.join(s.open(), "pl.drivertest.trial", topic, m)
				s.assigned(m)
				s.close(member)
			}
		})
	}},
	{"connections that end in the middle of publishing lose nothing", func(s *suite) {
		s.disturbed(func(net Network, topic string) {
			for range 5 {
				s.must(net.Drop())
				wait(s.ctx, 200*time.Millisecond)
			}
			net.Cut()
			wait(s.ctx, time.Second)
		})
	}},
	{"a half-open connection loses nothing and is noticed", func(s *suite) {
		conn := s.open()
		s.must(conn.Ping(s.ctx))
		s.disturbed(func(net Network, _ string) {
			s.must(net.Freeze())
			begin := time.Now()
			ctx, cancel := context.WithTimeout(s.ctx, 2*noticedWithin)
			defer cancel()
			err := conn.Ping(ctx)
			took := time.Since(begin)
			if !errors.Is(err, driver.ErrUnreachable) || took > noticedWithin {
				s.Errorf("after %s: %v, want ErrUnreachable within %s", took, err, noticedWithin)
			}
			s.Logf("noticed after %s", took.Round(time.Millisecond))
		})
	}},
}

// disturbed is survive with a network that is mended at the end.
func (s *suite) disturbed(disturb func(net Network, topic string)) {
	s.Helper()
	net := s.broker.Network
	s.need(net != nil, "network that can be disturbed")
	s.Cleanup(func() { s.must(net.Mend()) })
	s.survive(3, func(topic string) {
		disturb(net, topic)
		s.must(net.Mend())
	})
}

func (s *suite) must(err error) {
	s.Helper()
	if err != nil {
		s.Error(err)
	}
}
