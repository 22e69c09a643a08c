package presence

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// What a record is.
const (
	kindChanges  = "changes"  // who has come and gone
	kindSnapshot = "snapshot" // who is there, in parts
	kindGone     = "gone"     // nobody is there any more
)

// maxRecord is about how many bytes one record has at most.
const maxRecord = 256 << 10

// A record is what an instance says.
type record struct {
	Instance string `json:"instance"`
	Kind     string `json:"kind"`
	// Part is which of the Parts of a snapshot it is, from 0.
	Part     int                 `json:"part,omitempty"`
	Parts    int                 `json:"parts,omitempty"`
	Channels map[string]*changes `json:"channels,omitempty"`
}

// changes are those of one channel.
type changes struct {
	In  []string `json:"in,omitempty"`
	Out []string `json:"out,omitempty"`
}

func parse(value []byte) (*record, error) {
	rec := new(record)
	if err := json.Unmarshal(value, rec); err != nil {
		return nil, errors.New("it is no JSON object of a record's form")
	}
	switch {
	case rec.Instance == "":
		return nil, errors.New("it names no instance")
	case rec.Kind == kindSnapshot && (rec.Part < 0 || rec.Part >= rec.Parts):
		return nil, fmt.Errorf("it is part %d of %d", rec.Part, rec.Parts)
	case rec.Kind != kindSnapshot && rec.Kind != kindChanges && rec.Kind != kindGone:
		return nil, errors.New("it is of an unknown kind")
	}
	for channel, c := range rec.Channels {
		if c == nil {
			delete(rec.Channels, channel)
		}
	}
	return rec, nil
}

// A speech is what an instance says at one time, in as many records as it
// takes.
type speech struct {
	instance, kind string
	records        []*record
	size           int // of the last one, about
}

// begin adds a record.
func (s *speech) begin() {
	s.records = append(s.records, &record{Instance: s.instance, Kind: s.kind, Channels: map[string]*changes{}})
	s.size = 0
}

func (s *speech) add(channel, person string, in bool) {
	if len(s.records) == 0 || s.size > maxRecord {
		s.begin()
	}
	last := s.records[len(s.records)-1]
	c := last.Channels[channel]
	if c == nil {
		c = new(changes)
		last.Channels[channel] = c
		s.size += len(channel) + len(`"":{"out":[]},`)
	}
	if in {
		c.In = append(c.In, person)
	} else {
		c.Out = append(c.Out, person)
	}
	s.size += len(person) + len(`"",`)
}

// encode returns the speech as records of the topic.
func (s *speech) encode() []*driver.Record {
	var all []*driver.Record
	for i, rec := range s.records {
		if s.kind == kindSnapshot {
			rec.Part, rec.Parts = i, len(s.records)
		}
		value, _ := json.Marshal(rec) // texts and numbers cannot fail
		all = append(all, &driver.Record{Topic: Topic().Name, Key: []byte(s.instance), Value: value})
	}
	return all
}
