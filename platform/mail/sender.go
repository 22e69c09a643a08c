package mail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	netmail "net/mail"
	"os"
	"path/filepath"
)

// ErrRefused matches the error of a message that can never be delivered: its
// address is none, or the server has refused it for good.
var ErrRefused = errors.New("the message is refused for good")

// A Sender delivers messages. It is safe for concurrent use.
type Sender interface {
	// Send returns nil when somebody else has taken over the message: a
	// server, or the disk. An error that matches [ErrRefused] comes back
	// however often it is tried; after any other error, the message may have
	// been delivered, and should be sent again.
	Send(ctx context.Context, m *Message) error
}

// DefaultFrom is the sender of mail that nobody answers.
const DefaultFrom = "PulseLearn <no-reply@localhost>"

// A Config says where messages go.
type Config struct {
	// Addr is the server's host:port. Empty means the directory Dir.
	Addr string
	// User and Password log in to the server, which has to offer TLS then.
	// Both are empty for a server that takes mail from everybody.
	User, Password string
	// From is the sender: an address, or a name and an address, as in
	// "PulseLearn <no-reply@example.org>". Empty means [DefaultFrom].
	From string
	// Dir is where messages are written without a server, a file each.
	Dir string
}

// New returns the sender that cfg describes. Nothing is dialed or written
// until a message is sent.
func New(cfg Config) (Sender, error) {
	from, err := netmail.ParseAddress(cmp.Or(cfg.From, DefaultFrom))
	if err != nil {
		return nil, fmt.Errorf("the sender %q is neither an address nor a name and an address, as in \"PulseLearn <no-reply@example.org>\"", cfg.From)
	}
	if cfg.Addr == "" {
		return &dir{path: cfg.Dir, from: from}, nil
	}
	return newServer(cfg, from)
}

// dir writes messages to files named after their ids: one that is sent again
// replaces itself.
type dir struct {
	path string
	from *netmail.Address
}

func (d *dir) Send(_ context.Context, m *Message) error {
	to, err := m.recipient()
	if err != nil {
		return err
	}
	text, err := m.encode(d.from, to)
	if err != nil {
		return err
	}
	if err := d.write(m.id(d.from)+".eml", text); err != nil {
		return fmt.Errorf("write a message to %s: %w", d.path, err)
	}
	return nil
}

func (d *dir) write(name string, text []byte) error {
	if err := os.MkdirAll(d.path, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(d.path, ".message-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // which a success has renamed
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(d.path, name))
}
