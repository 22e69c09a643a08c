package service

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pulselearn/campus-hub/platform/gateway/graphql"
)

// doorSettings are those of the front door.
var doorSettings = []setting{
	{"CORS_ORIGINS", "web origins whose pages may call, https://app.example.org, separated by commas, or * for all; empty: none", "", setOrigins,
		func(c *Config) string { return strings.Join(c.Door.Origins, ",") }},
	{"TRUSTED_PROXIES", "addresses or networks of the proxies in front, separated by commas, whose X-Forwarded-For and X-Forwarded-Proto are believed; empty: none", "", setProxies,
		func(c *Config) string { return joined(c.Door.Proxies) }},
	{"MAX_REQUEST_BYTES", "the most bytes of one request", "4194304", setMaxRequestBytes,
		func(c *Config) string { return strconv.FormatInt(c.Door.MaxBytes, 10) }},
	{"REQUEST_TIMEOUT", "how long one request may take", "30s", setRequestTimeout,
		func(c *Config) string { return c.Door.Timeout.String() }},
	{"RATE_LIMIT", "how many requests a second one caller may make for long, over every protocol; 0: any number", "100", setRateLimit,
		func(c *Config) string { return strconv.FormatFloat(c.Door.Rate, 'g', -1, 64) }},
	{"RATE_BURST", "how many requests one caller may make at once", "200", setRateBurst,
		func(c *Config) string { return strconv.Itoa(c.Door.Burst) }},
	{"GRAPHQL_INTROSPECTION", "tell callers the GraphQL schema: true, false, or auto, true where the broker is embedded", "auto", setIntrospection,
		func(c *Config) string { return c.GraphQL.Introspection.String() }},
	limit("GRAPHQL_MAX_BYTES", 131072, "the most bytes of a GraphQL request", func(c *Config) *int { return &c.GraphQL.Limits.Bytes }),
	limit("GRAPHQL_MAX_DEPTH", 12, "the most fields inside one another in a GraphQL operation", func(c *Config) *int { return &c.GraphQL.Limits.Depth }),
	limit("GRAPHQL_MAX_COMPLEXITY", 5000, "the most fields in the answer of a GraphQL operation; those of a page count as often as the page has items", func(c *Config) *int { return &c.GraphQL.Limits.Complexity }),
	limit("GRAPHQL_MAX_ALIASES", 30, "the most aliases in a GraphQL operation", func(c *Config) *int { return &c.GraphQL.Limits.Aliases }),
}

// GraphQL is how the front door serves GraphQL.
type GraphQL struct {
	// Limits bound operations.
	Limits graphql.Limits
	// Introspection lets callers ask for the schema. Auto does so in the
	// embedded default.
	Introspection Switch
}

func setIntrospection(c *Config, value string) error {
	on, err := parseSwitch(value)
	c.GraphQL.Introspection = on
	return err
}

func parseSwitch(value string) (Switch, error) {
	if value == "" || value == "auto" {
		return Auto, nil
	}
	on, err := strconv.ParseBool(value)
	switch {
	case err != nil:
		return Auto, fmt.Errorf("%q is none of true, false and auto", value)
	case on:
		return On, nil
	}
	return Off, nil
}

func joined[T fmt.Stringer](list []T) string {
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = v.String()
	}
	return strings.Join(texts, ",")
}

// parts returns the entries of a list that are not empty.
func parts(value string) []string {
	var list []string
	for part := range strings.SplitSeq(value, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

func setOrigins(c *Config, value string) error {
	c.Door.Origins = parts(value)
	for _, origin := range c.Door.Origins {
		u, err := url.Parse(origin)
		if origin != "*" && (err != nil || u.Host == "" || u.Scheme+"://"+u.Host != origin) {
			return errors.New("an origin is a scheme and a host, https://app.example.org, without a slash at its end")
		}
	}
	return nil
}

func setProxies(c *Config, value string) error {
	c.Door.Proxies = nil
	for _, part := range parts(value) {
		prefix, err := netip.ParsePrefix(part)
		if err != nil {
			addr, err := netip.ParseAddr(part)
			if err != nil {
				return errors.New("a proxy is an address or a network, 10.0.0.1 or 10.0.0.0/8")
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		c.Door.Proxies = append(c.Door.Proxies, prefix.Masked())
	}
	return nil
}

// leastRequestBytes is what the smallest useful requests need.
const leastRequestBytes = 1 << 10

func setMaxRequestBytes(c *Config, value string) error {
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil || n < leastRequestBytes {
		return fmt.Errorf("%q is not a number of bytes from %d", value, leastRequestBytes)
	}
	c.Door.MaxBytes = n
	return nil
}

// maxRequestTimeout is below the time after which the server cuts an answer
// off.
const maxRequestTimeout = writeTimeout - 5*time.Second

func setRequestTimeout(c *Config, value string) error {
	d, err := time.ParseDuration(value)
	if err != nil || d <= 0 || d > maxRequestTimeout {
		return fmt.Errorf("%q is not a duration such as 30s, up to %s", value, maxRequestTimeout)
	}
	c.Door.Timeout = d
	return nil
}

func setRateLimit(c *Config, value string) error {
	rate, err := strconv.ParseFloat(value, 64)
	if err != nil || !(rate >= 0 && rate <= 1e6) {
		return fmt.Errorf("%q is not a number of requests a second, or 0", value)
	}
	c.Door.Rate = rate
	return nil
}

func setRateBurst(c *Config, value string) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		return fmt.Errorf("%q is not a number of requests from 1", value)
	}
	c.Door.Burst = n
	return nil
}
