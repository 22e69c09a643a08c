package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/smtp"
	"net/textproto"
	"strings"
	"time"
)

// patience bounds the conversation with a server, whatever the caller's
// deadline is: RFC 5321 allows minutes, and a queue waits behind it.
const patience = 30 * time.Second

// server sends messages over SMTP, a connection each. It uses TLS where the
// server offers it.
type server struct {
	addr, host string
	from       *netmail.Address
	auth       smtp.Auth // nil for none
	tls        *tls.Config
}

func newServer(cfg Config, from *netmail.Address) (*server, error) {
	host, _, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("the mail server %q is not host:port", cfg.Addr)
	}
	s := &server{addr: cfg.Addr, host: host, from: from, tls: &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}}
	if cfg.User != "" {
		s.auth = smtp.PlainAuth("", cfg.User, cfg.Password, host)
	}
	return s, nil
}

func (s *server) Send(ctx context.Context, m *Message) error {
	to, err := m.recipient()
	if err != nil {
		return err
	}
	text, err := m.encode(s.from, to)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return fmt.Errorf("reach the mail server: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if err := s.converse(conn, to.Address, text); err != nil {
		return errors.Join(err, ctx.Err())
	}
	return nil
}

// converse hands over one message.
func (s *server) converse(conn net.Conn, to string, text []byte) error {
	c, err := smtp.NewClient(conn, s.host)
	if err != nil {
		return s.failed("greeting", err)
	}
	_, domain, _ := strings.Cut(s.from.Address, "@")
	if err := c.Hello(domain); err != nil {
		return s.failed("EHLO", err)
	}
	if err := s.secure(c); err != nil {
		return err
	}
	if err := c.Mail(s.from.Address); err != nil {
		return s.failed("MAIL FROM", err)
	}
	if err := c.Rcpt(to); err != nil {
		return s.refused("RCPT TO", err)
	}
	body, err := c.Data()
	if err != nil {
		return s.failed("DATA", err)
	}
	if _, err := body.Write(text); err != nil {
		return s.failed("the message", err)
	}
	if err := body.Close(); err != nil {
		return s.refused("the message", err)
	}
	_ = c.Quit() // the server has the message
	return nil
}

func (s *server) secure(c *smtp.Client) error {
	if ok, _ := c.Extension("STARTTLS"); ok {
		if err := c.StartTLS(s.tls); err != nil {
			return s.failed("STARTTLS", err)
		}
	}
	if s.auth == nil {
		return nil
	}
	if err := c.Auth(s.auth); err != nil {
		return s.failed("AUTH", err)
	}
	return nil
}

// failed says at which command the conversation ended. Servers quote addresses
// in their answers, so of an answer only the code is told.
func (s *server) failed(command string, err error) error {
	var answer *textproto.Error
	if errors.As(err, &answer) {
		return fmt.Errorf("mail server %s answered %s with code %d", s.addr, command, answer.Code)
	}
	return fmt.Errorf("mail server %s, at %s: %w", s.addr, command, err)
}

// refused is failed for a command whose answer is about the message: a code
// from 500 on is the last word.
func (s *server) refused(command string, err error) error {
	failure := s.failed(command, err)
	var answer *textproto.Error
	if errors.As(err, &answer) && answer.Code >= 500 {
		return fmt.Errorf("%w: %w", ErrRefused, failure)
	}
	return failure
}
