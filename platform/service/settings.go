package service

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/mail"
)

// A Switch is on, off, or left to the process.
type Switch int

// The positions of a [Switch].
const (
	Auto Switch = iota
	On
	Off
)

// String returns true, false or auto.
func (s Switch) String() string {
	switch s {
	case On:
		return "true"
	case Off:
		return "false"
	}
	return "auto"
}

// A setting is one key of the configuration.
type setting struct {
	key      string
	usage    string
	fallback string
	set      func(c *Config, value string) error
	get      func(c *Config) string
}

// A family is a set of keys that end in a context's name.
type family struct {
	prefix string
	usage  string
	values func(c *Config) map[string]string
}

var settings = []setting{
	address("HTTP_ADDR", "127.0.0.1:8080", "where calls, health and metrics are served", func(c *Config) *string { return &c.HTTPAddr }),
	{"ADMIN_ADDR", "where the admin API is served that pl-gen dlq, consumer, outbox and saga use; off: nowhere", "127.0.0.1:8082", setAdminAddr, adminAddr},
	{"ADMIN_TOKEN", "token of the admin API; required unless PL_ADMIN_ADDR is of this machine alone", "", setAdminToken,
		func(c *Config) string { return shownSecret(c.AdminToken) }},
	{"KAFKA_BROKERS", "brokers, host:port separated by commas; empty: the embedded one", "", setBrokers,
		func(c *Config) string { return strings.Join(c.KafkaBrokers, ",") }},
	{"NATS_SERVERS", "NATS servers with JetStream, host:port or URLs separated by commas, in place of Kafka", "", setServers,
		func(c *Config) string { return withoutPasswords(c.NATSServers) }},
	{"KAFKA_TLS", "reach the brokers over TLS: true or false", "false", setKafkaTLS, func(c *Config) string { return strconv.FormatBool(c.Kafka.TLS) }},
	text("KAFKA_CA", "", "PEM file of the authorities that the brokers' certificates are signed with; empty: the system's", func(c *Config) *string { return &c.Kafka.CA }),
	text("KAFKA_CERT", "", "PEM file of this client's certificate", func(c *Config) *string { return &c.Kafka.Cert }),
	text("KAFKA_KEY", "", "PEM file of the key of PL_KAFKA_CERT", func(c *Config) *string { return &c.Kafka.Key }),
	{"KAFKA_SASL", "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; empty: none. PLAIN without TLS shows the password to the network", "", setMechanism,
		func(c *Config) string { return c.Kafka.SASL }},
	text("KAFKA_USER", "", "user for PL_KAFKA_SASL", func(c *Config) *string { return &c.Kafka.User }),
	secret("KAFKA_PASSWORD", "password for PL_KAFKA_SASL", func(c *Config) *string { return &c.Kafka.Password }),
	text("NATS_CREDS", "", "credentials file with the user's JWT and seed", func(c *Config) *string { return &c.NATS.Credentials }),
	text("NATS_USER", "", "user of servers that know users by name", func(c *Config) *string { return &c.NATS.User }),
	secret("NATS_PASSWORD", "password of PL_NATS_USER", func(c *Config) *string { return &c.NATS.Password }),
	secret("NATS_TOKEN", "token of servers that know one token", func(c *Config) *string { return &c.NATS.Token }),
	text("NATS_CA", "", "PEM file of the authorities that the servers' certificates are signed with; empty: the system's, for tls:// URLs", func(c *Config) *string { return &c.NATS.CA }),
	text("NATS_CERT", "", "PEM file of this client's certificate", func(c *Config) *string { return &c.NATS.Cert }),
	text("NATS_KEY", "", "PEM file of the key of PL_NATS_CERT", func(c *Config) *string { return &c.NATS.Key }),
	{"NATS_REPLICAS", "how many servers keep each stream that this process creates: 3 in a cluster of three", "1", setReplicas,
		func(c *Config) string { return strconv.Itoa(c.NATS.Replicas) }},
	stringSetting("INSTANCE", "", "name that this process alone has and keeps when it is started again, as a pod of a StatefulSet does: after a crash its partitions are its own at once; empty: after ten seconds",
		func(c *Config) *string { return &c.Instance }, checkInstance),
	endpoint("REGISTRY_URL", "Schema Registry; empty: the embedded one", func(c *Config) *string { return &c.RegistryURL }),
	text("REGISTRY_LOCK", "", "file that pl-gen register wrote for this environment: the start takes the ids of schemas from it and asks no registry", func(c *Config) *string { return &c.RegistryLock }),
	address("EMBEDDED_KAFKA_ADDR", "127.0.0.1:9092", "where the embedded broker listens", func(c *Config) *string { return &c.EmbeddedKafkaAddr }),
	address("EMBEDDED_REGISTRY_ADDR", "127.0.0.1:8081", "where the embedded registry listens", func(c *Config) *string { return &c.EmbeddedRegistryAddr }),
	text("DATABASE_URL", "", "PostgreSQL URL of a process with one context; empty: SQLite", func(c *Config) *string { return &c.DatabaseURL }),
	endpoint("OIDC_ISSUER", "OpenID provider whose access tokens are taken; empty: the one that this process serves", func(c *Config) *string { return &c.OIDC.Issuer }),
	text("OIDC_AUDIENCE", identity.DefaultAudience, "audience that access tokens are issued for", func(c *Config) *string { return &c.OIDC.Audience }),
	text("OIDC_ROLES_CLAIM", identity.DefaultRolesClaim, "claim with the roles student, teacher and admin; dots lead into objects: realm_access.roles", func(c *Config) *string { return &c.OIDC.RolesClaim }),
	secret("SERVICE_SECRET", "what contexts in different processes know each other by: the same in all of them, 32 bytes at least (openssl rand -base64 32); empty: calls of other processes' contexts are refused", func(c *Config) *string { return &c.ServiceSecret }),
	text("DATA_DIR", ".pl", "directory of everything embedded", func(c *Config) *string { return &c.DataDir }),
	{"PROVISION", "create topics, register schemas and migrate at start: true, false, or auto, true where the broker is embedded", "auto", setProvision,
		func(c *Config) string { return c.Provision.String() }},
	{"LOG_LEVEL", "debug, info, warn or error", "info", setLogLevel, func(c *Config) string { return strings.ToLower(c.LogLevel.String()) }},
	{"LOG_FORMAT", "text or json", "text", setLogFormat, logFormat},
	endpoint("OTLP_ENDPOINT", "OpenTelemetry collector that gets the traces; empty: none", func(c *Config) *string { return &c.OTLPEndpoint }),
	{"SMTP_ADDR", "mail server, host:port; empty: mail is written to the directory mail in PL_DATA_DIR", "", setSMTPAddr,
		func(c *Config) string { return c.SMTPAddr }},
	text("SMTP_USER", "", "who logs in to the mail server; empty: nobody", func(c *Config) *string { return &c.SMTPUser }),
	{"SMTP_PASSWORD", "password of PL_SMTP_USER", "", setSMTPPassword, smtpPassword},
	text("MAIL_FROM", mail.DefaultFrom, "sender of mail: an address, or a name and an address in angle brackets", func(c *Config) *string { return &c.MailFrom }),
	{"DRAIN_TIMEOUT", "how long a clean shutdown may take", "20s", setDrainTimeout, func(c *Config) string { return c.DrainTimeout.String() }},
}

// allSettings returns every setting, in the order in which they are listed.
func allSettings() []setting {
	return slices.Concat(settings, providerSettings, doorSettings, realtimeSettings)
}

var families = []family{
	{"DATABASE_URL_", "PostgreSQL URL of one context", func(c *Config) map[string]string { return c.DatabaseURLs }},
	{"CALLS_", "base URL of the process that serves a context", func(c *Config) map[string]string { return c.Calls }},
}

// Describe writes every setting with its effective value and its meaning, one
// a line. Passwords in URLs are left out.
func (c *Config) Describe(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range allSettings() {
		describe(table, s.key, s.get(c), s.usage)
	}
	for _, f := range families {
		values := f.values(c)
		for _, name := range slices.Sorted(maps.Keys(values)) {
			describe(table, f.prefix+strings.ToUpper(name), values[name], f.usage)
		}
		describe(table, f.prefix+"<CONTEXT>", "", f.usage)
	}
	describe(table, "CONFIG", "", "file with settings, in YAML: http_addr: 127.0.0.1:8080")
	return table.Flush()
}

func describe(w io.Writer, key, value, usage string) {
	fmt.Fprintf(w, "%s%s\t%s\t%s\n", envPrefix, key, withoutPassword(value), usage)
}

func withoutPassword(value string) string {
	if !strings.Contains(value, "://") {
		return value
	}
	u, err := url.Parse(value)
	if err != nil {
		return "(a URL that cannot be read)"
	}
	query := u.Query()
	if query.Has("password") {
		query.Set("password", "xxxxx")
		u.RawQuery = query.Encode()
	}
	return u.Redacted()
}

// withoutPasswords joins addresses for people to read.
func withoutPasswords(values []string) string {
	shown := make([]string, len(values))
	for i, value := range values {
		shown[i] = withoutPassword(value)
	}
	return strings.Join(shown, ",")
}

func text(key, fallback, usage string, field func(*Config) *string) setting {
	return stringSetting(key, fallback, usage, field, func(string) error { return nil })
}

// secret is a text that nobody gets to read again.
func secret(key, usage string, field func(*Config) *string) setting {
	s := text(key, "", usage, field)
	s.get = func(c *Config) string {
		if *field(c) == "" {
			return ""
		}
		return "xxxxx"
	}
	return s
}

func address(key, fallback, usage string, field func(*Config) *string) setting {
	return stringSetting(key, fallback, usage, field, checkAddress)
}

func endpoint(key, usage string, field func(*Config) *string) setting {
	return stringSetting(key, "", usage, field, checkEndpoint)
}

func stringSetting(key, fallback, usage string, field func(*Config) *string, check func(string) error) setting {
	return setting{
		key: key, fallback: fallback, usage: usage,
		get: func(c *Config) string { return *field(c) },
		set: func(c *Config, value string) error {
			if err := check(value); err != nil {
				return err
			}
			*field(c) = value
			return nil
		},
	}
}

func checkAddress(value string) error {
	_, port, err := net.SplitHostPort(value)
	if err != nil {
		return fmt.Errorf("%q is not host:port", value)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > math.MaxUint16 {
		return fmt.Errorf("%q has no port between 0 and %d", value, math.MaxUint16)
	}
	return nil
}

func checkEndpoint(value string) error {
	if value == "" {
		return nil
	}
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return errors.New("the value is not a URL such as http://127.0.0.1:8081")
	}
	return nil
}

// setServers leaves the form of the addresses to the client.
func setServers(c *Config, value string) error {
	c.NATSServers = nil
	for part := range strings.SplitSeq(value, ",") {
		if part = strings.TrimSpace(part); part != "" {
			c.NATSServers = append(c.NATSServers, part)
		}
	}
	return nil
}

func setBrokers(c *Config, value string) error {
	c.KafkaBrokers = nil
	for part := range strings.SplitSeq(value, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		if err := checkAddress(part); err != nil {
			return err
		}
		c.KafkaBrokers = append(c.KafkaBrokers, part)
	}
	return nil
}

func setProvision(c *Config, value string) error {
	if value == "" || value == "auto" {
		c.Provision = Auto
		return nil
	}
	on, err := strconv.ParseBool(value)
	if err != nil {
		return fmt.Errorf("%q is none of true, false and auto", value)
	}
	c.Provision = Off
	if on {
		c.Provision = On
	}
	return nil
}

func setLogLevel(c *Config, value string) error {
	if err := c.LogLevel.UnmarshalText([]byte(value)); err != nil {
		return fmt.Errorf("%q is none of debug, info, warn and error", value)
	}
	return nil
}

func setLogFormat(c *Config, value string) error {
	if value != "text" && value != "json" {
		return fmt.Errorf("%q is neither text nor json", value)
	}
	c.LogJSON = value == "json"
	return nil
}

func logFormat(c *Config) string {
	if c.LogJSON {
		return "json"
	}
	return "text"
}

func setDrainTimeout(c *Config, value string) error {
	d, err := time.ParseDuration(value)
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is not a duration such as 20s", value)
	}
	c.DrainTimeout = d
	return nil
}

func setSMTPAddr(c *Config, value string) error {
	c.SMTPAddr = value
	if value == "" {
		return nil
	}
	return checkAddress(value)
}

func setSMTPPassword(c *Config, value string) error {
	c.SMTPPassword = value
	return nil
}

// smtpPassword is what people are shown of the password.
func smtpPassword(c *Config) string {
	if c.SMTPPassword == "" {
		return ""
	}
	return "xxxxx"
}
