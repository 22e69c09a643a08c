//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/gobwas/ws"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// A listener holds a part of the websockets. It reads them with one epoll
// loop, so that it costs as little as possible beside what it measures.
type listener struct {
	plan
	part     int
	speaks   *dialect
	gateways []string
	mint     *mint
	epoll    int
	open     atomic.Int64

	mu     sync.Mutex
	conns  []*conn // by descriptor
	result result
	hist   *hdrhistogram.Histogram
}

// result is what one listener has seen.
type result struct {
	Sessions, Frames           int64
	Missing, Twice, Disordered int64
	Resyncs, Broken            int64
	Why                        string // the last one is broken
	Histogram                  []byte
}

// A conn is one websocket.
type conn struct {
	fd   int
	rest []byte
	next int // the number of the next event of its course
}

// Latencies are kept from a microsecond to a minute, to three digits.
const (
	leastLatency = int64(time.Microsecond)
	mostLatency  = int64(time.Minute)
	digits       = 3
)

// listen is the role of a listener: it connects, waits for "stop", and says
// what it has seen.
func listen(args []string) error {
	l := &listener{hist: hdrhistogram.New(leastLatency, mostLatency, digits)}
	flags := flag.NewFlagSet("listen", flag.ContinueOnError)
	l.register(flags)
	flags.BoolVar(&l.rival, "rival", false, "speak the protocol of centrifuge")
	flags.IntVar(&l.part, "part", 0, "which part of the websockets")
	addrs := flags.String("at", "", "addresses of the gateways")
	issuer := flags.String("issuer", "", "who issues the tokens")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if l.speaks = &ours; l.rival {
		l.speaks = &centrifuge
	}
	l.gateways = strings.Split(*addrs, ",")
	var err error
	if l.mint, err = newMint(*issuer, os.Getenv("LOAD_KEY")); err != nil {
		return err
	}
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	go l.loop()
	if err := l.connect(); err != nil {
		return err
	}
	if err := say(l.open.Load()); err != nil {
		return err
	}
	return l.answer()
}

// answer says what was seen, every time it is asked.
func (l *listener) answer() error {
	asked := bufio.NewScanner(os.Stdin)
	for {
		word, err := heard(asked)
		if err != nil {
			return err
		}
		l.mu.Lock()
		r := l.result
		r.Sessions = l.open.Load()
		if word == "stop" {
			r.Histogram, err = l.hist.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
		}
		l.mu.Unlock()
		if err := errors.Join(err, say(r)); err != nil || word == "stop" {
			return err
		}
	}
}

// dialers is how many connections are being made at one time.
const dialers = 64

// connect opens the part of the websockets: every listeners-th one. Those of
// one course are on different gateways.
func (l *listener) connect() error {
	var group errgroup.Group
	group.SetLimit(dialers)
	for n := l.part; n < l.sessions; n += l.listeners {
		group.Go(func() error {
			if err := l.dial(n); err != nil {
				return fmt.Errorf("websocket %d: %w", n, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// dial opens one websocket and waits until it listens.
func (l *listener) dial(n int) error {
	token, err := l.mint.token(fmt.Sprintf("person-%d", n))
	if err != nil {
		return err
	}
	course := n % l.courses()
	addr := l.gateways[(n/l.courses()+course)%len(l.gateways)]
	dialer := ws.Dialer{
		Timeout: 30 * time.Second, Protocols: l.speaks.protocols, ReadBufferSize: 512, WriteBufferSize: 512,
		NetDial: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(l.part+1))}, Control: bindAddressOnly}).DialContext,
	}
	stream, early, _, err := dialer.Dial(context.Background(), "ws://"+addr+"/realtime")
	if err != nil {
		return err
	}
	in := io.Reader(stream)
	if early != nil {
		in = early // a heartbeat has come already
	}
	if err := stream.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	for _, text := range l.speaks.hello(token, "course:"+courseID(course)) {
		if err := ws.WriteFrame(stream, ws.MaskFrameInPlace(ws.NewTextFrame([]byte(text)))); err != nil {
			return err
		}
		if err := l.speaks.expect(in); err != nil {
			return err
		}
	}
	if early != nil && early.Buffered() > 0 {
		return errors.New("an event has come before any was published")
	}
	return l.adopt(stream.(*net.TCPConn))
}

// bindAddressOnly leaves the choice of a port to connect, which knows the other
// end. To find one that is free for any other end takes most of the time of
// tens of thousands of connections.
func bindAddressOnly(_, _ string, raw syscall.RawConn) error {
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	})
	return errors.Join(err, failed)
}

// adopt gives the websocket to the loop.
func (l *listener) adopt(stream *net.TCPConn) error {
	raw, err := stream.SyscallConn()
	if err != nil {
		return err
	}
	c := &conn{}
	var dup error
	if err := raw.Control(func(fd uintptr) { c.fd, dup = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) }); err != nil || dup != nil {
		return errors.Join(err, dup)
	}
	if err := stream.Close(); err != nil {
		return err
	}
	l.mu.Lock()
	l.conns = slices.Grow(l.conns, max(0, c.fd+1-len(l.conns)))
	l.conns = l.conns[:max(len(l.conns), c.fd+1)]
	l.conns[c.fd] = c
	l.mu.Unlock()
	l.open.Add(1)
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, c.fd, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET, Fd: int32(c.fd)})
}

// breath is between two looks at what has come. Without it every frame would
// wake this process, on the processors that are measured; with it, latencies
// are up to as much longer.
const breath = time.Millisecond

func (l *listener) loop() {
	var ready [512]unix.EpollEvent
	buffer := make([]byte, 64<<10)
	for {
		n, err := unix.EpollWait(l.epoll, ready[:], -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			exit(err)
		}
		l.mu.Lock()
		for _, e := range ready[:max(n, 0)] {
			if c := l.conns[e.Fd]; c != nil {
				l.read(c, buffer, e.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0)
			}
		}
		l.mu.Unlock()
		time.Sleep(breath)
	}
}

// read takes all that has come on one websocket, and its end when it is over:
// there is no second word about it.
func (l *listener) read(c *conn, buffer []byte, over bool) {
	for {
		n, err := receive(c.fd, buffer)
		switch {
		case err == unix.EAGAIN:
			return
		case err == unix.EINTR:
			continue
		case err != 0 || n == 0:
			l.lose(c, err)
			return
		}
		l.frames(c, buffer[:n])
		if n < len(buffer) && !over {
			return
		}
	}
}

// receive reads what is there, past the scheduler: it never waits.
func receive(fd int, buffer []byte) (int, unix.Errno) {
	n, _, err := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&buffer[0])), uintptr(len(buffer)), unix.MSG_DONTWAIT, 0, 0)
	return int(n), err
}

func (l *listener) lose(c *conn, err unix.Errno) {
	l.result.Broken++
	if err != 0 {
		l.result.Why = err.Error()
	}
	l.open.Add(-1)
	l.conns[c.fd] = nil
	_ = unix.Close(c.fd) // it is over
}

// frames takes the frames that are complete, and keeps the rest.
func (l *listener) frames(c *conn, data []byte) {
	now := time.Now().UnixNano()
	if len(c.rest) > 0 {
		data = append(c.rest, data...)
	}
	for {
		size, payload, op := cut(data)
		if size == 0 {
			break
		}
		l.take(c, op, payload, now)
		data = data[size:]
	}
	c.rest = nil
	if len(data) > 0 {
		c.rest = append([]byte(nil), data...)
	}
}

// cut returns the first frame of data with its size, 0 when it is not all
// there.
func cut(data []byte) (size int, payload []byte, op ws.OpCode) {
	if len(data) < 2 {
		return 0, nil, 0
	}
	head, length := 2, int(data[1]&0x7f)
	switch {
	case length == 126 && len(data) < 4, length == 127:
		return 0, nil, 0
	case length == 126:
		head, length = 4, int(data[2])<<8|int(data[3])
	}
	if len(data) < head+length {
		return 0, nil, 0
	}
	return head + length, data[head : head+length], ws.OpCode(data[0] & 0x0f)
}

var (
	titlePrefix = []byte(`"title":"`)
	pong        = ws.MustCompileFrame(ws.MaskFrame(ws.NewPongFrame(nil)))
)

// take looks at one frame.
func (l *listener) take(c *conn, op ws.OpCode, payload []byte, now int64) {
	switch {
	case op == ws.OpPing:
		_, _ = unix.Write(c.fd, pong) // one that cannot be written is missed by the gateway
		return
	case op == ws.OpClose:
		code, reason := ws.ParseCloseFrameData(payload)
		l.result.Why = fmt.Sprintf("closed with %d, %q", code, reason)
		return
	case !l.rival:
		l.message(c, payload, now)
		return
	}
	for message := range bytes.Lines(payload) { // several, when they were waiting
		if string(bytes.TrimSpace(message)) == heartbeat {
			_, _ = unix.Write(c.fd, beat)
			continue
		}
		l.message(c, message, now)
	}
}

// message looks at one message of a gateway.
func (l *listener) message(c *conn, payload []byte, now int64) {
	if !bytes.HasPrefix(payload, l.speaks.event) {
		if bytes.HasPrefix(payload, resync) {
			l.result.Resyncs++
		}
		return
	}
	_, rest, _ := bytes.Cut(payload, titlePrefix)
	title, _, _ := bytes.Cut(rest, []byte(`"`))
	due, number, ok := bytes.Cut(title, []byte("."))
	at, err := strconv.ParseInt(string(due), 10, 64)
	n, err2 := strconv.Atoi(string(number))
	if !ok || err != nil || err2 != nil {
		l.result.Broken++
		l.result.Why = fmt.Sprintf("an event without number: %s", payload)
		return
	}
	l.result.Frames++
	switch {
	case n > c.next:
		l.result.Missing += int64(n - c.next)
	case n == c.next-1:
		l.result.Twice++
	case n < c.next:
		l.result.Disordered++
	}
	c.next = max(c.next, n+1)
	_ = l.hist.RecordValue(min(max(now-at, leastLatency), mostLatency)) // it is within the bounds
}
