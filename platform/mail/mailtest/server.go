// Package mailtest is a mail server for tests: it speaks SMTP over TCP, keeps
// what it gets, and refuses what the test says.
package mailtest

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"
)

// A Server is a running mail server. Its methods are safe for concurrent use.
type Server struct {
	// Addr is its host:port.
	Addr string

	tls *tls.Config

	mu       sync.Mutex
	answers  map[string]string
	received []Delivery
}

// A Delivery is one message that the server took.
type Delivery struct {
	// From and To are the envelope, Text the message as it was sent.
	From, To, Text string
	// User is who logged in, in base64 as sent, and Secure tells whether the
	// connection was encrypted.
	User   string
	Secure bool
}

// Header returns a header of the message.
func (d *Delivery) Header(name string) string {
	m, err := netmail.ReadMessage(strings.NewReader(d.Text))
	if err != nil {
		return ""
	}
	return m.Header.Get(name)
}

// Start starts a server that ends with the test. With a configuration it
// offers STARTTLS, and AUTH after it.
func Start(t testing.TB, secure *tls.Config) *Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Addr: l.Addr().String(), tls: secure, answers: map[string]string{}}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		open.Wait()
	})
	return s
}

// Answer makes the server give an answer of its own to a command: MAIL, RCPT,
// DATA, or "." for the end of the message. "hang up" ends the connection, and
// "hang up after" a message does so once the message is kept. An empty answer
// restores the server's own.
func (s *Server) Answer(command, answer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[command] = answer
}

// Received returns the messages that the server took, in order.
func (s *Server) Received() []Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Delivery(nil), s.received...)
}

func (s *Server) answer(command string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answers[command]
}

// A session is one connection.
type session struct {
	*Server
	conn   net.Conn
	in     *bufio.Reader
	mail   Delivery
	secure bool
	user   string
}

func (s *Server) serve(conn net.Conn) {
	c := &session{Server: s, conn: conn, in: bufio.NewReader(conn)}
	defer func() { _ = c.conn.Close() }()
	c.say("220 mailtest")
	for {
		line, err := c.in.ReadString('\n')
		if err != nil || !c.command(strings.TrimRight(line, "\r\n")) {
			return
		}
	}
}

func (c *session) say(line string) { fmt.Fprintf(c.conn, "%s\r\n", line) }

// command answers one command; false ends the session.
func (c *session) command(line string) bool {
	verb, rest, _ := strings.Cut(line, " ")
	verb = strings.ToUpper(verb)
	switch answer := c.answer(verb); answer {
	case "":
	case "hang up":
		return false
	default:
		c.say(answer)
		return true
	}
	switch verb {
	case "EHLO", "HELO":
		c.hello()
	case "STARTTLS":
		return c.startTLS()
	case "AUTH":
		c.user = rest
		c.say("235 welcome")
	case "MAIL":
		c.mail = Delivery{From: address(rest), User: c.user, Secure: c.secure}
		c.say("250 ok")
	case "RCPT":
		c.mail.To = address(rest)
		c.say("250 ok")
	case "DATA":
		return c.data()
	case "QUIT":
		c.say("221 bye")
		return false
	default:
		c.say("500 what?")
	}
	return true
}

func (c *session) hello() {
	switch {
	case c.tls != nil && !c.secure:
		c.say("250-mailtest\r\n250 STARTTLS")
	case c.secure:
		c.say("250-mailtest\r\n250 AUTH PLAIN")
	default:
		c.say("250 mailtest")
	}
}

func (c *session) startTLS() bool {
	c.say("220 go ahead")
	secure := tls.Server(c.conn, c.tls)
	if secure.Handshake() != nil {
		return false
	}
	c.conn, c.in, c.secure = secure, bufio.NewReader(secure), true
	return true
}

// data reads the message up to the line with a dot.
func (c *session) data() bool {
	c.say("354 go ahead")
	var text strings.Builder
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			break
		}
		text.WriteString(strings.TrimPrefix(line, "."))
	}
	c.mail.Text = text.String()
	return c.take()
}

func (c *session) take() bool {
	answer := c.answer(".")
	if answer == "" || answer == "hang up after" {
		c.mu.Lock()
		c.received = append(c.received, c.mail)
		c.mu.Unlock()
	}
	switch answer {
	case "":
		c.say("250 taken")
	case "hang up", "hang up after":
		return false
	default:
		c.say(answer)
	}
	return true
}

// address returns what stands in angle brackets.
func address(rest string) string {
	_, after, _ := strings.Cut(rest, "<")
	inner, _, _ := strings.Cut(after, ">")
	return inner
}
