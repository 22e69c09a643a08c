package service

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
)

// KafkaAccess is what Kafka brokers want of a client.
type KafkaAccess struct {
	// TLS says whether the brokers are reached over TLS.
	TLS bool
	// CA, Cert and Key are PEM files: the authorities that the brokers'
	// certificates are signed with, the system's when empty, and the client's
	// own certificate and key.
	CA, Cert, Key string
	// SASL is PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
	SASL           string
	User, Password string
}

// NATSAccess is what NATS servers want of a client.
type NATSAccess struct {
	// Credentials is a file with the user's JWT and seed. A client has these,
	// or a user and a password, or a token.
	Credentials, User, Password, Token string
	// CA, Cert and Key are PEM files as in [KafkaAccess].
	CA, Cert, Key string
	// Replicas is how many servers keep each new stream.
	Replicas int
}

// A Kafka is how to reach Kafka brokers.
type Kafka struct {
	Brokers []string
	Client  string // the name of the process
	// Instance is the name that the process keeps when it is started again, or
	// nothing.
	Instance string
	TLS      *tls.Config // nil without TLS
	// SASL is a mechanism, or nothing.
	SASL, User, Password string
	Log                  *slog.Logger
}

// A NATS is how to reach NATS servers.
type NATS struct {
	Servers                            []string
	Client, Instance                   string      // as in [Kafka]
	TLS                                *tls.Config // nil for what the servers' URLs say
	Credentials, User, Password, Token string
	Replicas                           int
	Log                                *slog.Logger
}

// embeddedInstance is the name of a process in its own broker, which no other
// process has: there is one to a data directory. So it need not wait for its
// own session after a crash.
const embeddedInstance = "embedded"

var mechanisms = []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}

// target is how to reach brokers, those of the configuration or the embedded
// one.
func (a *KafkaAccess) target(c *Config, brokers []string, client string, log *slog.Logger) (Kafka, error) {
	k := Kafka{Brokers: brokers, Client: client, Instance: c.Instance, SASL: a.SASL, User: a.User, Password: a.Password, Log: log}
	if c.embedsBroker() {
		k.Instance = cmp.Or(c.Instance, embeddedInstance)
	}
	err := a.check(len(c.KafkaBrokers) > 0)
	if err == nil && a.TLS {
		k.TLS, err = loadTLS("PL_KAFKA_", a.CA, a.Cert, a.Key)
	}
	return k, err
}

func (a *KafkaAccess) check(external bool) error {
	var found findings
	found.when(*a != (KafkaAccess{}) && !external, "PL_KAFKA_BROKERS: needed, because PL_KAFKA_TLS, PL_KAFKA_SASL and what belongs to them are for brokers elsewhere")
	found.when(!a.TLS && a.CA+a.Cert+a.Key != "", "PL_KAFKA_TLS: has to be true, because PL_KAFKA_CA, PL_KAFKA_CERT or PL_KAFKA_KEY is set")
	found.when(a.SASL == "" && a.User+a.Password != "", "PL_KAFKA_SASL: needed, because PL_KAFKA_USER or PL_KAFKA_PASSWORD is set; it is one of "+strings.Join(mechanisms, ", "))
	found.when(a.SASL != "" && (a.User == "" || a.Password == ""), "PL_KAFKA_SASL: needs PL_KAFKA_USER and PL_KAFKA_PASSWORD")
	found.unpaired("PL_KAFKA_", a.Cert, a.Key)
	return errors.Join(found...)
}

func (a *NATSAccess) target(c *Config, client string, log *slog.Logger) (NATS, error) {
	n := NATS{
		Servers: c.NATSServers, Client: client, Instance: c.Instance, Log: log, Replicas: a.Replicas,
		Credentials: a.Credentials, User: a.User, Password: a.Password, Token: a.Token,
	}
	err := a.check(len(c.NATSServers) > 0)
	if err == nil && a.CA+a.Cert != "" {
		n.TLS, err = loadTLS("PL_NATS_", a.CA, a.Cert, a.Key)
	}
	return n, err
}

func (a *NATSAccess) check(external bool) error {
	var found findings
	kinds := 0
	for _, kind := range []string{a.Credentials, a.User, a.Token} {
		if kind != "" {
			kinds++
		}
	}
	rest := *a
	rest.Replicas = 0
	found.when((rest != NATSAccess{} || a.Replicas > 1) && !external, "PL_NATS_SERVERS: needed, because other settings of NATS are set")
	found.when(kinds > 1, "PL_NATS_CREDS: a client has these, or PL_NATS_USER and PL_NATS_PASSWORD, or PL_NATS_TOKEN; unset the others")
	found.when((a.User == "") != (a.Password == ""), "PL_NATS_USER: goes with PL_NATS_PASSWORD; one of them is not set")
	found.unpaired("PL_NATS_", a.Cert, a.Key)
	return errors.Join(found...)
}

// findings are what is wrong with a combination of settings.
type findings []error

func (f *findings) when(wrong bool, text string) {
	if wrong {
		*f = append(*f, errors.New(text))
	}
}

func (f *findings) unpaired(prefix, cert, key string) {
	f.when((cert == "") != (key == ""), prefix+"CERT: goes with "+prefix+"KEY; one of them is not set")
}

// loadTLS reads the files of the settings that begin with prefix.
func loadTLS(prefix, ca, cert, key string) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		text, err := os.ReadFile(ca)
		if err != nil {
			return nil, fmt.Errorf("%sCA: %w", prefix, err)
		}
		if cfg.RootCAs = x509.NewCertPool(); !cfg.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%sCA: %s has no certificate in PEM", prefix, ca)
		}
	}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("%sCERT: %w", prefix, err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

// checkAccess fails when the brokers cannot be reached as the configuration
// says.
func (c *Config) checkAccess() error {
	_, kafka := c.Kafka.target(c, c.KafkaBrokers, "", nil)
	_, nats := c.NATS.target(c, "", nil)
	return errors.Join(kafka, nats)
}

func setReplicas(c *Config, value string) error {
	const most = 5 // that JetStream has
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > most {
		return fmt.Errorf("%q is not a number from 1 to %d", value, most)
	}
	c.NATS.Replicas = n
	return nil
}

func setKafkaTLS(c *Config, value string) (err error) {
	if c.Kafka.TLS, err = strconv.ParseBool(value); err != nil {
		return fmt.Errorf("%q is neither true nor false", value)
	}
	return nil
}

func setMechanism(c *Config, value string) error {
	if value != "" && !slices.Contains(mechanisms, value) {
		return fmt.Errorf("%q is none of %s", value, strings.Join(mechanisms, ", "))
	}
	c.Kafka.SASL = value
	return nil
}

// checkInstance allows what every broker does.
func checkInstance(value string) error {
	const most = 200
	wrong := func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("_-", r))
	}
	if len(value) > most || strings.ContainsFunc(value, wrong) {
		return fmt.Errorf("a name has up to %d letters, digits, _ and -", most)
	}
	return nil
}
