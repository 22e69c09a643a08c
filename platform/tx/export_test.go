package tx

import "time"

// SetPace sets what the store believes that one delivery takes.
func (s *Store) SetPace(each time.Duration) { s.pace.each = each }
