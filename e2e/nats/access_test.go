package nats_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/pulselearn/campus-hub/e2e/nats"
	"github.com/pulselearn/campus-hub/e2e/pki"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/natsbus"
	"github.com/pulselearn/campus-hub/platform/event"
)

// Servers that want a user, a token, credentials or a certificate let in who
// has them, and nobody else.
func TestAccess(t *testing.T) {
	ca := pki.New(t)
	server, client, foreigner := ca.Issue(t, "server"), ca.Issue(t, "client"), pki.New(t).Issue(t, "foreigner")
	operator, credentials := operated(t)
	for name, test := range map[string]struct {
		server string
		good   natsbus.Config
		bad    natsbus.Config
		advice string // for the bad one
	}{
		"a user": {
			"authorization { user: campus, password: open-sesame }",
			natsbus.Config{User: "campus", Password: "open-sesame"}, natsbus.Config{User: "campus", Password: "abracadabra"},
			"PL_NATS_PASSWORD",
		},
		"a token": {
			"authorization { token: open-sesame }",
			natsbus.Config{Token: "open-sesame"}, natsbus.Config{},
			"PL_NATS_TOKEN",
		},
		"credentials": {
			operator,
			natsbus.Config{Credentials: credentials}, natsbus.Config{User: "campus", Password: "open-sesame"},
			"PL_NATS_CREDS",
		},
		"a certificate": {
			fmt.Sprintf("tls { cert_file: %q, key_file: %q, ca_file: %q, verify: true }", server.Cert, server.Key, ca.File),
			natsbus.Config{TLS: trust(t, ca.File, client)}, natsbus.Config{TLS: trust(t, ca.File, foreigner)},
			"PL_NATS_CERT",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := nats.Start(t, nats.Configured(test.server)).Addr()
			if err := use(t, addr, 20*time.Second, test.good); err != nil {
				t.Errorf("who may come in does not: %v", err)
			}
			err := use(t, addr, 2*time.Second, test.bad)
			if err == nil || !strings.Contains(err.Error(), test.advice) || strings.Contains(err.Error(), "open-sesame") {
				t.Errorf("who may not come in gets %v, want an error that says %s", err, test.advice)
			}
		})
	}
}

// use publishes a record and reads it.
func use(t *testing.T, addr string, within time.Duration, cfg natsbus.Config) error {
	t.Helper()
	cfg.Servers, cfg.Logger = []string{addr}, slog.New(slog.DiscardHandler)
	conn, err := natsbus.Open(cfg)
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	topic := driver.Topic{Name: "pl.access.v1", Partitions: 1, Retention: time.Hour}
	if err := conn.EnsureTopics(ctx, []driver.Topic{topic}); err != nil {
		return err
	}
	sent := &driver.Record{Topic: topic.Name, Key: []byte("k"), Value: []byte("v"), Headers: []event.Header{{Key: "a", Value: []byte("b")}}}
	if err := conn.Publish(ctx, []*driver.Record{sent}); err != nil {
		return err
	}
	read := make(reader, 1)
	go func() { _ = conn.Tail(ctx, []string{topic.Name}, time.Time{}, read) }()
	select {
	case got := <-read:
		if string(got.Key) != "k" || string(got.Value) != "v" || !slices.EqualFunc(got.Headers, sent.Headers, sameHeader) {
			t.Errorf("read %+v, want %+v", got, sent)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("what was published cannot be read: %w", ctx.Err())
	}
}

// A reader keeps the first record that it is given.
type reader chan *driver.Record

func (reader) From(string, int32, int64, int64) {}

func (r reader) Read(records []*driver.Record) {
	select {
	case r <- records[0]:
	default:
	}
}

func sameHeader(a, b event.Header) bool { return a.Key == b.Key && bytes.Equal(a.Value, b.Value) }

func trust(t *testing.T, ca string, own pki.Identity) *tls.Config {
	t.Helper()
	text, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(own.Cert, own.Key)
	if err != nil {
		t.Fatal(err)
	}
	cfg := &tls.Config{RootCAs: x509.NewCertPool(), Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	cfg.RootCAs.AppendCertsFromPEM(text)
	return cfg
}

// operated returns the configuration of a server whose users are known to an
// operator, and the credentials file of one of them.
func operated(t *testing.T) (config, credentials string) {
	t.Helper()
	operator, account, user := pair(t, nkeys.CreateOperator), pair(t, nkeys.CreateAccount), pair(t, nkeys.CreateUser)
	accountClaims := jwt.NewAccountClaims(public(t, account))
	accountClaims.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
	system := pair(t, nkeys.CreateAccount)
	operatorJWT := encoded(t, jwt.NewOperatorClaims(public(t, operator)), operator)
	accountJWT := encoded(t, accountClaims, operator)
	systemJWT := encoded(t, jwt.NewAccountClaims(public(t, system)), operator)
	userJWT := encoded(t, jwt.NewUserClaims(public(t, user)), account)
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.FormatUserConfig(userJWT, seed)
	if err != nil {
		t.Fatal(err)
	}
	credentials = filepath.Join(t.TempDir(), "user.creds")
	if err := os.WriteFile(credentials, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("operator: %s\nsystem_account: %s\nresolver: MEMORY\nresolver_preload { %s: %s, %s: %s }",
		operatorJWT, public(t, system), public(t, account), accountJWT, public(t, system), systemJWT), credentials
}

func pair(t *testing.T, create func() (nkeys.KeyPair, error)) nkeys.KeyPair {
	t.Helper()
	kp, err := create()
	if err != nil {
		t.Fatal(err)
	}
	return kp
}

func public(t *testing.T, kp nkeys.KeyPair) string {
	t.Helper()
	key, err := kp.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func encoded(t *testing.T, claims jwt.Claims, signer nkeys.KeyPair) string {
	t.Helper()
	text, err := claims.Encode(signer)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
