package schema

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/pulselearn/campus-hub/platform/event"
)

type wireVector struct {
	ID      string
	Bytes   *string `json:"bytes_hex"`
	Headers [][2]string
	Expect  struct {
		Format    any
		SchemaID  int `json:"schema_id"`
		GUID      string
		Payload   string `json:"payload_hex"`
		Error     string
		Tombstone bool
	}
}

func TestWireVectors(t *testing.T) {
	formats := map[any]Format{0.0: FormatID, 1.0: FormatGUID, "header": FormatHeader}
	for _, v := range readVectors[wireVector](t, "wire_format.json") {
		t.Run(v.ID, func(t *testing.T) {
			frame, payload, err := FrameOf(v.headers(t), v.value(t))
			switch {
			case v.Expect.Error != "":
				if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), v.Expect.Error) {
					t.Errorf("error %v, want %s", err, v.Expect.Error)
				}
			case v.Expect.Tombstone:
				if err != nil || frame != (Frame{}) {
					t.Errorf("%+v, %v; want a tombstone", frame, err)
				}
			default:
				guid := ""
				if frame.GUID != (GUID{}) {
					guid = frame.GUID.String()
				}
				if err != nil || frame.Format != formats[v.Expect.Format] || frame.ID != v.Expect.SchemaID ||
					guid != v.Expect.GUID || hex.EncodeToString(payload) != v.Expect.Payload {
					t.Errorf("%+v %x, %v; want %+v", frame, payload, err, v.Expect)
				}
			}
		})
	}
}

func (v *wireVector) value(t *testing.T) []byte {
	if v.Bytes == nil {
		return nil
	}
	return unhex(t, *v.Bytes)
}

func (v *wireVector) headers(t *testing.T) (headers []event.Header) {
	for _, h := range v.Headers {
		headers = append(headers, event.Header{Key: h[0], Value: unhex(t, strings.TrimPrefix(h[1], "hex:"))})
	}
	return headers
}

func TestFrameOfRefusesBadHeaders(t *testing.T) {
	for _, value := range []string{"", "01", "05", "00000000", "0000000001ff", "01" + strings.Repeat("00", 17)} {
		headers := []event.Header{{Key: headerGUID, Value: unhex(t, value)}}
		if _, _, err := FrameOf(headers, []byte{2}); !errors.Is(err, ErrMalformed) {
			t.Errorf("header %s: error %v, want ErrMalformed", value, err)
		}
	}
}

func TestAppendFrame(t *testing.T) {
	value := append(AppendFrame(nil, 0x01020304), "payload"...)
	frame, payload, err := ParseFrame(value)
	if err != nil || frame != (Frame{Format: FormatID, ID: 0x01020304}) || !bytes.Equal(payload, []byte("payload")) {
		t.Errorf("%+v %q, %v", frame, payload, err)
	}
}

func TestNamingVectors(t *testing.T) {
	type vector struct {
		ID, Strategy, Topic string
		Record              string `json:"record_fullname"`
		Key                 bool   `json:"is_key"`
		Qualified           string `json:"qualified_subject"`
		Expect              json.RawMessage
	}
	type expect struct{ Context, Subject, Error string }
	strategies := map[string]Strategy{"TopicNameStrategy": TopicName, "RecordNameStrategy": RecordName, "TopicRecordNameStrategy": TopicRecordName}
	for _, v := range readVectors[vector](t, "naming.json") {
		t.Run(v.ID, func(t *testing.T) {
			var want expect
			if json.Unmarshal(v.Expect, &want) != nil {
				_ = json.Unmarshal(v.Expect, &want.Subject)
			}
			if v.Strategy == "" {
				got := ParseSubject(v.Qualified)
				if got != (Subject{want.Context, want.Subject}) || ParseSubject(got.String()) != got {
					t.Errorf("%+v, want %+v", got, want)
				}
				return
			}
			strategy, ok := strategies[v.Strategy]
			if !ok {
				t.Fatalf("strategy %q", v.Strategy)
			}
			got, err := strategy.Subject(v.Topic, v.Record, v.Key)
			if got != want.Subject || (err != nil) != (want.Error != "") || err != nil && !strings.Contains(err.Error(), want.Error) {
				t.Errorf("%q, %v; want %+v", got, err, want)
			}
		})
	}
}
