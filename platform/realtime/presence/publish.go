package presence

import (
	"context"
	"fmt"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// publishWithin bounds one attempt to publish. What fails is made good by the
// next snapshot.
const publishWithin = 10 * time.Second

// publish says what there is to say, once a second at most.
func (r *Roll) publish(ctx context.Context) {
	defer close(r.ended)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.say(ctx, r.due(time.Now()))
		case done := <-r.leaving:
			done <- r.depart(ctx)
			return
		case <-ctx.Done():
			return
		}
	}
}

// due returns what is to be said now. An instance where nobody is says nothing.
func (r *Roll) due(now time.Time) []*driver.Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.behind || len(r.here) > 0 && now.Sub(r.said) >= snapshotEvery {
		return r.snapshot(now)
	}
	s := speech{instance: r.instance, kind: kindChanges}
	for channel, of := range r.changed {
		for person := range of {
			r.note(&s, channel, person)
		}
	}
	clear(r.changed)
	return s.encode()
}

// note adds how somebody has changed.
func (r *Roll) note(s *speech, channel, person string) {
	a := r.here[channel][person]
	a.told = a.sessions > 0
	r.here[channel][person] = a
	s.add(channel, person, a.told)
	r.forget(channel, person)
}

// snapshot returns everybody who is here.
func (r *Roll) snapshot(now time.Time) []*driver.Record {
	s := speech{instance: r.instance, kind: kindSnapshot}
	s.begin()
	for channel, there := range r.here {
		for person, a := range there {
			if a.told = a.sessions > 0; a.told {
				s.add(channel, person, true)
			}
			there[person] = a
			r.forget(channel, person)
		}
	}
	clear(r.changed)
	r.behind, r.said = false, now
	return s.encode()
}

// say publishes, and remembers when that has failed.
func (r *Roll) say(ctx context.Context, records []*driver.Record) {
	if len(records) == 0 {
		return
	}
	within, cancel := context.WithTimeout(ctx, publishWithin)
	defer cancel()
	err := r.cfg.Conn.Publish(within, records)
	if ctx.Err() != nil {
		return
	}
	r.count(len(records), err)
	if err != nil && !r.failing {
		r.cfg.Logger.Warn("presence: the other instances are not told who is here; trying again", "error", err)
	}
	r.failing = err != nil
	r.mu.Lock()
	defer r.mu.Unlock()
	r.behind = r.failing
}

func (r *Roll) count(records int, err error) {
	if err != nil {
		r.counts.failed.Add(1)
		return
	}
	r.counts.written.Add(uint64(records))
}

// depart says that nobody is here any more, unless nobody was said to be.
func (r *Roll) depart(ctx context.Context) error {
	r.mu.Lock()
	silent := r.said.IsZero()
	r.mu.Unlock()
	if silent {
		return nil
	}
	s := speech{instance: r.instance, kind: kindGone}
	s.begin()
	within, cancel := context.WithTimeout(ctx, publishWithin)
	defer cancel()
	err := r.cfg.Conn.Publish(within, s.encode())
	r.count(len(s.records), err)
	if err != nil {
		return fmt.Errorf("presence: tell the other instances that this one ends: %w", err)
	}
	return nil
}
