package event_test

import (
	"reflect"
	"testing"

	"github.com/pulselearn/campus-hub/platform/event"
)

func TestHeaderListIsExact(t *testing.T) {
	want := []event.Header{
		{Key: "ce_id", Value: []byte("1")}, {Key: "", Value: []byte{}}, {Key: "twice", Value: nil},
		{Key: "twice", Value: []byte{0, 0xff, '\n'}}, {Key: "ä", Value: make([]byte, 300)},
	}
	got, err := event.ParseHeaderList(event.AppendHeaderList(nil, want))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := event.ParseHeaderList(nil); got != nil || err != nil {
		t.Errorf("no headers became %v, %v", got, err)
	}
}

func FuzzParseHeaderList(f *testing.F) {
	f.Add(event.AppendHeaderList(nil, []event.Header{{Key: "a", Value: []byte("b")}, {Key: "c"}}))
	f.Add([]byte{1})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, list []byte) {
		headers, err := event.ParseHeaderList(list)
		if err != nil {
			return
		}
		again, err := event.ParseHeaderList(event.AppendHeaderList(nil, headers))
		if err != nil || !reflect.DeepEqual(again, headers) {
			t.Errorf("%v became %v, %v", headers, again, err)
		}
	})
}
