package socket

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// errOver says that the peer has ended the connection.
var errOver = errors.New("the connection is over")

// A loop waits for all connections of a set at once.
type loop struct {
	set   *Set
	epoll int
	wake  int // an eventfd that ends it
	ended chan struct{}

	mu    sync.RWMutex
	conns map[int32]*Conn
}

// events is how many connections one wait reports.
const events = 256

func newLoop(s *Set) (*loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err == nil {
		err = unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, wake, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(wake)})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("eventfd: %w", err), unix.Close(epoll))
	}
	l := &loop{set: s, epoll: epoll, wake: wake, ended: make(chan struct{}), conns: map[int32]*Conn{}}
	go l.run()
	return l, nil
}

// adopt takes a TCP connection, whose own net.Conn ends: the descriptor is
// duplicated. It leaves others, such as TLS, alone.
func (l *loop) adopt(c *Conn, stream net.Conn) (taken bool, err error) {
	tcp, ok := stream.(*net.TCPConn)
	if _, secure := stream.(*tls.Conn); secure || !ok {
		return false, nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return false, fmt.Errorf("adopt a connection: %w", err)
	}
	var dup error
	if err := raw.Control(func(fd uintptr) { c.fd, dup = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) }); err != nil || dup != nil {
		return false, fmt.Errorf("adopt a connection: %w", errors.Join(err, dup))
	}
	l.mu.Lock()
	l.conns[int32(c.fd)] = c
	l.mu.Unlock()
	err = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, c.fd, &unix.EpollEvent{Events: unix.EPOLLONESHOT, Fd: int32(c.fd)})
	if err != nil {
		c.release()
		return false, fmt.Errorf("adopt a connection: %w", err)
	}
	_ = tcp.Close() // the duplicate lives on
	return true, nil
}

func (l *loop) run() {
	defer close(l.ended)
	var ready [events]unix.EpollEvent
	for {
		n, err := unix.EpollWait(l.epoll, ready[:], -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
		for _, e := range ready[:max(n, 0)] {
			if int(e.Fd) == l.wake {
				return
			}
			l.mu.RLock()
			c := l.conns[e.Fd]
			l.mu.RUnlock()
			if c != nil {
				c.ready(e.Events)
			}
		}
	}
}

func (l *loop) close() error {
	one := [8]byte{1}
	_, err := unix.Write(l.wake, one[:])
	<-l.ended
	return errors.Join(err, unix.Close(l.wake), unix.Close(l.epoll))
}

// ready is called by the loop. Nothing more is reported until arm is called.
func (c *Conn) ready(events uint32) {
	c.mu.Lock()
	drained := false
	if !c.closed && c.waits() {
		drained = c.flush()
	}
	const over = unix.EPOLLERR | unix.EPOLLHUP
	read := !c.closed && !c.reading && events&(unix.EPOLLIN|unix.EPOLLRDHUP|over) != 0
	if read {
		c.reading = true
		go c.read()
	}
	// What is over is reported without end; whoever reads will notice.
	if events&over == 0 && (!c.reading || c.waits()) {
		c.arm()
	}
	c.mu.Unlock()
	if drained {
		go c.handler.Drained()
	}
}

// waits tells whether there is something to send, or to say when the peer
// reads again.
func (c *Conn) waits() bool { return len(c.queue) > 0 || c.stalled }

// flush writes as much of the queue as the peer takes.
func (c *Conn) flush() (drained bool) {
	for len(c.queue) > 0 {
		first := c.queue[0].frame
		n, err := c.writeNow(first[c.sent:])
		if err != nil {
			c.end()
			return false
		}
		if c.sent += n; c.sent < len(first) {
			return false
		}
		c.queued -= len(first)
		c.queue[0] = item{}
		c.queue, c.sent = c.queue[1:], 0
	}
	return c.emptied()
}

// read hands over what has come, and waits for more.
func (c *Conn) read() {
	for c.readOnce() {
	}
	c.idle()
}

func (c *Conn) readOnce() (more bool) {
	c.set.slots <- struct{}{}
	buffer := c.set.buffers.Get().(*[readBuffer]byte)
	slow, n, err := c.readInto(buffer)
	c.set.buffers.Put(buffer)
	<-c.set.slots
	if slow != nil {
		slow()
		c.hand(nil)
	}
	if errors.Is(err, errOver) {
		c.Close()
		return false
	}
	return n == readBuffer
}

func (c *Conn) readInto(buffer *[readBuffer]byte) (slow func(), n int, err error) {
	n, err = unix.Read(c.fd, buffer[:])
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
		return nil, 0, nil
	case err != nil || n == 0:
		return nil, 0, errOver
	}
	if c.deaf() {
		return nil, n, nil
	}
	return c.handler.Data(buffer[:n]), n, nil
}

// idle ends reading until there is something to read.
func (c *Conn) idle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reading = false
	if c.closed {
		c.free()
		return
	}
	c.arm()
}

// arm asks to be told of what c waits for.
func (c *Conn) arm() {
	if c.closed {
		return
	}
	wanted := uint32(unix.EPOLLONESHOT)
	if !c.reading {
		wanted |= unix.EPOLLIN | unix.EPOLLRDHUP
	}
	if c.waits() {
		wanted |= unix.EPOLLOUT
	}
	_ = unix.EpollCtl(c.set.loop.epoll, unix.EPOLL_CTL_MOD, c.fd, &unix.EpollEvent{Events: wanted, Fd: int32(c.fd)}) // it is registered
}

// writeNow writes what the kernel takes without waiting. So the scheduler need
// not hear of the call, which costs it as much as a small write when there are
// tens of thousands a second.
func (c *Conn) writeNow(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(c.fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case unix.EAGAIN, unix.EINTR:
		return 0, nil
	}
	return 0, errno
}

// shut ends both directions; reading returns at once then.
func (c *Conn) shut() {
	if c.stream != nil {
		_ = c.stream.Close() // it is over either way
		return
	}
	_ = unix.Shutdown(c.fd, unix.SHUT_RDWR) // as is this
}

// shutWrite ends the direction to the peer.
func (c *Conn) shutWrite() {
	if c.stream != nil {
		shutWrite(c.stream)
		return
	}
	_ = unix.Shutdown(c.fd, unix.SHUT_WR) // it is about to be closed
}

// release gives the descriptor back.
func (c *Conn) release() {
	if c.stream != nil {
		return
	}
	l := c.set.loop
	l.mu.Lock()
	delete(l.conns, int32(c.fd))
	l.mu.Unlock()
	_ = unix.Close(c.fd) // which takes it out of the loop
}
