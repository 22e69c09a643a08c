package service

import (
	"crypto/tls"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulselearn/campus-hub/e2e/pki"
)

func TestAccessIsChecked(t *testing.T) {
	t.Parallel()
	ca := pki.New(t)
	client := ca.Issue(t, "client")
	absent := filepath.Join(t.TempDir(), "absent.pem")
	kafka, nats := "PL_KAFKA_BROKERS=a:1", "PL_NATS_SERVERS=a:1"
	for _, test := range []struct {
		environ []string
		want    string // "" for a configuration that is in order
	}{
		{[]string{kafka}, ""},
		{[]string{kafka, "PL_KAFKA_TLS=true", "PL_KAFKA_CA=" + ca.File, "PL_KAFKA_CERT=" + client.Cert, "PL_KAFKA_KEY=" + client.Key}, ""},
		{[]string{kafka, "PL_KAFKA_SASL=PLAIN", "PL_KAFKA_USER=u", "PL_KAFKA_PASSWORD=p"}, ""},
		{[]string{"PL_KAFKA_TLS=true"}, "PL_KAFKA_BROKERS: needed"},
		{[]string{kafka, "PL_KAFKA_CA=" + ca.File}, "PL_KAFKA_TLS: has to be true"},
		{[]string{kafka, "PL_KAFKA_TLS=true", "PL_KAFKA_CERT=" + client.Cert}, "PL_KAFKA_CERT: goes with PL_KAFKA_KEY"},
		{[]string{kafka, "PL_KAFKA_TLS=true", "PL_KAFKA_CA=" + absent}, "PL_KAFKA_CA: "},
		{[]string{kafka, "PL_KAFKA_TLS=true", "PL_KAFKA_CA=" + client.Key}, "no certificate in PEM"},
		{[]string{kafka, "PL_KAFKA_TLS=true", "PL_KAFKA_CERT=" + client.Key, "PL_KAFKA_KEY=" + client.Cert}, "PL_KAFKA_CERT: "},
		{[]string{kafka, "PL_KAFKA_USER=u"}, "PL_KAFKA_SASL: needed"},
		{[]string{kafka, "PL_KAFKA_SASL=PLAIN", "PL_KAFKA_USER=u"}, "PL_KAFKA_SASL: needs PL_KAFKA_USER and PL_KAFKA_PASSWORD"},
		{[]string{nats, "PL_NATS_USER=u", "PL_NATS_PASSWORD=p", "PL_NATS_REPLICAS=3", "PL_NATS_CA=" + ca.File}, ""},
		{[]string{nats, "PL_NATS_CREDS=file"}, ""},
		{[]string{"PL_NATS_REPLICAS=3"}, "PL_NATS_SERVERS: needed"},
		{[]string{"PL_NATS_TOKEN=t"}, "PL_NATS_SERVERS: needed"},
		{[]string{nats, "PL_NATS_CREDS=file", "PL_NATS_TOKEN=t"}, "PL_NATS_CREDS: a client has these, or"},
		{[]string{nats, "PL_NATS_PASSWORD=p"}, "PL_NATS_USER: goes with PL_NATS_PASSWORD"},
		{[]string{nats, "PL_NATS_KEY=" + client.Key}, "PL_NATS_CERT: goes with PL_NATS_KEY"},
	} {
		c, err := LoadConfig(test.environ)
		if err != nil {
			t.Fatalf("%v: %v", test.environ, err)
		}
		switch err := c.checkAccess(); {
		case test.want == "" && err != nil:
			t.Errorf("%v: %v", test.environ, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%v: got %v, want %q", test.environ, err, test.want)
		}
	}
}

func TestAccessSettingsAreChecked(t *testing.T) {
	t.Parallel()
	_, err := LoadConfig([]string{
		"PL_KAFKA_TLS=perhaps", "PL_KAFKA_SASL=GSSAPI", "PL_NATS_REPLICAS=7", "PL_INSTANCE=a b", "PL_KAFKA_PASWORD=p",
	})
	var wrong *ConfigError
	if !errors.As(err, &wrong) {
		t.Fatalf("got %v, want a ConfigError", err)
	}
	for _, want := range []string{
		`PL_KAFKA_TLS: "perhaps" is neither true nor false`,
		`PL_KAFKA_SASL: "GSSAPI" is none of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512`,
		`PL_NATS_REPLICAS: "7" is not a number from 1 to 5`,
		`PL_INSTANCE: a name has up to 200 letters, digits, _ and -`,
		`PL_KAFKA_PASWORD: there is no such setting (did you mean PL_KAFKA_PASSWORD?)`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("missing: %s\ngot:\n%v", want, err)
		}
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	c, err := LoadConfig([]string{"PL_KAFKA_PASSWORD=geheim", "PL_NATS_PASSWORD=geheim", "PL_NATS_TOKEN=geheim"})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := c.Describe(&out); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "geheim") || strings.Count(out.String(), "xxxxx") != 3 {
		t.Errorf("the settings are shown as\n%s", out.String())
	}
}

func TestTLSIsLoaded(t *testing.T) {
	t.Parallel()
	ca := pki.New(t)
	client := ca.Issue(t, "client")
	c, err := LoadConfig([]string{"PL_KAFKA_BROKERS=a:1", "PL_INSTANCE=hub-0", "PL_KAFKA_TLS=true",
		"PL_KAFKA_CA=" + ca.File, "PL_KAFKA_CERT=" + client.Cert, "PL_KAFKA_KEY=" + client.Key})
	if err != nil {
		t.Fatal(err)
	}
	to, err := c.Kafka.target(c, c.KafkaBrokers, "pl.hub", nil)
	if err != nil {
		t.Fatal(err)
	}
	if to.TLS == nil || to.TLS.RootCAs == nil || len(to.TLS.Certificates) != 1 || to.TLS.MinVersion != tls.VersionTLS12 || to.Instance != "hub-0" {
		t.Errorf("the brokers are reached by %+v", to)
	}
}

func TestAnEmbeddedBrokerKnowsItsProcess(t *testing.T) {
	t.Parallel()
	for want, environ := range map[string][]string{
		embeddedInstance: nil,
		"hub-0":          {"PL_INSTANCE=hub-0"},
		"":               {"PL_KAFKA_BROKERS=a:1"},
	} {
		c, err := LoadConfig(environ)
		if err != nil {
			t.Fatal(err)
		}
		if to, err := c.Kafka.target(c, []string{"a:1"}, "pl.hub", nil); err != nil || to.Instance != want {
			t.Errorf("%v: instance %q (%v), want %q", environ, to.Instance, err, want)
		}
	}
}
