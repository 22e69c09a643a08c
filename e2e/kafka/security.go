package kafka

import (
	"fmt"
	"strings"
)

// Security makes brokers listen for clients that say who they are, beside those
// that do not.
type Security struct {
	// User and Password are who may come in, with every mechanism.
	User, Password string
	// Identity is a PEM file with the brokers' key and certificate, and
	// Authority one with the certificate that those of clients have to be
	// signed with.
	Identity, Authority string
}

// Secured adds the listeners of [Broker.SASLAddr], [Broker.TLSAddr] and
// [Broker.SASLTLSAddr] to each broker.
func Secured(security Security) Option {
	return func(s *setup) { s.security = &security }
}

// SASLAddr is where the broker wants a user and a password, by PLAIN,
// SCRAM-SHA-256 or SCRAM-SHA-512.
func (b *Broker) SASLAddr() string { return b.sasl }

// TLSAddr is where the broker wants TLS with a certificate of the client.
func (b *Broker) TLSAddr() string { return b.tls }

// SASLTLSAddr is where the broker wants TLS, and a user and a password.
func (b *Broker) SASLTLSAddr() string { return b.saslTLS }

var mechanisms = []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}

// users are the arguments that give the storage tool the users of SCRAM.
func (s *Security) users() []string {
	if s == nil {
		return nil
	}
	var args []string
	for _, mechanism := range mechanisms[1:] {
		args = append(args, "--add-scram", fmt.Sprintf("%s=[name=%s,password=%s]", mechanism, s.User, s.Password))
	}
	return args
}

// properties are the settings of the listeners.
func (s *Security) properties() string {
	if s == nil {
		return ""
	}
	var text strings.Builder
	fmt.Fprintf(&text, "sasl.enabled.mechanisms=%s\n", strings.Join(mechanisms, ","))
	for _, listener := range []string{"sasl", "sasltls"} {
		fmt.Fprintf(&text, "listener.name.%s.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_%s=%q;\n",
			listener, s.User, s.Password)
		for _, mechanism := range mechanisms[1:] {
			fmt.Fprintf(&text, "listener.name.%s.%s.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;\n",
				listener, strings.ToLower(mechanism))
		}
	}
	fmt.Fprintf(&text, "ssl.keystore.type=PEM\nssl.keystore.location=%s\nssl.truststore.type=PEM\nssl.truststore.location=%s\nlistener.name.tls.ssl.client.auth=required\n",
		s.Identity, s.Authority)
	return text.String()
}
