package realtime

import (
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/realtime/socket"
)

// TestAStandstillIsNotTheClientsSilence: a process that was stopped for hours
// asks a client twice before it gives it up.
func TestAStandstillIsNotTheClientsSilence(t *testing.T) {
	c, client := quietSession(t)
	now := time.Now()
	for n := range unanswered {
		now = now.Add(time.Hour)
		c.look(now)
		if got := read(t, client, len(ping)); !slices.Equal(got, ping) {
			t.Fatalf("look %d: got % x, want a ping", n+1, got)
		}
	}
	c.look(now.Add(time.Hour))
	if rest, err := io.ReadAll(client); err != nil || len(rest) == 0 || slices.Equal(rest, ping) {
		t.Errorf("after two pings without an answer: % x, %v; want that the session is closed", rest, err)
	}
}

// quietSession returns a session that nobody looks after, and its other end.
func quietSession(t *testing.T) (*session, net.Conn) {
	t.Helper()
	sockets, err := socket.NewSet(socket.Limits{Queue: 1 << 10, Linger: time.Second, Readers: 1}, false)
	must(t, err)
	t.Cleanup(func() { _ = sockets.Close() })
	at, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer at.Close()
	client, err := net.Dial("tcp", at.Addr().String())
	must(t, err)
	t.Cleanup(func() { _ = client.Close() })
	must(t, client.SetDeadline(time.Now().Add(time.Minute)))
	accepted, err := at.Accept()
	must(t, err)
	s := &Server{cfg: Config{Limits: Limits{}.withDefaults()}, sockets: sockets, callers: callers{sessions: map[string]int{}}}
	c := newSession(s)
	c.caller = &identity.Caller{Subject: "ada"}
	c.conn, err = sockets.Adopt(accepted, c)
	must(t, err)
	c.conn.Start(nil)
	return c, client
}

func read(t *testing.T, from io.Reader, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	_, err := io.ReadFull(from, b)
	must(t, err)
	return b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
