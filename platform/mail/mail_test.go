package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/mail/mailtest"
)

const from = "PulseLearn <no-reply@campus.example>"

func message() *Message {
	return &Message{
		Key: "notification.OnNotificationCreated/1", Name: "Zoë Müller", Address: "zoe@example.org",
		Subject: "New badge: ★ Ace\r\nBcc: all@example.org",
		Text:    "You earned it.\n.\n.. and a line with dots, and one that is long: " + strings.Repeat("0123456789", 20) + "\nÄ",
		Date:    time.Date(2026, 3, 1, 8, 30, 0, 0, time.UTC),
	}
}

func sender(t *testing.T, cfg Config) Sender {
	t.Helper()
	cfg.From = from
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wantMessage reads a message as a mailbox does.
func wantMessage(t *testing.T, text string) {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	want := message()
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || subject != want.Subject || m.Header.Get("Bcc") != "" {
		t.Errorf("subject %q, %v; headers %v", subject, err, m.Header)
	}
	to, err := m.Header.AddressList("To")
	if err != nil || len(to) != 1 || to[0].Name != want.Name || to[0].Address != want.Address {
		t.Errorf("to %v, %v", to, err)
	}
	date, err := m.Header.Date()
	if err != nil || !date.Equal(want.Date) {
		t.Errorf("date %v, %v", date, err)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if got := strings.TrimRight(strings.ReplaceAll(string(body), "\r\n", "\n"), "\n"); err != nil || got != want.Text {
		t.Errorf("body %q, %v; want %q", got, err, want.Text)
	}
}

func TestSMTP(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, nil)
	s := sender(t, Config{Addr: server.Addr})
	for range 2 {
		if err := s.Send(t.Context(), message()); err != nil {
			t.Fatal(err)
		}
	}
	other := message()
	other.Key += "2"
	if err := s.Send(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	got := server.Received()
	if len(got) != 3 || got[0].From != "no-reply@campus.example" || got[0].To != "zoe@example.org" {
		t.Fatalf("received %+v", got)
	}
	wantMessage(t, got[0].Text)
	id := got[0].Header("Message-ID")
	if got[1].Header("Message-ID") != id || got[2].Header("Message-ID") == id || !strings.HasSuffix(id, "@campus.example>") {
		t.Errorf("ids %q, %q and %q; want the first two equal", id, got[1].Header("Message-ID"), got[2].Header("Message-ID"))
	}
}

func TestTLSAndLogin(t *testing.T) {
	t.Parallel()
	web := httptest.NewTLSServer(nil) // for its certificate
	defer web.Close()
	mailServer := mailtest.Start(t, &tls.Config{Certificates: web.TLS.Certificates})
	s := sender(t, Config{Addr: mailServer.Addr, User: "ada", Password: "secret"})
	if err := s.Send(t.Context(), message()); err == nil {
		t.Error("a certificate that nobody vouches for was accepted")
	}
	trusted := x509.NewCertPool()
	trusted.AddCert(web.Certificate())
	s.(*server).tls.RootCAs = trusted
	if err := s.Send(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	got := mailServer.Received()
	_, login, _ := strings.Cut(got[0].User, " ")
	plain, _ := base64.StdEncoding.DecodeString(login)
	if len(got) != 1 || !got[0].Secure || string(plain) != "\x00ada\x00secret" {
		t.Errorf("received %+v, login %q", got, plain)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		command, answer string
		forGood         bool
		code            string
	}{
		{"MAIL", "451 later", false, "451"},
		{"MAIL", "530 who are you", false, "530"},
		{"RCPT", "450 mailbox busy", false, "450"},
		{"RCPT", "550 5.1.1 <zoe@example.org> unknown", true, "550"},
		{"DATA", "452 disk full", false, "452"},
		{".", "451 later", false, "451"},
		{".", "554 looks like spam from zoe@example.org", true, "554"},
		{"RCPT", "hang up", false, ""},
		{".", "hang up", false, ""},
	} {
		server := mailtest.Start(t, nil)
		server.Answer(test.command, test.answer)
		err := sender(t, Config{Addr: server.Addr}).Send(t.Context(), message())
		if err == nil || errors.Is(err, ErrRefused) != test.forGood || !strings.Contains(err.Error(), test.code) {
			t.Errorf("%s %q: %v, want refused for good: %v", test.command, test.answer, err, test.forGood)
		}
		if err != nil && strings.Contains(err.Error(), "zoe") {
			t.Errorf("%s %q: %v quotes the address", test.command, test.answer, err)
		}
		if n := len(server.Received()); n != 0 {
			t.Errorf("%s %q: %d messages were taken", test.command, test.answer, n)
		}
	}
}

func TestTheCallerDoesNotWaitForASilentServer(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = sender(t, Config{Addr: l.Addr().String()}).Send(ctx, message())
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrRefused) {
		t.Errorf("%v, want the deadline's end", err)
	}
	_ = l.Close()
	if err := sender(t, Config{Addr: l.Addr().String()}).Send(t.Context(), message()); err == nil || errors.Is(err, ErrRefused) {
		t.Errorf("no server: %v", err)
	}
}

func TestDirectory(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data", "mail")
	s := sender(t, Config{Dir: path})
	for range 2 {
		if err := s.Send(t.Context(), message()); err != nil {
			t.Fatal(err)
		}
	}
	files, err := os.ReadDir(path)
	if err != nil || len(files) != 1 || filepath.Ext(files[0].Name()) != ".eml" {
		t.Fatalf("files %v, %v; want one message", files, err)
	}
	text, err := os.ReadFile(filepath.Join(path, files[0].Name()))
	if err != nil {
		t.Fatal(err)
	}
	wantMessage(t, string(text))
}

func TestNoAddress(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, nil)
	for _, s := range []Sender{sender(t, Config{Dir: t.TempDir()}), sender(t, Config{Addr: server.Addr})} {
		for _, address := range []string{"", "zoe", "zoe@example.org\r\nRCPT TO:<all@example.org>"} {
			m := message()
			m.Address = address
			if err := s.Send(t.Context(), m); !errors.Is(err, ErrRefused) || strings.Contains(err.Error(), "zoe") {
				t.Errorf("%q: %v", address, err)
			}
		}
	}
	for _, bad := range []Config{{From: "no-reply"}, {From: from, Addr: "host"}} {
		if _, err := New(bad); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}
