// Package mail delivers e-mails in plain text: to a server over SMTP, or into a
// directory where nobody runs one. Sending is an effect that cannot be taken
// back, so every message has a key: sending it again gives the same
// Message-ID, by which servers and mailboxes drop what they have.
package mail

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"
	"time"
)

// A Message is one e-mail to one person.
type Message struct {
	// Key identifies the message. Two messages with one key are the same one.
	Key string
	// Name and Address are those of the recipient. Name may be empty.
	Name, Address string
	// Subject is one line, and Text the body, both in UTF-8.
	Subject, Text string
	// Date is when the message was written.
	Date time.Time
}

// errAddress leaves out the address, which is personal data.
var errAddress = errors.New("the recipient's address is no e-mail address")

// recipient returns the address that a server is told.
func (m *Message) recipient() (*netmail.Address, error) {
	to, err := netmail.ParseAddress(m.Address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, errAddress)
	}
	to.Name = m.Name
	return to, nil
}

// id returns the message's id without its angle brackets.
func (m *Message) id(from *netmail.Address) string {
	sum := sha256.Sum256([]byte(m.Key))
	_, domain, _ := strings.Cut(from.Address, "@")
	return hex.EncodeToString(sum[:16]) + "@" + domain
}

// encode writes the message in the form of RFC 5322.
func (m *Message) encode(from, to *netmail.Address) ([]byte, error) {
	var b bytes.Buffer
	for _, header := range [][2]string{
		{"Message-ID", "<" + m.id(from) + ">"},
		{"Date", m.Date.UTC().Format(time.RFC1123Z)},
		{"From", from.String()},
		{"To", to.String()},
		{"Subject", mime.QEncoding.Encode("utf-8", m.Subject)},
		{"Auto-Submitted", "auto-generated"},
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Transfer-Encoding", "quoted-printable"},
	} {
		fmt.Fprintf(&b, "%s: %s\r\n", header[0], header[1])
	}
	b.WriteString("\r\n")
	body := quotedprintable.NewWriter(&b)
	if _, err := body.Write([]byte(m.Text)); err != nil {
		return nil, fmt.Errorf("encode the message: %w", err)
	}
	if err := body.Close(); err != nil {
		return nil, fmt.Errorf("encode the message: %w", err)
	}
	b.WriteString("\r\n")
	return b.Bytes(), nil
}
