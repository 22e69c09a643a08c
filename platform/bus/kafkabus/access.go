package kafkabus

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// leaveWithin bounds what a member with a name says when it leaves.
const leaveWithin = 5 * time.Second

// SASL says who the client is. The zero value says nothing.
type SASL struct {
	// Mechanism is PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512. PLAIN sends the
	// password as it is: use it over TLS.
	Mechanism      string
	User, Password string
}

func (s SASL) mechanism() (sasl.Mechanism, error) {
	auth := scram.Auth{User: s.User, Pass: s.Password}
	switch s.Mechanism {
	case "PLAIN":
		return plain.Auth{User: s.User, Pass: s.Password}.AsMechanism(), nil
	case "SCRAM-SHA-256":
		return auth.AsSha256Mechanism(), nil
	case "SCRAM-SHA-512":
		return auth.AsSha512Mechanism(), nil
	}
	return nil, fmt.Errorf("kafka: there is no SASL mechanism %q; PL_KAFKA_SASL is one of PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512", s.Mechanism)
}

// access are the options that say who the client is, and how it gets to a
// broker.
func (cfg *Config) access() (opts []kgo.Opt, err error) {
	switch {
	case cfg.Dial != nil && cfg.TLS != nil:
		return nil, errors.New("kafka: a dialer of one's own does its own TLS")
	case cfg.Dial != nil:
		opts = append(opts, kgo.Dialer(cfg.Dial))
	case cfg.TLS != nil:
		opts = append(opts, kgo.DialTLSConfig(cfg.TLS))
	}
	if cfg.SASL != (SASL{}) {
		mechanism, err := cfg.SASL.mechanism()
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.SASL(mechanism))
	}
	return opts, nil
}

// refusal says which setting to look at when a broker does not want the
// client; it is empty for other errors.
func (cfg *Config) refusal(err error) string {
	var certificate *tls.CertificateVerificationError
	var network *net.OpError
	switch {
	case errors.As(err, &certificate):
		return "the broker's certificate is not trusted; correct PL_KAFKA_CA"
	case errors.As(err, &network) && network.Op == "remote error":
		return "the broker refuses this client's TLS; correct PL_KAFKA_CERT"
	case errors.Is(err, kerr.SaslAuthenticationFailed), errors.Is(err, kerr.UnsupportedSaslMechanism), errors.Is(err, kerr.IllegalSaslState):
		return "the broker refuses the user; correct PL_KAFKA_SASL, PL_KAFKA_USER or PL_KAFKA_PASSWORD"
	case errors.Is(err, kerr.FencedInstanceID):
		return "another process has joined the group as instance " + cfg.Instance + "; give each process a PL_INSTANCE of its own"
	}
	return ""
}

// instance is the option of a client that takes part in groups.
func (cfg *Config) instance() []kgo.Opt {
	if cfg.Instance == "" {
		return nil
	}
	return []kgo.Opt{kgo.InstanceID(cfg.Instance)}
}

// leaveAsInstance tells the broker that the instance will not be back soon.
// The client itself leaves without a word, so that an instance that is started
// again within the session's time has its partitions without a rebalance; but
// one that ends in good order gives them to the others.
func (m *member) leaveAsInstance() error {
	if m.conn.cfg.Instance == "" {
		return nil
	}
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group = m.group
	leaving := kmsg.NewLeaveGroupRequestMember()
	leaving.InstanceID = &m.conn.cfg.Instance
	req.Members = append(req.Members, leaving)
	ctx, cancel := context.WithTimeout(context.Background(), leaveWithin)
	defer cancel()
	resp, err := req.RequestWith(ctx, m.conn.any())
	if err != nil {
		return err
	}
	for _, member := range resp.Members {
		if err := kerr.ErrorForCode(member.ErrorCode); err != nil && !errors.Is(err, kerr.UnknownMemberID) {
			return err
		}
	}
	return kerr.ErrorForCode(resp.ErrorCode)
}
