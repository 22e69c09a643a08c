package faults_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/e2e/faults"
)

// echo is a server that answers every line with itself.
func echo(t *testing.T) *faults.Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	p, err := faults.NewProxy(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func dial(t *testing.T, p *faults.Proxy) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// ask sends a line and waits that long for the answer.
func ask(conn net.Conn, patience time.Duration) error {
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write([]byte("hello\n")); err != nil {
		return err
	}
	_, err := bufio.NewReader(conn).ReadString('\n')
	return err
}

const long = 10 * time.Second

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestLatencyIsAddedEachWay(t *testing.T) {
	p := echo(t)
	conn := dial(t, p)
	must(t, ask(conn, long))
	for range 2 { // the second time the delay is another
		must(t, p.Latency(50*time.Millisecond, 0))
	}
	begin := time.Now()
	must(t, ask(conn, long))
	if took := time.Since(begin); took < 100*time.Millisecond {
		t.Errorf("with 50 ms of latency each way an answer took %s", took)
	}
	must(t, p.Mend())
	must(t, ask(conn, long))
}

func TestBandwidthIsBounded(t *testing.T) {
	p := echo(t)
	conn := dial(t, p)
	must(t, p.Bandwidth(100))
	begin := time.Now()
	go func() { _, _ = conn.Write(make([]byte, 30_000)) }()
	if _, err := io.ReadFull(conn, make([]byte, 30_000)); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took < 200*time.Millisecond {
		t.Errorf("30 kB at 100 kB/s took %s", took)
	}
}

func TestAFrozenConnectionStaysAndIsMute(t *testing.T) {
	p := echo(t)
	conn := dial(t, p)
	must(t, ask(conn, long))
	must(t, p.Freeze())
	for _, c := range []net.Conn{conn, dial(t, p)} {
		if err := ask(c, 100*time.Millisecond); !isTimeout(err) {
			t.Errorf("a half-open connection: %v, want a timeout", err)
		}
	}
	must(t, p.Mend())
	if err := ask(conn, long); err == nil || isTimeout(err) {
		t.Errorf("a connection that has lost data goes on: %v", err)
	}
	must(t, ask(dial(t, p), long))
}

func isTimeout(err error) bool {
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}

func TestResetEndsConnectionsWithoutGoodbye(t *testing.T) {
	p := echo(t)
	must(t, p.Reset())
	if err := ask(dial(t, p), long); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a connection that is reset: %v", err)
	}
	must(t, p.Mend())
	must(t, ask(dial(t, p), long))
}

func TestCutRefusesAndDropLetsThrough(t *testing.T) {
	p := echo(t)
	conn := dial(t, p)
	must(t, p.Drop())
	if err := ask(conn, long); err == nil || isTimeout(err) {
		t.Errorf("a dropped connection goes on: %v", err)
	}
	must(t, ask(dial(t, p), long))
	p.Cut()
	if c, err := net.Dial("tcp", p.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a connection through a cut: %v, %v", c, err)
	}
	must(t, p.Mend())
	must(t, ask(dial(t, p), long))
}
