package kafka_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/e2e/kafka"
	"github.com/pulselearn/campus-hub/e2e/pki"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/kafkabus"
)

const user, password = "campus", "open-sesame"

// What single members and connections see of one broker.
func TestClients(t *testing.T) {
	ca := pki.New(t)
	broker := kafka.Start(t, kafka.Secured(kafka.Security{
		User: user, Password: password, Identity: ca.Issue(t, "broker").Both, Authority: ca.File,
	}))
	t.Run("access", func(t *testing.T) { access(t, broker, ca) })
	t.Run("return", func(t *testing.T) { comeBack(t, broker) })
}

// A broker that wants users, certificates or both lets in who has them, says no
// to others, and the error names the setting.
func access(t *testing.T, broker *kafka.Broker, ca *pki.Authority) {
	stranger := pki.New(t)
	plain := func(mechanism string) kafkabus.SASL {
		return kafkabus.SASL{Mechanism: mechanism, User: user, Password: password}
	}
	client, foreigner := ca.Issue(t, "client"), stranger.Issue(t, "foreigner")
	for name, test := range map[string]struct {
		cfg  kafkabus.Config
		want string // of the error, "" for none
	}{
		"PLAIN":         {kafkabus.Config{Brokers: []string{broker.SASLAddr()}, SASL: plain("PLAIN")}, ""},
		"SCRAM-SHA-256": {kafkabus.Config{Brokers: []string{broker.SASLAddr()}, SASL: plain("SCRAM-SHA-256")}, ""},
		"SCRAM-SHA-512 over TLS": {kafkabus.Config{Brokers: []string{broker.SASLTLSAddr()}, SASL: plain("SCRAM-SHA-512"),
			TLS: trust(t, ca.File)}, ""},
		"a certificate": {kafkabus.Config{Brokers: []string{broker.TLSAddr()}, TLS: trust(t, ca.File, client)}, ""},
		"a wrong password": {kafkabus.Config{Brokers: []string{broker.SASLAddr()},
			SASL: kafkabus.SASL{Mechanism: "SCRAM-SHA-256", User: user, Password: "abracadabra"}}, "PL_KAFKA_PASSWORD"},
		"no user":                 {kafkabus.Config{Brokers: []string{broker.SASLAddr()}}, "PL_KAFKA_"},
		"an unknown authority":    {kafkabus.Config{Brokers: []string{broker.TLSAddr()}, TLS: trust(t, stranger.File, client)}, "PL_KAFKA_CA"},
		"a foreign certificate":   {kafkabus.Config{Brokers: []string{broker.TLSAddr()}, TLS: trust(t, ca.File, foreigner)}, "PL_KAFKA_CERT"},
		"no TLS where it is due":  {kafkabus.Config{Brokers: []string{broker.TLSAddr()}}, "a plaintext connection"},
		"TLS where there is none": {kafkabus.Config{Brokers: []string{broker.Addr()}, TLS: trust(t, ca.File)}, "PL_KAFKA_TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := test.cfg
			cfg.Logger = slog.New(slog.DiscardHandler)
			conn, err := kafkabus.Open(cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			topic := driver.Topic{Name: "pl.access.v1", Partitions: 1, Retention: time.Hour}
			if test.want != "" {
				if err := conn.Ping(ctx); err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), password) {
					t.Errorf("ping: %v, want an error that says %s", err, test.want)
				}
				return
			}
			if err := conn.EnsureTopics(ctx, []driver.Topic{topic}); err != nil {
				t.Fatal(err)
			}
			if err := conn.Publish(ctx, []*driver.Record{{Topic: topic.Name, Value: []byte(name)}}); err != nil {
				t.Error(err)
			}
		})
	}
}

// trust trusts the authority in the file, and shows a certificate if one is
// given.
func trust(t *testing.T, ca string, own ...pki.Identity) *tls.Config {
	t.Helper()
	text, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	cfg := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	cfg.RootCAs.AppendCertsFromPEM(text)
	for _, id := range own {
		pair, err := tls.LoadX509KeyPair(id.Cert, id.Key)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Certificates = append(cfg.Certificates, pair)
	}
	return cfg
}
