package presence_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/realtime/presence"
)

func TestStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		one, two := start(t, b), start(t, b)
		one.watch("ada")
		one.Join("course:physics", "ada")
		one.Join(math, "ada") // on her telephone
		two.Join(math, "ben")
		two.Join("course:physics", "ada")
		two.Join(math, "cleo")
		pass(soon)
		got := one.Stats()
		if got.Channels != 1 || got.Here != 2 || got.Elsewhere != 3 || got.Instances != 1 {
			t.Errorf("got %+v, want 1 channel, 2 here, 3 on 1 other instance", got)
		}
		if all := uint64(b.said()); got.Read != all || got.Written+two.Stats().Written != all || got.Failed != 0 || got.Unusable != 0 {
			t.Errorf("got %+v and %+v of %d records", got, two.Stats(), all)
		}
		one.Part("course:physics", "ada")
		two.Part(math, "cleo")
		two.kill()
		pass(50 * time.Second)
		got = one.Stats()
		if got.Here != 1 || got.Silence < 50*time.Second || got.Silence > 60*time.Second {
			t.Errorf("got %+v, want one person here, and another instance that was silent for 50 s", got)
		}
		pass(time.Minute)
		if got := one.Stats(); got.Instances != 0 || got.Elsewhere != 0 || got.Silence != 0 {
			t.Errorf("the other instance is gone, and still counted: %+v", got)
		}
	})
}

func TestStatsOfTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		one := start(t, b)
		b.Publish(t.Context(), []*driver.Record{{Topic: presence.Topic().Name, Value: []byte("nonsense")}})
		pass(soon)
		b.goAway(true)
		one.Join(math, "ada")
		pass(10 * time.Second)
		got := one.Stats()
		if got.Failed < 3 || got.Written != 0 || got.Unusable != 1 || got.Read != 1 {
			t.Errorf("got %+v, want failures, and one record that was no use", got)
		}
		b.goAway(false)
		pass(10 * time.Second)
		if got := one.Stats(); got.Written == 0 || got.Read != got.Written+1 {
			t.Errorf("got %+v, want what was said to be heard", got)
		}
	})
}
