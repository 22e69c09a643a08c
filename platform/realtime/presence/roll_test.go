package presence_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

const math = "course:math"

// soon is until what one instance knows is told on another: a second to say it,
// two to be sure, and one for the next look.
const soon = 4 * time.Second

func TestInstancesShowEachOthersPeople(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		one, two := start(t, b), start(t, b)
		ada := one.watch("ada")
		ada.shows(t, "ada")
		ben := two.watch("ben")
		two.Join(math, "ada") // on her telephone
		two.Join("course:physics", "cleo")
		pass(soon)
		ada.shows(t, "ada", "ben")
		ben.shows(t, "ada", "ben")
		two.Part(math, "ada")
		pass(soon)
		ben.shows(t, "ada", "ben")
		one.Part(math, "ada")
		pass(soon)
		ben.shows(t, "ben")
		late := start(t, b).watch("dan") // who learns it from what was said before
		pass(soon)
		late.shows(t, "ben", "dan")
	})
}

func TestWhatCancelsOutWithinASecondIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		one, two := start(t, b), start(t, b)
		ada := one.watch("ada")
		two.Join(math, "ben")
		pass(time.Minute)
		ada.shows(t, "ada", "ben")
		ada.messages()
		for step := range 20 { // at any place between two looks
			pass(10*time.Second + time.Duration(step)*53*time.Millisecond)
			one.Join(math, "cleo") // and is gone again
			two.Part(math, "ben")  // and comes back, there or here
			pass(950 * time.Millisecond)
			one.Part(math, "cleo")
			if step%2 == 0 {
				two.Join(math, "ben")
				continue
			}
			one.Join(math, "ben")
			pass(10 * time.Second)
			two.Join(math, "ben")
			one.Part(math, "ben")
		}
		pass(time.Minute)
		if m := ada.messages(); len(m) > 0 {
			t.Errorf("told %+v", m)
		}
		before := b.said()
		pass(200 * time.Millisecond)
		for range 10 {
			two.Join(math, "dan")
			two.Part(math, "dan")
		}
		pass(3 * time.Second)
		if n := b.said() - before; n > 2 { // a snapshot of each at most
			t.Errorf("%d records of what has cancelled out", n)
		}
	})
}

func TestAnInstanceThatIsKilledLosesItsPeople(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		one, two := start(t, b), start(t, b)
		ada := one.watch("ada")
		two.Join(math, "ben")
		pass(10 * time.Minute)
		ada.shows(t, "ada", "ben")
		two.kill()
		pass(44 * time.Second) // its last word is 30 s old at most
		ada.shows(t, "ada", "ben")
		late := start(t, b).watch("cleo")
		pass(75*time.Second + soon - 44*time.Second)
		ada.shows(t, "ada", "cleo")
		late.shows(t, "ada", "cleo") // who has read the word later
	})
}

func TestAnInstanceThatDrainsLosesItsPeopleAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		one, two := start(t, b), start(t, b)
		ada := one.watch("ada")
		two.Join(math, "ben")
		pass(soon)
		ada.shows(t, "ada", "ben")
		for range 2 {
			if err := two.Leave(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		two.Join(math, "late")
		pass(soon)
		ada.shows(t, "ada")
		two.kill()
	})
}

func TestNothingIsSaidWhereNobodyIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		one := start(t, b)
		pass(time.Hour)
		if n := b.said(); n != 0 {
			t.Errorf("%d records", n)
		}
		one.Join(math, "ada")
		pass(soon)
		one.Part(math, "ada")
		pass(soon)
		if n := b.said(); n != 2 { // the two words
			t.Errorf("%d records, of one who came and went", n)
		}
		pass(time.Hour)
		if n := b.said(); n != 2 {
			t.Errorf("%d records after they had gone", n)
		}
	})
}

func TestOneRecordASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		one := start(t, b)
		const seconds = 20
		for i := range 100 * seconds {
			one.Join(math, fmt.Sprint("student-", i))
			time.Sleep(10 * time.Millisecond)
		}
		synctest.Wait()
		if n := b.said(); n > seconds || n < seconds-1 {
			t.Errorf("%d records in %d seconds", n, seconds)
		}
	})
}

// TestTheBoundOnLargeChannels takes a channel above what is listed and back, on
// one instance and with all the people on another.
func TestTheBoundOnLargeChannels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		one, two := start(t, b), start(t, b)
		ada := one.watch("ada")
		names := make([]string, 20_000) // of several records
		for i := range names {
			names[i] = fmt.Sprintf("%s-%05d", strings.Repeat("n", 20), i)
			two.Join(math, names[i])
		}
		pass(soon)
		ben := two.watch("ben")
		pass(time.Minute)
		for _, p := range []*page{ada, ben} {
			for _, m := range p.messages()[1:] {
				if len(m.Members)+len(m.Joined)+len(m.Left) > 0 || m.Count < 20_000 {
					t.Errorf("got %d, with %d names", m.Count, len(m.Members)+len(m.Joined)+len(m.Left))
				}
			}
			if p.count != 20_002 {
				t.Errorf("got %d", p.count)
			}
		}
		for second := range 20 {
			two.Part(math, names[second])
			pass(time.Second)
		}
		if n := len(ada.messages()); n < 3 || n > 5 {
			t.Errorf("told %d times in 20 seconds", n)
		}
		for _, name := range names[20:] {
			two.Part(math, name)
		}
		two.Join(math, "cleo")
		pass(10 * time.Second)
		ada.shows(t, "ada", "ben", "cleo")
		ben.shows(t, "ada", "ben", "cleo")
	})
}

func TestWhatABrokerHasMissedIsMadeGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		one, two := start(t, b), start(t, b)
		ada := one.watch("ada")
		two.Join(math, "ben")
		pass(soon)
		b.goAway(true)
		two.Part(math, "ben")
		two.Join(math, "cleo")
		pass(30 * time.Second)
		ada.shows(t, "ada", "ben") // as was known
		b.goAway(false)
		pass(10 * time.Second)
		ada.shows(t, "ada", "cleo")
		b.goAway(true)
		pass(2 * time.Minute)
		ada.shows(t, "ada") // nobody vouches for them
		b.goAway(false)
		pass(10 * time.Second)
		ada.shows(t, "ada", "cleo")
	})
}

func TestAWatcherThatHasMissedSomething(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := start(t, nil) // alone
		ada, stranger := one.watch("ada"), &page{}
		one.Join(math, "ben")
		pass(soon)
		ada.messages()
		one.Again(math, ada)
		one.Again(math, stranger)
		if m := ada.messages(); len(m) != 1 || !slices.Equal(m[0].Members, []string{"ada", "ben"}) {
			t.Errorf("got %+v", m)
		}
		one.Unwatch(math, ada)
		one.Unwatch(math, stranger)
		one.Again(math, ada)
		one.Part(math, "ben")
		pass(soon)
		if n := len(ada.messages()) + len(stranger.messages()); n != 0 {
			t.Errorf("told %d times who does not watch", n)
		}
	})
}

func TestRecordsThatCannotBeUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		one := start(t, b)
		ada := one.watch("ada")
		for _, value := range []string{
			``, `[]`, `{`, `{"kind":"gone"}`, `{"instance":"x"}`, `{"instance":"x","kind":"party"}`,
			`{"instance":"x","kind":"snapshot"}`, `{"instance":"x","kind":"snapshot","part":-1,"parts":2}`,
			`{"instance":"x","kind":"snapshot","part":1,"parts":2,"channels":{"course:math":{"in":["ghost"]}}}`,
			`{"instance":"x","kind":"changes","channels":{"course:math":null}}`,
			`{"instance":"x","kind":"changes","channels":{"course:math":{"out":["ada","ben"]}}}`,
		} {
			if err := b.Publish(t.Context(), []*driver.Record{{Value: []byte(value)}}); err != nil {
				t.Fatal(err)
			}
		}
		pass(soon)
		ada.shows(t, "ada")
	})
}

// TestPagesShowWhoIsThere lets people come and go on instances that start, are
// killed and drain, and looks at the pages once that has settled.
func TestPagesShowWhoIsThere(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBroker()
			home := start(t, b)
			ada := home.watch("ada")
			others := []*instance{start(t, b), start(t, b)}
			sessions := []map[string]int{{}, {}}
			for range rapid.IntRange(1, 60).Draw(rt, "steps") {
				at := rapid.IntRange(0, 1).Draw(rt, "at")
				who := rapid.SampledFrom([]string{"ben", "cleo", "dan"}).Draw(rt, "who")
				switch what := rapid.IntRange(0, 12).Draw(rt, "what"); {
				case what < 5:
					others[at].Join(math, who)
					sessions[at][who]++
				case what < 10:
					if sessions[at][who] > 0 {
						others[at].Part(math, who)
						sessions[at][who]--
					}
				case what == 10:
					if err := others[at].Leave(t.Context()); err != nil {
						t.Fatal(err)
					}
					fallthrough
				case what == 11:
					others[at].kill()
					others[at], sessions[at] = start(t, b), map[string]int{}
				}
				pass(time.Duration(rapid.IntRange(0, 40_000).Draw(rt, "millis")) * time.Millisecond)
			}
			pass(80 * time.Second)
			want := []string{"ada"}
			for _, who := range []string{"ben", "cleo", "dan"} {
				if sessions[0][who]+sessions[1][who] > 0 {
					want = append(want, who)
				}
			}
			ada.shows(t, want...)
			if t.Failed() {
				rt.FailNow()
			}
		})
	})
}
