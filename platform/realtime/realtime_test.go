package realtime_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/realtime"
)

// eachWay runs a test on the loop, where there is one, and on goroutines.
func eachWay(t *testing.T, test func(t *testing.T, w *world)) {
	for name, goroutines := range map[string]bool{"loop": false, "goroutines": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.always = goroutines
			test(t, w)
		})
	}
}

func TestAnEventReachesWhomItIsAbout(t *testing.T) {
	eachWay(t, func(t *testing.T, w *world) {
		g := w.gateway()
		ada, ben := g.dialAs("ada student"), g.dialAs("ben student")
		ada.subscribe("user:ada")
		ben.subscribe("user:ben")
		w.note("ben", 1)
		w.note("ada", 2)
		if m := ada.next(); m.Type != "event" || m.Channel != "user:ada" || m.Data["n"] != 2.0 || m.Event != noteType.Topic {
			t.Errorf("ada got %+v", m)
		} else if m.Data["text"] != "secret" {
			t.Errorf("ada's own data is left out: %v", m.Data)
		}
		if m := ben.next(); m.Channel != "user:ben" || m.Data["n"] != 1.0 {
			t.Errorf("ben got %+v", m)
		}
	})
}

func TestPersonalDataStaysOnOnesOwnChannel(t *testing.T) {
	w := newWorld(t)
	c := w.gateway().dialAs("ada")
	c.subscribe("course:open")
	w.say("open", "ben", 1)
	m := c.next()
	if _, there := m.Data["text"]; there || m.Data["n"] != 1.0 || m.Data["userId"] != "ben" {
		t.Errorf("got %v", m.Data)
	}
}

func TestWhoMayListen(t *testing.T) {
	w := newWorld(t)
	g := w.gateway()
	for _, c := range []struct{ token, channel, code string }{
		{"ada student", "user:ada", ""},
		{"ada student", "user:ben", "permission_denied"},
		{"root admin", "user:ben", ""},
		{"ada student", "course:open", ""},
		{"ada student", "course:closed", "permission_denied"},
		{"tess teacher", "course:closed", ""},
		{"ada student", "planet:mars", "not_found"},
		{"ada student", "user", "invalid_argument"},
		{"ada student", "user:", "invalid_argument"},
		{"ada student", "course:" + strings.Repeat("x", 300), "invalid_argument"},
	} {
		client := g.dialAs(c.token)
		client.send("subscribe", "id", "1", "channel", c.channel)
		if m := client.next(); m.Code != c.code || m.ID != "1" || (c.code == "") != (m.Type == "subscribed") {
			t.Errorf("%s at %s: got %+v, want %q", c.token, c.channel, m, c.code)
		}
	}
}

func TestResumeElsewhere(t *testing.T) {
	eachWay(t, func(t *testing.T, w *world) {
		first := w.gateway()
		c := first.dialAs("tess teacher")
		had := c.subscribe("course:math").Positions
		n := 0
		for ; n < 5; n++ {
			w.say("math", fmt.Sprintf("student-%d", n), n)
			m := c.next()
			had[fmt.Sprintf("%s/%d", m.Event, m.Partition)] = m.Offset
		}
		w.must(c.ws.CloseNow())
		for ; n < 12; n++ {
			w.say("math", fmt.Sprintf("student-%d", n), n)
			w.say("physics", "somebody", 100)
		}
		second := w.gateway() // which begins now and fills its window from the broker
		back := second.dialAs("tess teacher")
		if m := back.subscribe("course:math", "after", had); m.Resumed == nil || !*m.Resumed {
			t.Fatalf("got %+v", m)
		}
		for ; n < 15; n++ {
			w.say("math", fmt.Sprintf("student-%d", n), n)
		}
		seen := map[float64]bool{}
		for len(seen) < 10 {
			m := back.next()
			if m.Type != "event" {
				continue
			}
			number := m.Data["n"].(float64)
			if number < 5 || seen[number] {
				t.Errorf("event %v came twice", number)
			}
			seen[number] = true
		}
	})
}

// A client that comes to an instance that is behind gets nothing twice.
func TestResumeAheadOfTheInstance(t *testing.T) {
	w := newWorld(t)
	g := w.gateway()
	c := g.dialAs("ada")
	had := c.subscribe("user:ada").Positions
	for at := range had {
		had[at] += 2 // two events that this instance has not read
	}
	if m := g.dialAs("ada").subscribe("user:ada", "after", had); !*m.Resumed {
		t.Fatalf("got %+v", m)
	}
	back := g.dialAs("ada")
	back.subscribe("user:ada", "after", had)
	for n := range 4 {
		w.note("ada", n)
	}
	for _, want := range []float64{2, 3} {
		if m := back.next(); m.Data["n"] != want {
			t.Errorf("got %v, want %v", m.Data["n"], want)
		}
	}
}

func TestResumeOutsideOfTheWindow(t *testing.T) {
	w := newWorld(t)
	w.bytes = 1 // one event a shard
	g := w.gateway()
	had := g.dialAs("ada").subscribe("user:ada").Positions
	watcher := g.dialAs("ada")
	watcher.subscribe("user:ada")
	for n := range 50 {
		w.note("ada", n)
		watcher.next()
	}
	if m := g.dialAs("ada").subscribe("user:ada", "after", had); m.Resumed == nil || *m.Resumed {
		t.Errorf("resumed although the events are gone: %+v", m)
	}
	if m := g.dialAs("ada").subscribe("user:ada", "after", map[string]int64{"pl.other.v1/0": 3}); *m.Resumed {
		t.Errorf("resumed from positions of something else: %+v", m)
	}
}

func TestCalls(t *testing.T) {
	eachWay(t, func(t *testing.T, w *world) {
		c := w.gateway().dialAs("ada student")
		c.send("call", "id", "slow", "procedure", "/test.v1/Slow", "request", "x")
		c.send("call", "id", "echo", "procedure", "/test.v1/Echo", "request", "hello", "key", "k1")
		if m := c.next(); m.Type != "answer" || m.ID != "echo" || m.Response != "user:ada k1 hello" {
			t.Errorf("got %+v", m)
		}
		close(w.calls.slow)
		if m := c.next(); m.ID != "slow" || m.Response != "slow" {
			t.Errorf("got %+v", m)
		}
		c.send("call", "id", "1", "procedure", "/nothing", "request", "x")
		if m := c.next(); m.Error == nil || m.Error.Code != "unimplemented" {
			t.Errorf("got %+v", m)
		}
		c.send("call", "id", "2", "procedure", "/test.v1/Echo", "request", map[string]int{"x": 1})
		if m := c.next(); m.Error == nil || m.Error.Code != "invalid_argument" {
			t.Errorf("got %+v", m)
		}
	})
}

func TestAuthentication(t *testing.T) {
	eachWay(t, func(t *testing.T, w *world) {
		w.limits.Handshake = time.Second
		g := w.gateway()
		bad := g.open(nil)
		bad.send("auth", "token", "!ada")
		if code := bad.closed(); code != websocket.StatusCode(realtime.CloseUnauthenticated) {
			t.Errorf("a bad token: closed with %d", code)
		}
		early := g.open(nil)
		early.send("subscribe", "channel", "user:ada")
		if code := early.closed(); code != websocket.StatusCode(realtime.CloseUnauthenticated) {
			t.Errorf("a subscription without a token: closed with %d", code)
		}
		silent := g.open(nil)
		if code := silent.closed(); code != websocket.StatusCode(realtime.CloseTimeout) {
			t.Errorf("silence: closed with %d", code)
		}
		other := g.dialAs("ada")
		other.send("auth", "token", "ben")
		if code := other.closed(); code != websocket.StatusCode(realtime.CloseOtherCaller) {
			t.Errorf("another person's token: closed with %d", code)
		}
		expiring := g.dialAs("ada soon")
		if code := expiring.closed(); code != websocket.StatusCode(realtime.CloseUnauthenticated) {
			t.Errorf("an expired token: closed with %d", code)
		}
		renewed := g.dialAs("ada soon")
		renewed.send("auth", "token", "ada", "id", "r")
		if m := renewed.next(); m.Type != "ready" || m.ID != "r" {
			t.Errorf("got %+v", m)
		}
		header := http.Header{"Authorization": {"Bearer ada"}}
		if m := g.open(&websocket.DialOptions{HTTPHeader: header}).next(); m.Type != "ready" || m.Caller != "user:ada" {
			t.Errorf("with a header: got %+v", m)
		}
		browser := g.open(&websocket.DialOptions{Subprotocols: []string{realtime.Subprotocol, "bearer.ada"}})
		if m := browser.next(); m.Type != "ready" || browser.ws.Subprotocol() != realtime.Subprotocol {
			t.Errorf("with a subprotocol: got %+v, %q", m, browser.ws.Subprotocol())
		}
	})
}

func TestRenewalEndsWhatIsNotAllowedAnyMore(t *testing.T) {
	w := newWorld(t)
	c := w.gateway().dialAs("tess teacher")
	c.subscribe("course:closed")
	c.send("auth", "token", "tess student")
	c.next() // ready
	if m := c.next(); m.Type != "unsubscribed" || m.Channel != "course:closed" {
		t.Errorf("got %+v", m)
	}
}

func TestHandshakesThatAreRefused(t *testing.T) {
	w := newWorld(t)
	w.limits.Sessions = 1
	g := w.gateway()
	for name, c := range map[string]struct {
		header http.Header
		status int
	}{
		"a foreign page":   {http.Header{"Origin": {"https://evil.example"}}, http.StatusForbidden},
		"a bad token":      {http.Header{"Authorization": {"Bearer !ada"}}, http.StatusUnauthorized},
		"no bearer":        {http.Header{"Authorization": {"Basic YQ=="}}, http.StatusUnauthorized},
		"no issuer":        {http.Header{"Authorization": {"Bearer ?ada"}}, http.StatusServiceUnavailable},
		"another protocol": {http.Header{"Sec-WebSocket-Protocol": {"graphql-ws"}}, http.StatusBadRequest},
	} {
		if got := g.refused(c.header); got != c.status {
			t.Errorf("%s: got %d, want %d", name, got, c.status)
		}
	}
	g.open(&websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"https://campus.example"}}})
	if got := g.refused(nil); got != http.StatusServiceUnavailable {
		t.Errorf("one session too many: got %d", got)
	}
	resp, err := http.Get(g.web.URL)
	w.must(err)
	if _ = resp.Body.Close(); resp.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("a plain request: got %d", resp.StatusCode)
	}
}

// refused dials in vain and returns the status.
func (g *gateway) refused(header http.Header) int {
	g.Helper()
	ws, resp, err := websocket.Dial(g.Context(), g.web.URL, &websocket.DialOptions{HTTPHeader: header})
	if err == nil {
		_ = ws.CloseNow()
		return http.StatusSwitchingProtocols
	}
	if resp == nil {
		g.Fatal(err)
	}
	return resp.StatusCode
}

func TestLimits(t *testing.T) {
	eachWay(t, func(t *testing.T, w *world) {
		w.limits = realtime.Limits{SessionsPerCaller: 2, Subscriptions: 1, Calls: 1, FrameBytes: 500, FrameRate: 5, Handshake: time.Second}
		g := w.gateway()
		c := g.dialAs("ada")
		c.subscribe("user:ada")
		c.send("subscribe", "id", "2", "channel", "course:open")
		if m := c.next(); m.Code != "resource_exhausted" {
			t.Errorf("one subscription too many: got %+v", m)
		}
		c.send("call", "id", "a", "procedure", "/test.v1/Slow")
		c.send("call", "id", "b", "procedure", "/test.v1/Slow")
		if m := c.next(); m.ID != "b" || m.Error == nil || m.Error.Code != "resource_exhausted" {
			t.Errorf("one call too many: got %+v", m)
		}
		close(w.calls.slow)
		g.dialAs("ada")
		third := g.open(nil)
		third.send("auth", "token", "ada")
		if code := third.closed(); code != websocket.StatusCode(realtime.CloseTooMany) {
			t.Errorf("one session too many: closed with %d", code)
		}
		large := g.dialAs("ben")
		large.send("ping", "id", strings.Repeat("x", 600))
		if code := large.closed(); code != websocket.StatusMessageTooBig {
			t.Errorf("a large frame: closed with %d", code)
		}
		w.must(c.ws.CloseNow())
		w.eventually("the place of a session that has gone is free", func() bool {
			again := g.open(nil)
			again.send("auth", "token", "ada")
			_, _, err := again.ws.Read(w.Context())
			return err == nil
		})
		fast := g.dialAs("cleo")
		for range 100 {
			fast.send("ping")
			if _, _, err := fast.ws.Read(w.Context()); websocket.CloseStatus(err) == websocket.StatusCode(realtime.CloseTooMany) {
				return
			}
		}
		t.Error("a client that sends too fast goes on")
	})
}

func TestMalformedFrames(t *testing.T) {
	w := newWorld(t)
	g := w.gateway()
	for _, text := range []string{`{`, `[]`, `1`, `{"type":"ping","x":1}`, `{"type":1}`, `{"type":"ping"}{}`, `{"type":"ping","id":"` + strings.Repeat("x", 65) + `"}`} {
		c := g.dialAs("ada")
		w.must(c.ws.Write(t.Context(), websocket.MessageText, []byte(text)))
		if code := c.closed(); code != websocket.StatusCode(realtime.CloseMalformed) {
			t.Errorf("%s: closed with %d", text, code)
		}
	}
	c := g.dialAs("ada")
	w.must(c.ws.Write(t.Context(), websocket.MessageBinary, []byte("x")))
	if code := c.closed(); code != websocket.StatusUnsupportedData {
		t.Errorf("binary: closed with %d", code)
	}
	c = g.dialAs("ada")
	c.send("dance", "id", "7")
	if m := c.next(); m.Code != "invalid_argument" || m.ID != "7" {
		t.Errorf("got %+v", m)
	}
	w.eventually("nothing is left behind", func() bool { return g.server.Stats().Sessions == 1 })
}

func TestASlowReaderIsToldAndDisturbsNobody(t *testing.T) {
	eachWay(t, func(t *testing.T, w *world) {
		w.limits.QueueBytes = 16 << 10
		g := w.gateway()
		slow, fast := g.dialAs("ada"), g.dialAs("ada")
		slow.subscribe("user:ada")
		fast.subscribe("user:ada")
		big := strings.Repeat("x", 127)
		const most = 200_000
		sent := 0
		for g.server.Stats().SlowReaders == 0 && sent < most {
			var batch []*noted
			for range 10 {
				batch = append(batch, &noted{"ada", big, big, sent % 100})
				sent++
			}
			w.publishAll(batch)
			for range batch {
				if m := fast.next(); m.Type != "event" {
					t.Fatalf("the other one got %+v", m)
				}
			}
		}
		if sent >= most {
			t.Fatal("the queue never fills")
		}
		for {
			m := slow.next()
			if m.Type == "resync" {
				if m.Reason != "slow" || m.Channel != "user:ada" || len(m.Positions) == 0 {
					t.Errorf("got %+v", m)
				}
				break
			}
		}
		w.note("ada", 99)
		for {
			if m := slow.next(); m.Type == "event" && m.Data["n"] == 99.0 {
				break
			}
		}
	})
}

func (w *world) publishAll(events []*noted) {
	w.Helper()
	var records []*driver.Record
	for _, e := range events {
		records = append(records, w.record(noteType.Topic, e))
	}
	w.must(w.conn.Publish(w.Context(), records))
}

func TestDrain(t *testing.T) {
	eachWay(t, func(t *testing.T, w *world) {
		g := w.gateway()
		c := g.dialAs("ada")
		done := make(chan error, 1)
		go func() { done <- g.server.Drain(w.Context()) }()
		if m := c.next(); m.Type != "bye" || m.RetryAfterMillis == nil {
			t.Errorf("got %+v", m)
		}
		if code := c.closed(); code != websocket.StatusGoingAway {
			t.Errorf("closed with %d", code)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if got := g.refused(nil); got != http.StatusServiceUnavailable {
			t.Errorf("a new one: got %d", got)
		}
	})
}
