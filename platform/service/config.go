package service

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/pulselearn/campus-hub/platform/gateway/door"
)

// Config is how a process is configured: PL_* environment variables over the
// file that PL_CONFIG names over the defaults. See [LoadConfig].
type Config struct {
	// HTTPAddr is where the process listens for calls, health and metrics.
	HTTPAddr string
	// PublicURL is where people reach the process, without a slash at its end,
	// and the issuer of the tokens that it gives. It is never empty for a
	// service: [Start] fills it in.
	PublicURL string
	// Door is what the front door lets through.
	Door door.Config
	// GraphQL is how it serves GraphQL.
	GraphQL GraphQL
	// Realtime is how the process serves websockets.
	Realtime Realtime
	// Provider is the configuration of the context that people log in with.
	Provider Provider
	// AdminAddr is where the process listens for the person on call; empty
	// means nowhere. AdminToken has to come with every request there. It is
	// required when the address can be reached from other machines.
	AdminAddr, AdminToken string
	// KafkaBrokers are host:port addresses. Empty means the embedded broker
	// in a process that has one.
	KafkaBrokers []string
	// NATSServers are host:port addresses, or nats:// and tls:// URLs, of NATS
	// servers with JetStream. A process has these or KafkaBrokers.
	NATSServers []string
	// Kafka and NATS are what those brokers want of a client.
	Kafka KafkaAccess
	NATS  NATSAccess
	// Instance is the name of this process among those that serve the same
	// contexts, which it keeps when it is started again. Empty means none.
	Instance string
	// RegistryURL is the Schema Registry. Empty means the embedded registry in
	// a process that has one.
	RegistryURL string
	// RegistryLock is the file from which the start takes the ids of schemas
	// instead of asking the registry, as "pl-gen register" wrote it for this
	// environment. Empty means that the registry is asked.
	RegistryLock string
	// EmbeddedKafkaAddr and EmbeddedRegistryAddr are where the embedded broker
	// and registry listen.
	EmbeddedKafkaAddr, EmbeddedRegistryAddr string
	// DatabaseURL is the PostgreSQL URL of a process with one context, and
	// DatabaseURLs of contexts by name. A context without one uses SQLite in
	// DataDir.
	DatabaseURL  string
	DatabaseURLs map[string]string
	// DataDir holds everything that the embedded defaults store.
	DataDir string
	// Provision says whether the start creates topics, registers schemas and
	// migrates databases. Production leaves that to commands of its own, and
	// the start only verifies.
	Provision Switch
	// Calls maps contexts to base URLs of the processes that serve them.
	Calls map[string]string
	// OIDC is the provider whose access tokens people show.
	OIDC OIDC
	// ServiceSecret is what contexts in different processes know each other
	// by: the same in all of them, at least 32 bytes. Empty means that no
	// context of another process is let in.
	ServiceSecret string

	LogLevel     slog.Level
	LogJSON      bool
	OTLPEndpoint string
	// SMTPAddr is the server that takes the mail of services, and SMTPUser and
	// SMTPPassword log in to it. Without a server, mail is written to a
	// directory in DataDir. MailFrom is its sender.
	SMTPAddr, SMTPUser, SMTPPassword, MailFrom string
	// DrainTimeout bounds the clean shutdown.
	DrainTimeout time.Duration
}

const envPrefix = "PL_"

// A ConfigError is a configuration that a process cannot start with. Its text
// has one line a finding.
type ConfigError struct{ Err error }

// Error returns the findings, one a line.
func (e *ConfigError) Error() string { return e.Err.Error() }

// Unwrap returns the findings.
func (e *ConfigError) Unwrap() error { return e.Err }

// LoadConfig reads the configuration from environ, which has the form of
// os.Environ, and from the file that PL_CONFIG names: a flat YAML map whose
// keys are the settings' names in lower case without the prefix, http_addr for
// PL_HTTP_ADDR. An unknown key and a value that cannot be used are errors; all
// of them are reported at once in a *[ConfigError], with where they stand.
func LoadConfig(environ []string) (*Config, error) {
	c := &Config{DatabaseURLs: map[string]string{}, Calls: map[string]string{}}
	for _, s := range allSettings() {
		if err := s.set(c, s.fallback); err != nil {
			return nil, fmt.Errorf("default of %s%s: %w", envPrefix, s.key, err)
		}
	}
	env := ownVariables(environ)
	path := env["CONFIG"]
	delete(env, "CONFIG")
	file, err := readFile(path)
	errs := []error{
		err,
		c.apply(file, func(key string) string { return path + ": " + strings.ToLower(key) }),
		c.apply(env, func(key string) string { return envPrefix + key }),
	}
	if err := errors.Join(errs...); err != nil {
		return nil, &ConfigError{err}
	}
	return c, nil
}

// generatorVariables belong to pl-gen, which is often run from the same shell.
var generatorVariables = []string{"PL_BUF", "PL_ADMIN_URL", "PL_ACTOR", "PL_PASSWORD"}

// ownVariables returns the PL_* variables by their names without the prefix.
func ownVariables(environ []string) map[string]string {
	env := map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if key, ok := strings.CutPrefix(name, envPrefix); ok && !slices.Contains(generatorVariables, name) {
			env[key] = value
		}
	}
	return env
}

func readFile(path string) (map[string]string, error) {
	if path == "" {
		return nil, nil
	}
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("PL_CONFIG: %w", err)
	}
	lower := map[string]string{}
	if err := yaml.Unmarshal(body, &lower); err != nil {
		return nil, fmt.Errorf("PL_CONFIG: %s is not a flat YAML map of settings to text: %w", path, err)
	}
	file := make(map[string]string, len(lower))
	for key, value := range lower {
		file[strings.ToUpper(key)] = value
	}
	return file, nil
}

func (c *Config) apply(values map[string]string, place func(key string) string) error {
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if err := c.applyOne(key, values[key]); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", place(key), err))
		}
	}
	return errors.Join(errs...)
}

func (c *Config) applyOne(key, value string) error {
	for _, s := range allSettings() {
		if s.key == key {
			return s.set(c, value)
		}
	}
	for _, f := range families {
		if context, ok := strings.CutPrefix(key, f.prefix); ok && context != "" {
			f.values(c)[strings.ToLower(context)] = value
			return nil
		}
	}
	return fmt.Errorf("there is no such setting%s; the command \"config\" lists all", suggestion(key))
}

// suggestion names the known setting that is nearest to key, if one is near.
func suggestion(key string) string {
	best, distance := "", 4
	for _, s := range allSettings() {
		if d := editDistance(key, s.key); d < distance {
			best, distance = s.key, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s%s?)", envPrefix, best)
}

func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// check fails when the configuration does not suit the process: contexts it
// serves, and engines it has.
func (c *Config) check(app *App, engines Engines) error {
	var errs []error
	if c.DatabaseURL != "" && len(app.definitions) > 1 {
		errs = append(errs, errors.New("PL_DATABASE_URL: this process has several contexts, and each has a database of its own; set PL_DATABASE_URL_<CONTEXT>"))
	}
	for _, name := range slices.Sorted(maps.Keys(c.DatabaseURLs)) {
		if !app.has(name) {
			errs = append(errs, fmt.Errorf("PL_DATABASE_URL_%s: this process has no such context, only %s",
				strings.ToUpper(name), strings.Join(app.contexts(), ", ")))
		}
	}
	if len(c.KafkaBrokers) > 0 && len(c.NATSServers) > 0 {
		errs = append(errs, errors.New("PL_NATS_SERVERS: a process has one broker, and PL_KAFKA_BROKERS names another; unset one of them"))
	}
	errs = append(errs, c.checkAccess(), c.checkAdmin(), c.checkPublicURL(), c.checkIdentity(app))
	if c.embedsBroker() && engines.EmbedBroker == nil {
		errs = append(errs, errors.New("PL_KAFKA_BROKERS: needed, because this binary has no embedded broker; give host:port of a broker, for example of \"hub broker\", or set PL_NATS_SERVERS"))
	}
	if c.RegistryURL == "" && engines.EmbedBroker == nil {
		errs = append(errs, errors.New("PL_REGISTRY_URL: needed, because this binary has no embedded registry; give its URL, for example of \"hub broker\""))
	}
	if c.RegistryLock != "" && c.RegistryURL == "" {
		errs = append(errs, errors.New("PL_REGISTRY_LOCK: the ids in a lock are those of one registry, and the embedded one gives its own: set PL_REGISTRY_URL too, or unset PL_REGISTRY_LOCK"))
	}
	if err := errors.Join(errs...); err != nil {
		return &ConfigError{err}
	}
	return nil
}

// databaseURL returns the PostgreSQL URL of a context and the setting that it
// comes from. No URL means SQLite.
func (c *Config) databaseURL(context string) (url, key string) {
	if url := c.DatabaseURLs[context]; url != "" {
		return url, "PL_DATABASE_URL_" + strings.ToUpper(context)
	}
	return c.DatabaseURL, "PL_DATABASE_URL"
}

// provisions says whether the start creates what is missing.
func (c *Config) provisions() bool {
	if c.Provision == Auto {
		return c.embedsBroker()
	}
	return c.Provision == On
}

// embedsBroker says whether the process is to have a broker of its own.
func (c *Config) embedsBroker() bool { return len(c.KafkaBrokers) == 0 && len(c.NATSServers) == 0 }
