// Package identitytest is an OpenID issuer for tests and load generators: it
// signs the tokens that a test asks for, and serves its discovery document and
// its keys over HTTP, as a provider does. Nobody logs in to it.
package identitytest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"

	"github.com/pulselearn/campus-hub/platform/identity"
)

// life is how long a token of [Issuer.Token] is valid, and renewed how long
// before its end another one is signed.
const (
	life    = 30 * time.Minute
	renewed = 10 * time.Minute
)

// An Issuer signs access tokens. It is safe for concurrent use.
type Issuer struct {
	// URL is the issuer's name, and where its discovery document is.
	URL string

	// KeyID is the id of the key that it signs with.
	KeyID string

	// Slack is by how much clocks may be wrong: tokens are good for so long
	// before and after their time. It must not be changed once there are any.
	Slack time.Duration

	key    *ecdsa.PrivateKey
	keys   []byte // the JWK set
	server *http.Server

	mu     sync.Mutex
	issued map[string]issued // by caller
}

type issued struct {
	token string
	until time.Time
}

// New returns an issuer that listens on a port of this machine until the test
// ends.
func New(t testing.TB) *Issuer {
	t.Helper()
	i, err := Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = i.Close() })
	return i
}

// Start returns an issuer that listens on addr until it is closed.
func Start(addr string) (*Issuer, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("start an issuer of tokens: %w", err)
	}
	i, err := Offline("http://" + l.Addr().String())
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	i.server = &http.Server{Handler: i, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = i.server.Serve(l) }() // it ends with Close
	return i, nil
}

// Offline returns an issuer with that name that listens nowhere: it is an
// [http.Handler] for whoever serves it.
func Offline(url string) (*Issuer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	public, err := jwk.Import(key.Public())
	if err != nil {
		return nil, err
	}
	if err := jwk.AssignKeyID(public); err != nil {
		return nil, err
	}
	id, _ := public.KeyID()
	keys, err := json.Marshal(map[string]any{"keys": []any{public}})
	return &Issuer{URL: url, KeyID: id, key: key, keys: keys, issued: map[string]issued{}}, err
}

// Close stops listening. Tokens can still be signed.
func (i *Issuer) Close() error { return i.server.Close() }

// ServeHTTP serves the discovery document and the keys.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": i.URL, "jwks_uri": i.URL + "/keys"})
	case "/keys":
		_, _ = w.Write(i.keys)
	default:
		http.NotFound(w, r)
	}
}

// Token returns a token of the person, which stays the same while it is valid
// for long enough.
func (i *Issuer) Token(c identity.Caller) (string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	name, now := c.Name()+" "+strings.Join(c.Roles, " ")+" "+strings.Join(c.Scopes, " "), time.Now()
	if known := i.issued[name]; now.Before(known.until) {
		return known.token, nil
	}
	claims := i.Claims(c.Subject, c.Roles...)
	claims["scope"] = strings.Join(c.Scopes, " ")
	token, err := i.Sign(claims)
	i.issued[name] = issued{token, now.Add(life - renewed)}
	return token, err
}

// Claims returns the claims of a good token, to be changed by the caller.
func (i *Issuer) Claims(subject string, roles ...string) map[string]any {
	now := time.Now()
	return map[string]any{
		"iss": i.URL, "aud": identity.DefaultAudience, "sub": subject, "roles": roles,
		"iat": now.Add(-i.Slack).Unix(), "nbf": now.Add(-i.Slack).Unix(), "exp": now.Add(life + i.Slack).Unix(),
	}
}

// Sign returns a token with the claims.
func (i *Issuer) Sign(claims map[string]any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	return i.SignRaw(payload, map[string]any{jws.KeyIDKey: i.KeyID, jws.TypeKey: "at+jwt"})
}

// SignRaw returns a token with the payload, whatever it is, and the members of
// its header besides the algorithm.
func (i *Issuer) SignRaw(payload []byte, header map[string]any) (string, error) {
	protected := jws.NewHeaders()
	for name, value := range maps.All(header) {
		if err := protected.Set(name, value); err != nil {
			return "", err
		}
	}
	token, err := jws.Sign(payload, jws.WithKey(jwa.ES256(), i.key, jws.WithProtectedHeaders(protected)))
	return string(token), err
}

// As returns an interceptor that sends a token with every call of a client:
// that of the caller in the call's context, see [identity.With], or that of c.
// A caller without a subject sends none.
func (i *Issuer) As(c identity.Caller) connect.ClientInterceptor {
	return func(next connect.ClientFunc) connect.ClientFunc {
		return func(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
			as, known := identity.Known(ctx)
			if !known {
				as = c
			}
			if info, ok := connect.CallInfoForClientContext(ctx); ok && as.Subject != "" {
				token, err := i.Token(as)
				if err != nil {
					return nil, err
				}
				info.RequestHeader().Set("Authorization", "Bearer "+token)
			}
			return next(ctx, spec)
		}
	}
}
