package realtime

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"github.com/pulselearn/campus-hub/platform/realtime/feed"
)

// TestPositionIsWrittenAsAnyMessage: heartbeats are written by hand.
func TestPositionIsWrittenAsAnyMessage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		channel := rapid.String().Draw(t, "channel")
		at := feed.Positions(rapid.MapOfN(rapid.String(), rapid.Int64(), 0, 5).Draw(t, "positions"))
		want, err := json.Marshal(channelMessage{Type: "position", Channel: channel, Positions: at})
		if err != nil {
			t.Fatal(err)
		}
		if got := appendPosition(nil, channel, at); string(got) != string(want) {
			t.Fatalf("wrote %q, want %q", got, want)
		}
	})
}
