package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
	"gopkg.in/yaml.v3"
)

// A client is an application that people log in to. It implements [op.Client].
type client struct {
	ID string `yaml:"id"`
	// Name is what the log-in page calls it.
	Name string `yaml:"name"`
	// Native is an application on the person's own machine, which may listen on
	// any port of the loopback interface.
	Native bool `yaml:"native"`
	// Secret is the SHA-256 of a confidential client's secret, in hex; empty
	// for a public client, which cannot keep one.
	Secret string `yaml:"secret_sha256"`
	// Redirects are where codes may be sent, and Logouts where people may be
	// sent when they have logged out.
	Redirects []string `yaml:"redirect_uris"`
	Logouts   []string `yaml:"post_logout_redirect_uris"`
}

// ownClients are the applications that belong to the platform.
func ownClients(issuer string, embedded bool) []*client {
	web := &client{ID: "web", Name: "PulseLearn", Redirects: []string{issuer + "/"}, Logouts: []string{issuer + "/"}}
	if embedded { // the development server of the web application
		web.Redirects = append(web.Redirects, "http://localhost:5173/")
		web.Logouts = append(web.Logouts, "http://localhost:5173/")
	}
	cli := &client{ID: "cli", Name: "the command line", Native: true, Redirects: []string{"http://127.0.0.1/", "http://127.0.0.1/callback"}}
	return []*client{web, cli}
}

// loadClients returns the platform's own clients and those of a file, by id.
func loadClients(file, issuer string, embedded bool) (map[string]*client, error) {
	clients := map[string]*client{}
	for _, c := range ownClients(issuer, embedded) {
		clients[c.ID] = c
	}
	if file == "" {
		return clients, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var more []*client
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	decoder.KnownFields(true)
	if err := decoder.Decode(&more); err != nil {
		return nil, fmt.Errorf("%s is not a YAML list of clients, each with id, name and redirect_uris: %w", file, err)
	}
	for i, c := range more {
		if err := c.check(clients); err != nil {
			return nil, fmt.Errorf("%s: client %d: %w", file, i+1, err)
		}
		clients[c.ID] = c
	}
	return clients, nil
}

func (c *client) check(taken map[string]*client) error {
	switch {
	case c.ID == "" || c.Name == "" || len(c.Redirects) == 0:
		return errors.New("id, name and redirect_uris are needed")
	case taken[c.ID] != nil:
		return fmt.Errorf("there is another client %q", c.ID)
	case c.Secret != "" && len(c.Secret) != hex.EncodedLen(sha256.Size):
		return errors.New("secret_sha256 is not a SHA-256 in hex")
	}
	for _, uri := range slices.Concat(c.Redirects, c.Logouts) {
		u, err := url.Parse(uri)
		_, loopback := op.HTTPLoopbackOrLocalhost(uri)
		switch {
		case err != nil || u.Scheme == "" || u.Fragment != "":
			return fmt.Errorf("%q is not an absolute URL without a fragment", uri)
		case u.Scheme == "http" && !loopback:
			return fmt.Errorf("%q sends codes over the network in clear text: use https", uri)
		}
	}
	return nil
}

// proves reports whether secret is the client's.
func (c *client) proves(secret string) bool {
	return subtle.ConstantTimeCompare([]byte(hashed(secret)), []byte(strings.ToLower(c.Secret))) == 1
}

func (c *client) GetID() string                    { return c.ID }
func (c *client) RedirectURIs() []string           { return c.Redirects }
func (c *client) PostLogoutRedirectURIs() []string { return c.Logouts }

func (c *client) ApplicationType() op.ApplicationType {
	switch {
	case c.Native:
		return op.ApplicationTypeNative
	case c.Secret != "":
		return op.ApplicationTypeWeb
	}
	return op.ApplicationTypeUserAgent
}

func (c *client) AuthMethod() oidc.AuthMethod {
	if c.Secret != "" {
		return oidc.AuthMethodBasic
	}
	return oidc.AuthMethodNone
}

func (c *client) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}

func (c *client) GrantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeRefreshToken}
}

func (c *client) LoginURL(request string) string { return pathLogin + "?request=" + request }

func (c *client) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeJWT }
func (c *client) IDTokenLifetime() time.Duration      { return accessLifetime }

// DevMode lets the exact redirect URIs of a client be http. Those are of the
// loopback interface, or of an issuer that may be http itself.
func (c *client) DevMode() bool { return true }

func (c *client) RestrictAdditionalIdTokenScopes() func([]string) []string     { return slices.Clone }
func (c *client) RestrictAdditionalAccessTokenScopes() func([]string) []string { return slices.Clone }
func (c *client) IsScopeAllowed(string) bool                                   { return false }
func (c *client) IDTokenUserinfoClaimsAssertion() bool                         { return false }
func (c *client) ClockSkew() time.Duration                                     { return 0 }
