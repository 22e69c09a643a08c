package service

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Provider is the configuration of the context that people log in with.
type Provider struct {
	// Keys encrypt what the context keeps secret in its database: the first
	// does, and all of them decrypt. None means a file in the data directory.
	Keys [][]byte
	// Clients is the YAML file with the applications that people may log in to,
	// besides the web application and pl-gen; empty for none.
	Clients string
	// SessionIdle is how long a session lives without being used, and
	// SessionLifetime how long it lives at most.
	SessionIdle, SessionLifetime time.Duration
	// KeyLifetime is how long a signing key signs.
	KeyLifetime time.Duration
}

// providerKeyBytes is how long a key of [Provider] is.
const providerKeyBytes = 32

var providerSettings = []setting{
	{"PUBLIC_URL", "where people reach this process, which is the issuer of their tokens; empty: http://localhost and the port of PL_HTTP_ADDR", "", setPublicURL,
		func(c *Config) string { return c.PublicURL }},
	{"AUTH_KEY", "key of the log-in's secrets, 32 bytes in base64 (openssl rand -base64 32); after a comma those that it replaces; empty: the file auth.key in PL_DATA_DIR, where the database is too", "", setAuthKey,
		func(c *Config) string { return shownSecret(strings.Repeat("x", len(c.Provider.Keys))) }},
	text("AUTH_CLIENTS", "", "YAML file with the applications that people may log in to, besides the web application and pl-gen; empty: none", func(c *Config) *string { return &c.Provider.Clients }),
	lifetime("AUTH_SESSION_IDLE", "24h", "how long a log-in lives without being used", func(c *Config) *time.Duration { return &c.Provider.SessionIdle }),
	lifetime("AUTH_SESSION_LIFETIME", "336h", "how long a log-in lives at most", func(c *Config) *time.Duration { return &c.Provider.SessionLifetime }),
	lifetime("AUTH_KEY_LIFETIME", "720h", "how long a key signs tokens until the next one does", func(c *Config) *time.Duration { return &c.Provider.KeyLifetime }),
}

// Embedded tells whether the process is the embedded default, with a broker of
// its own: made to try things out on one machine, with accounts that everybody
// knows the password of. A production process has its broker elsewhere.
func (c *Config) Embedded() bool { return c.embedsBroker() }

// OwnDatabase tells whether the context's database is a file in DataDir, which
// no other machine shares.
func (c *Config) OwnDatabase(context string) bool {
	url, _ := c.databaseURL(context)
	return url == ""
}

// setPublicURL takes a base URL without a path, as an issuer is compared byte
// by byte.
func setPublicURL(c *Config, value string) error {
	c.PublicURL = strings.TrimSuffix(value, "/")
	if value == "" {
		return nil
	}
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || u.Path+u.RawQuery+u.Fragment != "" {
		return errors.New("the value is not the beginning of a URL such as https://campus.example.org, without a path")
	}
	return nil
}

// checkPublicURL refuses to send passwords and tokens over a network in clear
// text.
func (c *Config) checkPublicURL() error {
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Scheme != "http" || c.Embedded() || loopback(u.Hostname()) {
		return nil
	}
	return errors.New("PL_PUBLIC_URL: has to begin with https:// unless it is of this machine alone, because passwords and tokens are sent there")
}

// loopback tells whether a host is this machine.
func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// publicURL is where people reach a process that listens on addr.
func publicURL(configured string, addr net.Addr) string {
	_, port, _ := net.SplitHostPort(addr.String()) // a listener's address has a port
	return cmp.Or(configured, "http://"+net.JoinHostPort("localhost", port))
}

func setAuthKey(c *Config, value string) error {
	c.Provider.Keys = nil
	for part := range strings.SplitSeq(value, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		key, err := base64.StdEncoding.DecodeString(part)
		if err != nil || len(key) != providerKeyBytes {
			return fmt.Errorf("a key is not %d bytes in base64, as \"openssl rand -base64 %d\" makes them", providerKeyBytes, providerKeyBytes)
		}
		c.Provider.Keys = append(c.Provider.Keys, key)
	}
	return nil
}

func lifetime(key, fallback, usage string, field func(*Config) *time.Duration) setting {
	return setting{key, usage, fallback,
		func(c *Config, value string) error {
			d, err := time.ParseDuration(value)
			if err != nil || d < time.Minute {
				return fmt.Errorf("%q is not a duration such as 24h, of a minute at least", value)
			}
			*field(c) = d
			return nil
		},
		func(c *Config) string { return field(c).String() },
	}
}
