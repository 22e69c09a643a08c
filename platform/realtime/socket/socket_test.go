package socket_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/realtime/socket"
)

// A server is one connection's handler. It echoes what comes, in upper case.
type server struct {
	t       *testing.T
	conn    *socket.Conn
	slow    chan struct{} // "slow" waits for it
	drained chan struct{}
	closed  chan struct{}
	mu      sync.Mutex
	busy    bool
	deaf    bool
}

// finish ends the connection, after which nothing may come any more.
func (e *server) finish(last string) {
	e.conn.Finish([]byte(last))
	e.mu.Lock()
	defer e.mu.Unlock()
	e.deaf = true
}

func (e *server) Data(data []byte) func() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.deaf {
		e.t.Errorf("%d bytes come after the end", len(data))
	}
	if e.busy {
		e.t.Error("two at one time")
	}
	if bytes.Equal(data, []byte("slow")) {
		e.busy = true
		return func() {
			<-e.slow
			e.mu.Lock()
			defer e.mu.Unlock()
			e.busy = false
			e.conn.Send([]byte("SLOW"))
		}
	}
	if len(data) > 0 {
		e.conn.Send(bytes.ToUpper(data))
	}
	return nil
}

func (e *server) Drained() {
	select {
	case e.drained <- struct{}{}:
	default:
	}
}

func (e *server) Closed() { close(e.closed) }

// each runs a test on the loop and on goroutines, with a server's end and a
// client's. What wrap makes of the server's end is what is adopted.
func each(t *testing.T, test func(t *testing.T, e *server, client *net.TCPConn), wrap ...func(net.Conn) net.Conn) {
	for name, goroutines := range map[string]bool{"loop": false, "goroutines": true} {
		t.Run(name, func(t *testing.T) {
			set, err := socket.NewSet(socket.Limits{Queue: 64 << 10, Linger: time.Second, Readers: 2}, goroutines)
			if err != nil {
				t.Fatal(err)
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			client, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			accepted, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range wrap {
				accepted = w(accepted)
			}
			e := &server{t: t, slow: make(chan struct{}), drained: make(chan struct{}, 1), closed: make(chan struct{})}
			if e.conn, err = set.Adopt(accepted, e); err != nil {
				t.Fatal(err)
			}
			if err := client.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
				t.Fatal(err)
			}
			test(t, e, client.(*net.TCPConn))
			_ = client.Close() // it may be closed already
			<-e.closed
			if err := set.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func expect(t *testing.T, client io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(client, got); err != nil || string(got) != want {
		t.Fatalf("got %q, %v; want %q", got, err, want)
	}
}

func write(t *testing.T, client io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(client, text); err != nil {
		t.Fatal(err)
	}
}

func TestThereAndBack(t *testing.T) {
	each(t, func(t *testing.T, e *server, client *net.TCPConn) {
		e.conn.Start([]byte("early "))
		expect(t, client, "EARLY ")
		write(t, client, "hello")
		expect(t, client, "HELLO")
		large := strings.Repeat("x", 50_000)
		write(t, client, large)
		expect(t, client, strings.ToUpper(large))
	})
}

func TestWhatTakesItsTimeHoldsUpReadingAlone(t *testing.T) {
	each(t, func(t *testing.T, e *server, client *net.TCPConn) {
		e.conn.Start(nil)
		write(t, client, "slow")
		e.conn.Send([]byte("meanwhile"))
		expect(t, client, "meanwhile")
		close(e.slow)
		expect(t, client, "SLOW")
		write(t, client, "on")
		expect(t, client, "ON")
	})
}

func TestAPeerThatDoesNotReadIsRefused(t *testing.T) {
	each(t, func(t *testing.T, e *server, client *net.TCPConn) {
		e.conn.Start(nil)
		frame := bytes.Repeat([]byte("e"), 4<<10)
		refusals, offered := e.conn.Refusals(), 0
		for e.conn.Offer(refusals, frame) {
			if offered++; offered > 1<<20 {
				t.Fatal("the queue never fills")
			}
		}
		if e.conn.Refusals() == refusals {
			t.Error("a refusal does not count")
		}
		if e.conn.Offer(refusals, frame) {
			t.Error("something goes on behind what was refused")
		}
		e.conn.Send([]byte("END"))
		received := 0
		buffer := make([]byte, 64<<10)
		for !bytes.HasSuffix(buffer[:received], []byte("END")) {
			n, err := client.Read(buffer)
			if err != nil {
				t.Fatal(err)
			}
			received = n
		}
		<-e.drained
		if !e.conn.Offer(e.conn.Refusals(), []byte("again")) {
			t.Error("nothing goes on after the peer has read")
		}
		expect(t, client, "again")
	})
}

func TestAPeerThatIgnoresWhatItNeedsIsCutOff(t *testing.T) {
	each(t, func(t *testing.T, e *server, _ *net.TCPConn) {
		e.conn.Start(nil)
		frame := bytes.Repeat([]byte("s"), 256<<10)
		for range 1000 { // 250 MB, far more than anything keeps
			e.conn.Send(frame)
		}
		<-e.closed
	})
}

func TestFinishSendsTheRest(t *testing.T) {
	each(t, func(t *testing.T, e *server, client *net.TCPConn) {
		e.conn.Start(nil)
		e.conn.Send([]byte("one "))
		e.conn.Finish([]byte("last"))
		e.conn.Send([]byte("late"))
		if got, err := io.ReadAll(client); err != nil || string(got) != "one last" {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

// A peer that sends until it hears of the end has read nothing yet, and must
// still get everything: no reset overtakes it.
func TestWhatComesAfterTheEndDoesNotResetTheConnection(t *testing.T) {
	each(t, func(t *testing.T, e *server, client *net.TCPConn) {
		e.conn.Start(nil)
		e.conn.Send([]byte("one "))
		e.finish("last")
		for range 50 {
			write(t, client, strings.Repeat("x", 10_000))
		}
		if got, err := io.ReadAll(client); err != nil || string(got) != "one last" {
			t.Errorf("got %q, %v", got, err)
		}
		select {
		case <-e.closed:
			t.Error("the connection has ended before the peer closed it")
		default:
		}
	})
}

func TestAPeerThatDoesNotCloseIsLeft(t *testing.T) {
	each(t, func(t *testing.T, e *server, client *net.TCPConn) {
		e.conn.Start(nil)
		begin := time.Now()
		e.finish("last")
		expect(t, client, "last")
		<-e.closed
		if took := time.Since(begin); took < 900*time.Millisecond || took > 10*time.Second {
			t.Errorf("left after %s", took)
		}
	})
}

// TLS has an end of its own, without which a peer takes the rest for lost.
func TestTheEndOfTLSIsInOrder(t *testing.T) {
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	each(t, func(t *testing.T, e *server, client *net.TCPConn) {
		peer := tls.Client(client, &tls.Config{InsecureSkipVerify: true}) // a test's certificate
		e.conn.Start(nil)
		e.conn.Send([]byte("one "))
		go e.conn.Finish([]byte("last"))
		write(t, peer, "something")
		if got, err := io.ReadAll(peer); err != nil || string(got) != "one last" {
			t.Errorf("got %q, %v", got, err)
		}
	}, func(accepted net.Conn) net.Conn { return tls.Server(accepted, web.TLS) })
}

func TestFinishDoesNotWaitForEver(t *testing.T) {
	each(t, func(t *testing.T, e *server, _ *net.TCPConn) {
		e.conn.Start(nil)
		frame := bytes.Repeat([]byte("e"), 4<<10)
		for e.conn.Offer(e.conn.Refusals(), frame) {
		}
		e.conn.Finish([]byte("last"))
		<-e.closed
	})
}

func TestEndsAreNoticed(t *testing.T) {
	for name, end := range map[string]func(c *net.TCPConn) error{
		"in order": func(c *net.TCPConn) error { return c.Close() },
		"by reset": func(c *net.TCPConn) error { _ = c.SetLinger(0); return c.Close() },
		"by half":  func(c *net.TCPConn) error { return c.CloseWrite() },
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, e *server, client *net.TCPConn) {
				e.conn.Start(nil)
				if err := end(client); err != nil {
					t.Fatal(err)
				}
				<-e.closed
			})
		})
	}
}
