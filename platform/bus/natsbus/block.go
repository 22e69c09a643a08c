package natsbus

import (
	"bytes"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// fromBlock reads the record that a raw message carries: headers as they are on
// the wire, then data. The record refers to both.
func fromBlock(m *memory, block, data []byte, stored time.Time) *driver.Record {
	o, ok := sortBlock(block)
	if ok {
		return o.record(m, data, stored)
	}
	// As the client does, a block that cannot be read counts as none.
	h, _ := nats.DecodeHeadersMsg(block)
	return fromNATS(m, h, data, stored)
}

// sortBlock is [sortOwn] for headers as they are on the wire.
func sortBlock(block []byte) (o own, ok bool) {
	rest, ok := bytes.CutPrefix(block, []byte("NATS/1.0\r\n"))
	for ok {
		var line []byte
		if line, rest, ok = cutLine(rest); len(line) == 0 {
			break
		}
		ok = ok && o.addLine(line)
	}
	return o, ok && o[placeSpecVersion] != nil
}

func cutLine(block []byte) (line, rest []byte, ok bool) {
	end := bytes.IndexByte(block, '\n')
	if end < 1 || block[end-1] != '\r' {
		return nil, nil, false
	}
	return block[:end-1], block[end+1:], true
}

func (o *own) addLine(line []byte) bool {
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		return false
	}
	place := placeOf(string(line[:colon]))
	if place == serverPlace {
		return true
	}
	value := line[colon+1:]
	for len(value) > 0 && (value[0] == ' ' || value[0] == '\t') {
		value = value[1:]
	}
	if place < 0 || len(value) == 0 || o[place] != nil {
		return false
	}
	o[place] = value[:len(value):len(value)]
	return true
}
