package presence

import (
	"sync/atomic"
	"time"
)

// Stats are counts since the start, and what is known now.
type Stats struct {
	// Channels are watched here.
	Channels int
	// Here and Elsewhere are the people on channels of this instance and of the
	// other ones, of which there are Instances. Who is on two channels, or on
	// two instances, counts twice.
	Here, Elsewhere, Instances int
	// Written and Read are records of the topic, those of this instance
	// included; Unusable ones were read and are of another form. Failed counts
	// attempts to write.
	Written, Read, Unusable, Failed uint64
	// Silence is how long ago the other instance that has been silent for
	// longest said something; 0 without others.
	Silence time.Duration
}

// counts are those since the start.
type counts struct{ written, read, unusable, failed atomic.Uint64 }

// Stats returns the counts.
func (r *Roll) Stats() Stats {
	s := Stats{
		Written: r.counts.written.Load(), Read: r.counts.read.Load(),
		Unusable: r.counts.unusable.Load(), Failed: r.counts.failed.Load(),
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s.Channels, s.Here, s.Instances = len(r.rooms), r.attending, len(r.peers)
	now := time.Now()
	for _, p := range r.peers {
		s.Silence = max(s.Silence, now.Sub(p.heard))
		for _, of := range p.channels {
			s.Elsewhere += len(of)
		}
	}
	return s
}
