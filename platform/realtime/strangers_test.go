package realtime_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/lxzan/gws"

	"github.com/pulselearn/campus-hub/platform/realtime"
)

// A stranger is a websocket of one of the libraries that nobody here wrote.
type stranger struct {
	*testing.T
	library  string
	answered http.Header // of the handshake
	texts    chan string
	pongs    chan string
	closed   chan string // the code and the reason, or the error

	text func(text string) error // in fragments where the library has some
	ping func(payload string) error
	bye  func(code int, reason string) error
}

// strangers are how to dial with each library. All offer to compress.
var strangers = map[string]func(s *stranger, url string) error{"gorilla": dialGorilla, "gws": dialGWS}

func dialStranger(t *testing.T, library, url string) *stranger {
	t.Helper()
	s := &stranger{T: t, library: library, texts: make(chan string, 100), pongs: make(chan string, 10), closed: make(chan string, 1)}
	if err := strangers[library](s, strings.Replace(url, "http", "ws", 1)); err != nil {
		t.Fatalf("%s: %v", library, err)
	}
	return s
}

// smallBuffer makes gorilla send what is longer in fragments.
const smallBuffer = 32

func dialGorilla(s *stranger, url string) error {
	dialer := gorilla.Dialer{Subprotocols: []string{realtime.Subprotocol}, EnableCompression: true, WriteBufferSize: smallBuffer}
	ws, res, err := dialer.DialContext(s.Context(), url, nil)
	if err != nil {
		return err
	}
	s.Cleanup(func() { _ = ws.Close() })
	_ = res.Body.Close() // a handshake has none
	s.answered = res.Header
	s.text = func(text string) error { return ws.WriteMessage(gorilla.TextMessage, []byte(text)) }
	s.ping = func(p string) error { return ws.WriteControl(gorilla.PingMessage, []byte(p), time.Time{}) }
	s.bye = func(code int, reason string) error {
		return ws.WriteControl(gorilla.CloseMessage, gorilla.FormatCloseMessage(code, reason), time.Time{})
	}
	ws.SetPongHandler(func(p string) error { s.pongs <- p; return nil })
	go func() {
		for {
			_, text, err := ws.ReadMessage()
			if err != nil {
				s.closed <- described(err)
				return
			}
			s.texts <- string(text)
		}
	}()
	return nil
}

func dialGWS(s *stranger, url string) error {
	ws, res, err := gws.NewClient(&gwsEvents{s: s}, &gws.ClientOption{
		Addr: url, RequestHeader: http.Header{"Sec-Websocket-Protocol": {realtime.Subprotocol}},
		PermessageDeflate: gws.PermessageDeflate{Enabled: true}, CheckUtf8Enabled: true,
	})
	if err != nil {
		return err
	}
	s.Cleanup(func() { _ = ws.NetConn().Close() })
	_ = res.Body.Close() // a handshake has none
	s.answered = res.Header
	s.text, s.ping = ws.WriteString, func(p string) error { return ws.WritePing([]byte(p)) }
	s.bye = func(code int, reason string) error { return ws.WriteClose(uint16(code), []byte(reason)) }
	go ws.ReadLoop()
	return nil
}

// gwsEvents passes on what gws reports.
type gwsEvents struct {
	gws.BuiltinEventHandler
	s *stranger
}

func (e *gwsEvents) OnPing(ws *gws.Conn, payload []byte) { _ = ws.WritePong(payload) }
func (e *gwsEvents) OnPong(_ *gws.Conn, payload []byte)  { e.s.pongs <- string(payload) }
func (e *gwsEvents) OnClose(_ *gws.Conn, err error)      { e.s.closed <- described(err) }
func (e *gwsEvents) OnMessage(_ *gws.Conn, m *gws.Message) {
	defer func() { _ = m.Close() }() // it goes back to a pool
	e.s.texts <- m.Data.String()
}

// described is how a connection ended, in words that both libraries share.
func described(err error) string {
	var g *gorilla.CloseError
	var w *gws.CloseError
	switch {
	case errors.As(err, &g):
		return fmt.Sprint(g.Code, " ", g.Text)
	case errors.As(err, &w):
		return fmt.Sprint(w.Code, " ", string(w.Reason))
	}
	return err.Error()
}

func (s *stranger) send(kind string, pairs ...any) {
	s.Helper()
	r := map[string]any{"type": kind}
	for i := 0; i < len(pairs); i += 2 {
		r[pairs[i].(string)] = pairs[i+1]
	}
	text, err := json.Marshal(r)
	if err == nil {
		err = s.text(string(text))
	}
	if err != nil {
		s.Fatalf("%s: send %s: %v", s.library, kind, err)
	}
}

// next returns the next message of a type.
func (s *stranger) next(kind string) message {
	s.Helper()
	for {
		var m message
		if err := json.Unmarshal([]byte(take(s, s.texts)), &m); err != nil {
			s.Fatalf("%s: %v", s.library, err)
		}
		if m.Type == kind {
			return m
		}
	}
}

func take(s *stranger, from <-chan string) string {
	s.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(20 * time.Second):
		s.Fatalf("%s: nothing comes", s.library)
		return ""
	}
}

func eachStranger(t *testing.T, test func(t *testing.T, w *world, g *gateway, library string)) {
	eachWay(t, func(t *testing.T, w *world) {
		g := w.gateway()
		for library := range strangers {
			t.Run(library, func(t *testing.T) { test(t, w, g, library) })
		}
	})
}

func TestStrangersListenAndResume(t *testing.T) {
	eachStranger(t, func(t *testing.T, w *world, g *gateway, library string) {
		s := dialStranger(t, library, g.web.URL)
		if e := s.answered.Values("Sec-Websocket-Extensions"); len(e) > 0 || s.answered.Get("Sec-Websocket-Protocol") != realtime.Subprotocol {
			t.Errorf("the handshake answers %v", s.answered)
		}
		s.send("auth", "token", library+" student")
		s.next("ready")
		s.send("subscribe", "id", "1", "channel", "user:"+library)
		had := s.next("subscribed").Positions
		w.note(library, 1)
		m := s.next("event")
		had[fmt.Sprintf("%s/%d", m.Event, m.Partition)] = m.Offset
		if m.Data["n"] != 1.0 {
			t.Errorf("got %+v", m)
		}
		if err := s.ping("there?"); err != nil {
			t.Fatal(err)
		}
		if got := take(s, s.pongs); got != "there?" {
			t.Errorf("the pong has %q", got)
		}
		long := strings.Repeat("é", 10_000)
		s.send("call", "id", "2", "procedure", "/test.v1/Echo", "request", long)
		if m := s.next("answer"); !strings.HasSuffix(m.Response, long) {
			t.Errorf("the answer has %d bytes", len(m.Response))
		}
		if err := s.bye(1000, "see you"); err != nil {
			t.Fatal(err)
		}
		w.note(library, 2)
		back := dialStranger(t, library, g.web.URL)
		back.send("auth", "token", library+" student")
		back.send("subscribe", "id", "3", "channel", "user:"+library, "after", had)
		if m := back.next("subscribed"); m.Resumed == nil || !*m.Resumed {
			t.Errorf("got %+v", m)
		}
		if m := back.next("event"); m.Data["n"] != 2.0 {
			t.Errorf("after the resume came %+v", m)
		}
	})
}

// TestStrangersHearHowItEnds closes from both sides; no reset comes before the
// reason.
func TestStrangersHearHowItEnds(t *testing.T) {
	eachStranger(t, func(t *testing.T, _ *world, g *gateway, library string) {
		refused := dialStranger(t, library, g.web.URL)
		refused.send("auth", "token", "!bad")
		if got := take(refused, refused.closed); !strings.HasPrefix(got, fmt.Sprint(realtime.CloseUnauthenticated)) {
			t.Errorf("a bad token ends with %q", got)
		}
		babbling := dialStranger(t, library, g.web.URL)
		for range 5000 { // faster than it may, on the slowest machine too
			if babbling.text(`{"type":"ping"}`) != nil {
				break
			}
		}
		if got := take(babbling, babbling.closed); !strings.HasPrefix(got, fmt.Sprint(realtime.CloseTooMany)) {
			t.Errorf("one that sends too much ends with %q", got)
		}
		if library == "gws" {
			return // which closes without waiting for the answer
		}
		leaving := dialStranger(t, library, g.web.URL)
		if err := leaving.bye(4001, "tab closed"); err != nil {
			t.Fatal(err)
		}
		if got := take(leaving, leaving.closed); got != "4001 " {
			t.Errorf("a close is answered with %q", got)
		}
	})
}
