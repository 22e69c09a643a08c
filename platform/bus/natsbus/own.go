package natsbus

import (
	"bytes"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/event"
)

// The attributes that the platform writes, in the order of Kafka's names.
// The header content-type, which has no prefix there, comes last.
var attributes = [...]struct{ nats, kafka string }{
	{natsPrefix + event.ExtCausationID, kafkaPrefix + event.ExtCausationID},
	{natsPrefix + event.ExtCorrelationID, kafkaPrefix + event.ExtCorrelationID},
	{natsPrefix + "dataschema", kafkaPrefix + "dataschema"},
	{natsPrefix + "id", kafkaPrefix + "id"},
	{natsPrefix + event.ExtPartitionKey, kafkaPrefix + event.ExtPartitionKey},
	{natsPrefix + event.ExtRecordedTime, kafkaPrefix + event.ExtRecordedTime},
	{natsPrefix + event.ExtSameAs, kafkaPrefix + event.ExtSameAs},
	{natsPrefix + "source", kafkaPrefix + "source"},
	{natsPrefix + specVersion, kafkaPrefix + specVersion},
	{natsPrefix + "subject", kafkaPrefix + "subject"},
	{natsPrefix + "time", kafkaPrefix + "time"},
	{natsPrefix + event.ExtTraceParent, kafkaPrefix + event.ExtTraceParent},
	{natsPrefix + event.ExtTraceState, kafkaPrefix + event.ExtTraceState},
	{natsPrefix + "type", kafkaPrefix + "type"},
	{dataContentType, contentType},
}

const (
	placeSpecVersion = 8
	// ownKey and ownTime are the places after the attributes' and the trace's.
	ownTraceParent = iota + len(attributes) - 1
	ownTraceState
	ownKey
	ownTime
	ownPlaces
)

// An own message is an event of the platform: each of its headers has a place,
// and is there once. The values are as they are on the wire; nil means that
// one is absent.
type own [ownPlaces][]byte

// sortOwn finds each header's place in one pass. It is false when there is a
// header that has none, or that needs another look: then the message is read
// name by name.
func sortOwn(m *memory, h nats.Header) (o own, ok bool) {
	for name, values := range h {
		place := placeOf(name)
		if place == serverPlace {
			continue
		}
		if place < 0 || len(values) != 1 || values[0] == "" {
			return o, false
		}
		o[place] = m.bytes(values[0])
	}
	return o, o[placeSpecVersion] != nil
}

// serverPlace is that of headers which say nothing about the record.
const serverPlace = ownPlaces

func placeOf(name string) int {
	switch name {
	case "ce-causationid":
		return 0
	case "ce-correlationid":
		return 1
	case "ce-dataschema":
		return 2
	case "ce-id":
		return 3
	case "ce-partitionkey":
		return 4
	case "ce-recordedtime":
		return 5
	case "ce-sameas":
		return 6
	case "ce-source":
		return 7
	case "ce-specversion":
		return placeSpecVersion
	case "ce-subject":
		return 9
	case "ce-time":
		return 10
	case "ce-traceparent":
		return 11
	case "ce-tracestate":
		return 12
	case "ce-type":
		return 13
	case dataContentType:
		return 14
	case event.ExtTraceParent:
		return ownTraceParent
	case event.ExtTraceState:
		return ownTraceState
	case headerKey:
		return ownKey
	case headerTime:
		return ownTime
	case nats.MsgIdHdr, headerBatch, headerSequence, headerCommit:
		return serverPlace
	}
	return -1
}

// record returns the record that the message carries.
func (o *own) record(m *memory, data []byte, stored time.Time) *driver.Record {
	r := m.record()
	r.Value, r.Time, r.Headers = data, stored, o.headers(m)
	if key := o[ownKey]; key != nil {
		if r.Key = key; bytes.IndexByte(key, '%') >= 0 {
			r.Key = []byte(unescape(string(key)))
		}
	}
	if at := o[ownTime]; at != nil {
		if t, err := event.ParseTime(string(at)); err == nil {
			r.Time = t
		}
	}
	return r
}

// headers returns the headers by name, as package driver has them.
func (o *own) headers(m *memory) []event.Header {
	list := m.headers()
	for i, value := range o[:ownKey] {
		if value == nil {
			continue
		}
		key := event.ExtTraceParent
		switch {
		case i < len(attributes):
			key, value = attributes[i].kafka, decoded(value)
		case i == ownTraceState:
			key = event.ExtTraceState
		}
		list = append(list, event.Header{Key: key, Value: value})
	}
	return m.used(list)
}

// decoded is [attributeValue], without a copy of a value that says itself.
func decoded(value []byte) []byte {
	if value[0] > ' ' && value[0] != '"' && value[len(value)-1] > ' ' && bytes.IndexByte(value, '%') < 0 {
		return value
	}
	return []byte(attributeValue(string(value)))
}
