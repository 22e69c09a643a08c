package service

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Config is how a process is configured: PL_* environment variables over the
// file that PL_CONFIG names over the defaults. See [LoadConfig].
type Config struct {
	// HTTPAddr is where the process listens for calls, health and metrics.
	HTTPAddr string
	// KafkaBrokers are host:port addresses. Empty means the embedded broker
	// in a process that has one.
	KafkaBrokers []string
	// RegistryURL is the Schema Registry. Empty means the embedded registry in
	// a process that has one.
	RegistryURL string
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
	Provision bool
	// Calls maps contexts to base URLs of the processes that serve them.
	Calls        map[string]string
	LogLevel     slog.Level
	LogJSON      bool
	OTLPEndpoint string
	// DrainTimeout bounds the clean shutdown.
	DrainTimeout time.Duration
}

// A setting is one key of the configuration. Its name in the file is in lower
// case and has no prefix: http_addr for PL_HTTP_ADDR.
type setting struct {
	key   string
	usage string
	set   func(c *Config, value string) error
}

// A family is a set of keys that end in a context's name.
type family struct {
	prefix string
	usage  string
	values func(c *Config) map[string]string
}

const envPrefix = "PL_"

var settings = []setting{
	{"HTTP_ADDR", "address for calls, health and metrics (127.0.0.1:8080)", address(func(c *Config) *string { return &c.HTTPAddr })},
	{"KAFKA_BROKERS", "brokers, host:port separated by commas (embedded)", setBrokers},
	{"REGISTRY_URL", "Schema Registry (embedded)", text(func(c *Config) *string { return &c.RegistryURL })},
	{"EMBEDDED_KAFKA_ADDR", "address of the embedded broker (127.0.0.1:9092)", address(func(c *Config) *string { return &c.EmbeddedKafkaAddr })},
	{"EMBEDDED_REGISTRY_ADDR", "address of the embedded registry (127.0.0.1:8081)", address(func(c *Config) *string { return &c.EmbeddedRegistryAddr })},
	{"DATABASE_URL", "PostgreSQL URL of a process with one context (SQLite)", text(func(c *Config) *string { return &c.DatabaseURL })},
	{"DATA_DIR", "directory of everything embedded (.pl)", text(func(c *Config) *string { return &c.DataDir })},
	{"PROVISION", "create topics, register schemas and migrate at start: true, false, or auto = true where the broker is embedded (auto)", setProvision},
	{"LOG_LEVEL", "debug, info, warn or error (info)", setLogLevel},
	{"LOG_FORMAT", "text or json (text)", setLogFormat},
	{"OTLP_ENDPOINT", "URL of an OpenTelemetry collector for traces (none)", text(func(c *Config) *string { return &c.OTLPEndpoint })},
	{"DRAIN_TIMEOUT", "how long a clean shutdown may take (20s)", setDrainTimeout},
}

var families = []family{
	{"DATABASE_URL_", "PostgreSQL URL of one context, for example PL_DATABASE_URL_QUIZ", func(c *Config) map[string]string { return c.DatabaseURLs }},
	{"CALLS_", "base URL of the process that serves a context, for example PL_CALLS_COURSE", func(c *Config) map[string]string { return c.Calls }},
}

// LoadConfig reads the configuration from environ, which has the form of
// os.Environ, and from the file that PL_CONFIG names. An unknown key and a
// value that cannot be used are errors; all of them are reported at once, a
// line each, with where they stand.
func LoadConfig(environ []string) (*Config, error) {
	c := &Config{
		HTTPAddr:             "127.0.0.1:8080",
		EmbeddedKafkaAddr:    "127.0.0.1:9092",
		EmbeddedRegistryAddr: "127.0.0.1:8081",
		DataDir:              ".pl",
		DatabaseURLs:         map[string]string{},
		Calls:                map[string]string{},
		DrainTimeout:         20 * time.Second,
	}
	env := map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if key, ok := strings.CutPrefix(name, envPrefix); ok {
			env[key] = value
		}
	}
	provision := env["PROVISION"]
	var errs []error
	if path := env["CONFIG"]; path != "" {
		file, err := readFile(path)
		errs = append(errs, err)
		if provision == "" {
			provision = file["PROVISION"]
		}
		errs = append(errs, c.apply(file, func(key string) string { return path + ": " + strings.ToLower(key) }))
	}
	delete(env, "CONFIG")
	errs = append(errs, c.apply(env, func(key string) string { return envPrefix + key }))
	if provision == "" || provision == "auto" {
		c.Provision = len(c.KafkaBrokers) == 0
	}
	return c, errors.Join(errs...)
}

func readFile(path string) (map[string]string, error) {
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
	for _, s := range settings {
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
	return fmt.Errorf("there is no such setting%s; see the list with the command \"config\"", suggestion(key))
}

// suggestion names the known setting that is nearest to key, if one is near.
func suggestion(key string) string {
	best, distance := "", 4
	for _, s := range settings {
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

func text(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, value string) error {
		*field(c) = value
		return nil
	}
}

func address(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, value string) error {
		if _, _, err := net.SplitHostPort(value); err != nil {
			return fmt.Errorf("%q is not host:port", value)
		}
		*field(c) = value
		return nil
	}
}

func setBrokers(c *Config, value string) error {
	c.KafkaBrokers = nil
	for part := range strings.SplitSeq(value, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		if _, _, err := net.SplitHostPort(part); err != nil {
			return fmt.Errorf("%q is not host:port", part)
		}
		c.KafkaBrokers = append(c.KafkaBrokers, part)
	}
	return nil
}

func setProvision(c *Config, value string) error {
	if value == "" || value == "auto" {
		return nil
	}
	on, err := strconv.ParseBool(value)
	if err != nil {
		return fmt.Errorf("%q is none of true, false and auto", value)
	}
	c.Provision = on
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

func setDrainTimeout(c *Config, value string) error {
	d, err := time.ParseDuration(value)
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is not a duration such as 20s", value)
	}
	c.DrainTimeout = d
	return nil
}

// databaseURL returns the PostgreSQL URL of the named context, or "" for
// SQLite. single is true in a process that serves this context alone.
func (c *Config) databaseURL(context string, single bool) string {
	if url := c.DatabaseURLs[context]; url != "" {
		return url
	}
	if single {
		return c.DatabaseURL
	}
	return ""
}
