package tx

import (
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
)

// SetPace sets what the store believes that one delivery takes.
func (s *Store) SetPace(each time.Duration) { s.pace.each = each }

// LookAgain makes the next plan of every claim look at the hold.
func (s *Store) LookAgain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.ledgers {
		l.changed()
		l.outage.next = time.Time{}
	}
}

// LookedAt makes every claim believe that its last plan was made at a time.
func (s *Store) LookedAt(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.ledgers {
		l.now, l.look, l.checked = at, at.Add(holdPoll), at
	}
}

// NextProbe returns when the outage of a claim is probed next.
func (s *Store) NextProbe(c *bus.Claim) time.Time { return s.ledgers[c.Position].outage.next }
