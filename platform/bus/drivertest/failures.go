package drivertest

import (
	"context"
	"errors"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

var failureTests = []test{
	{"closing ends everything, twice", func(s *suite) {
		conn := s.broker.Open(s.T)
		topic := s.topic(conn, "closed", 1)
		m := newManual()
		if _, err := conn.Join(context.Background(), "g", []string{topic}, m); err != nil {
			s.Fatal(err)
		}
		p := s.assigned(m)
		for range 2 {
			if err := conn.Close(); err != nil {
				s.Errorf("close: %v", err)
			}
		}
		if _, err := p.Fetch(s.ctx, 1, 1); !errors.Is(err, driver.ErrRevoked) {
			s.Errorf("fetch after close: %v, want ErrRevoked", err)
		}
		if err := conn.Publish(s.ctx, []*driver.Record{keyed(topic, 0, 0)}); err == nil {
			s.Error("publish after close succeeded")
		}
		if _, err := conn.Join(s.ctx, "g", []string{topic}, m); err == nil {
			s.Error("join after close succeeded")
		}
		if err := conn.Ping(s.ctx); err == nil {
			s.Error("ping after close succeeded")
		}
	}},
	{"a broker that is away says so", func(s *suite) {
		s.need(s.broker.Stop != nil, "way to stop it")
		conn := s.open()
		topic := s.topic(conn, "away", 1)
		s.broker.Stop(s.T)
		ctx, cancel := context.WithTimeout(s.ctx, 15*time.Second)
		defer cancel()
		if err := conn.Ping(ctx); !errors.Is(err, driver.ErrUnreachable) {
			s.Errorf("ping: %v, want ErrUnreachable", err)
		}
		if _, err := conn.Join(ctx, "g", []string{topic}, newManual()); !errors.Is(err, driver.ErrUnreachable) {
			s.Errorf("join: %v, want ErrUnreachable", err)
		}
		s.broker.Start(s.T)
		s.eventually("ping succeeds", func() bool { return conn.Ping(s.ctx) == nil })
	}},
	{"a restart loses nothing and needs no help", func(s *suite) {
		s.need(s.broker.Stop != nil, "way to stop it")
		conn := s.open()
		topic := s.topic(conn, "restart", 3)
		l := newLedger(s)
		c := newConsumer("the member", l)
		s.join(conn, "g", topic, c)
		c.waitHolds(3)
		n := 0
		for round := range 3 {
			for key := range 10 {
				s.publish(conn, keyed(topic, key, 2*round))
			}
			n += 10
			l.wait(n)
			s.broker.Stop(s.T)
			waiting := make(chan error, 1)
			go func() {
				var batch []*driver.Record
				for key := range 10 {
					batch = append(batch, keyed(topic, key, 2*round+1))
				}
				waiting <- conn.Publish(s.ctx, batch)
			}()
			s.broker.Start(s.T)
			if err := <-waiting; err != nil {
				s.Fatalf("publish across a restart: %v", err)
			}
			n += 10
			l.wait(n)
		}
		s.countsUp(l.wait(n))
	}},
	{"a publish that gives up can be repeated", func(s *suite) {
		s.need(s.broker.Stop != nil, "way to stop it")
		conn := s.open()
		topic := s.topic(conn, "repeat", 1)
		s.publish(conn, keyed(topic, 0, 0))
		s.broker.Stop(s.T)
		ctx, cancel := context.WithTimeout(s.ctx, time.Second)
		defer cancel()
		if err := conn.Publish(ctx, []*driver.Record{keyed(topic, 0, 1)}); err == nil {
			s.Fatal("publish to a broker that is away succeeded")
		}
		s.broker.Start(s.T)
		s.publish(conn, keyed(topic, 0, 1))
		p := s.only(conn, topic)
		s.seek(p, driver.Earliest)
		got := s.fetch(p, 2)
		if string(got[0].Value) != "0" || string(got[1].Value) != "1" {
			s.Errorf("values %s, %s; want 0, 1", got[0].Value, got[1].Value)
		}
	}},
}
