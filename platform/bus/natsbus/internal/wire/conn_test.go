package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"pgregory.net/rapid"
)

// A script is a connection whose other side has said all it has to say. Every
// read returns as many bytes as the next of sizes says.
type script struct {
	net.Conn
	text  []byte
	sizes []int
}

func (s *script) Write(b []byte) (int, error) { return len(b), nil }

func (s *script) Read(b []byte) (int, error) {
	if len(s.text) == 0 {
		return 0, io.EOF
	}
	n := min(len(b), len(s.text))
	if len(s.sizes) > 0 {
		n, s.sizes = min(n, s.sizes[0]), s.sizes[1:]
	}
	n = copy(b, s.text[:n])
	s.text = s.text[n:]
	return n, nil
}

// readRaw returns what the client reads of a text, after it has written.
func readRaw(t interface{ Fatal(...any) }, written, text string, sizes []int, buffer int) string {
	c := &conn{Conn: &script{text: []byte(text), sizes: sizes}}
	if _, err := c.Write([]byte(written)); err != nil {
		t.Fatal(err)
	}
	var got []byte
	b := make([]byte, buffer)
	for {
		n, err := c.Read(b)
		got = append(got, b[:n]...)
		if errors.Is(err, io.EOF) {
			return string(got)
		}
		if err != nil || n == 0 {
			t.Fatal("read", n, err)
		}
	}
}

const connect = "CONNECT {}\r\nPING\r\n"

// However the network cuts what a server says, a raw consumer's deliveries are
// rewritten, and nothing else.
func TestRawDeliveriesAreRewritten(t *testing.T) {
	payload := rapid.SampledFrom([]string{"", "x", "\r\n", "NATS/1.0\r\na: b\r\n\r\nHMSG s 1 $JS.ACK.a.raw=b.1.2.3.4.5 2 4\r\n", "\nMSG a 1 9\r\n"})
	reply := rapid.SampledFrom([]string{"", "_INBOX.x", "$JS.ACK.s.c.1.2.3.4.5", "$JS.ACK._.h.s.c.1.2.3.4.5.r", "$JS.API.x.raw=c"})
	rapid.Check(t, func(t *rapid.T) {
		var said, want string
		for range rapid.IntRange(1, 12).Draw(t, "lines") {
			p := payload.Draw(t, "payload")
			switch rapid.IntRange(0, 4).Draw(t, "kind") {
			case 0:
				line := rapid.SampledFrom([]string{"PING\r\n", "PONG\r\n", "+OK\r\n", "-ERR 'HMSG no'\r\n", "INFO {\"a\":1} \r\n"}).Draw(t, "line")
				said, want = said+line, want+line
			case 1:
				line := fmt.Sprintf("MSG s.1 7 %s %d\r\n%s\r\n", reply.Draw(t, "reply"), len(p), p)
				said, want = said+line, want+line
			case 2:
				line := fmt.Sprintf("HMSG s.1 7 %s %d %d\r\n%s\r\n", reply.Draw(t, "reply"), len(p)/2, len(p), p)
				said, want = said+line, want+line
			default:
				said += fmt.Sprintf("HMSG s.1 7 $JS.ACK.s.raw=c.1.2.3.4.5 %d %d\r\n%s\r\n", len(p)/2, len(p), p)
				want += fmt.Sprintf("MSG  s.1 7 $JS.RAW.s.raw=c.1.2.3.4.5.%d %d\r\n%s\r\n", len(p)/2, len(p), p)
			}
		}
		sizes := rapid.SliceOfN(rapid.IntRange(1, 40), 0, 200).Draw(t, "sizes")
		buffer := rapid.SampledFrom([]int{128, 200, 32 << 10}).Draw(t, "buffer") // a line has less
		if got := readRaw(t, connect, said, sizes, buffer); got != want {
			t.Fatalf("read\n%q, want\n%q", got, want)
		}
		if got := readRaw(t, "\x16\x03\x01", said, sizes, buffer); got != said {
			t.Fatalf("a connection that is not in plain text became\n%q", got)
		}
	})
}

// Whatever comes arrives, and never waits for what may not come: only the
// beginning of a line does.
func FuzzConn(f *testing.F) {
	f.Add([]byte("HMSG a 1 $JS.ACK.s.raw=c.1.2.3.4.5 4 99999999999999999999\r\nab"), 3)
	f.Add([]byte("MSG a 1 9223372036854775807\r\nPING\r\n"), 40)
	f.Add([]byte("MSG a 1 -5\r\nPING\r\n"), 40)
	f.Add(append([]byte("INFO "), bytes.Repeat([]byte("x"), longestLine+10)...), 1)
	f.Add([]byte("HMSG 1 2\r\nMSG \r\nMSG 7\n"), 9)
	f.Fuzz(func(t *testing.T, text []byte, buffer int) {
		buffer = 1 + buffer&0xffff
		got := readRaw(t, connect, string(text), nil, buffer)
		if len(got) != len(text) {
			t.Fatalf("%d bytes of %d arrived", len(got), len(text))
		}
		if !bytes.Contains(text, []byte(RawConsumer)) && got != string(text) {
			t.Fatalf("read %q, want %q", got, text)
		}
	})
}

func TestALineWithoutEndIsNotHeldBack(t *testing.T) {
	c := &conn{Conn: &script{text: append([]byte("INFO "), bytes.Repeat([]byte("x"), 2*longestLine)...)}}
	if _, err := c.Write([]byte(connect)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 32<<10)
	if n, err := c.Read(b); n != 5+2*longestLine || err != nil {
		t.Errorf("read %d bytes (%v)", n, err)
	}
	if c.speaks.Load() != opaque {
		t.Error("what is no protocol is still read")
	}
}
