package tx

import "time"

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
