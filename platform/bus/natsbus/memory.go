package natsbus

import (
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/event"
)

// What records are cut from. A record that somebody keeps keeps one of each.
const (
	memoryRecords = 25
	memoryHeaders = 200
	memoryBytes   = 8 << 10
)

// A memory makes one allocation do for many records. What it gave away it never
// touches again. It is used by one goroutine; the zero value is ready.
type memory struct {
	recordsLeft []driver.Record
	headersLeft []event.Header
	bytesLeft   []byte
}

func (m *memory) record() *driver.Record {
	if len(m.recordsLeft) == 0 {
		m.recordsLeft = make([]driver.Record, memoryRecords)
	}
	r := &m.recordsLeft[0]
	m.recordsLeft = m.recordsLeft[1:]
	return r
}

// headers returns an empty list with room for those of an own message. What is
// not in the list that is handed to used is given away again.
func (m *memory) headers() []event.Header {
	if cap(m.headersLeft) < int(ownPlaces) {
		m.headersLeft = make([]event.Header, 0, memoryHeaders)
	}
	return m.headersLeft
}

func (m *memory) used(list []event.Header) []event.Header {
	m.headersLeft = list[len(list):]
	return list[:len(list):len(list)]
}

// bytes returns a copy of a text.
func (m *memory) bytes(text string) []byte {
	if len(text) > memoryBytes/8 {
		return []byte(text)
	}
	if m.bytesLeft == nil || cap(m.bytesLeft)-len(m.bytesLeft) < len(text) {
		m.bytesLeft = make([]byte, 0, memoryBytes)
	}
	from := len(m.bytesLeft)
	m.bytesLeft = append(m.bytesLeft, text...)
	return m.bytesLeft[from:len(m.bytesLeft):len(m.bytesLeft)]
}
