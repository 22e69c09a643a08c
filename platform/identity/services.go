package identity

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
)

const (
	// MinSecret is the least length of the secret that services share, in
	// bytes.
	MinSecret = 32
	// serviceIssuer is who issues the tokens of services: they do themselves.
	serviceIssuer = "pl-services"
	// serviceLife is how long such a token is valid, and renewBefore how long
	// before its end a new one is made.
	serviceLife = time.Minute
	renewBefore = 20 * time.Second
)

// Services makes and verifies the tokens that contexts in different processes
// know each other by: JWTs of a minute, signed with HS256 and a secret that
// all processes share. It is safe for concurrent use.
type Services struct {
	secret []byte
	seen   memory // of tokens that were verified, with whom they are for
	mu     sync.Mutex
	made   map[serviceRoute]serviceToken
}

type serviceRoute struct{ from, to string }

type serviceToken struct {
	text string
	ends time.Time
}

// NewServices returns the services that share the secret, which has at least
// [MinSecret] bytes.
func NewServices(secret string) (*Services, error) {
	if len(secret) < MinSecret {
		return nil, fmt.Errorf("the secret of services has %d bytes; it needs at least %d", len(secret), MinSecret)
	}
	return &Services{secret: []byte(secret), made: map[serviceRoute]serviceToken{}}, nil
}

// Token returns a token by which the context from is known to the context to.
func (s *Services) Token(from, to string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	route, now := serviceRoute{from, to}, time.Now()
	if t := s.made[route]; now.Before(t.ends.Add(-renewBefore)) {
		return t.text, nil
	}
	text, err := s.sign(route, now)
	if err != nil {
		return "", fmt.Errorf("sign a token for calls of %s: %w", to, err)
	}
	s.made[route] = serviceToken{text, now.Add(serviceLife)}
	return text, nil
}

func (s *Services) sign(route serviceRoute, now time.Time) (string, error) {
	payload, err := json.Marshal(map[string]any{
		"iss": serviceIssuer, "sub": route.from, "aud": route.to,
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(serviceLife).Unix(),
	})
	if err != nil {
		return "", err
	}
	text, err := jws.Sign(payload, jws.WithKey(jwa.HS256(), s.secret))
	return string(text), err
}

// OfService reports whether a token says that it is one of a service, so that
// [Services.Verify] can tell. It proves nothing.
func OfService(token string) bool {
	first, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(first)
	var h struct {
		Algorithm string `json:"alg"`
	}
	return err == nil && len(token) <= maxToken && json.Unmarshal(text, &h) == nil && h.Algorithm == "HS256"
}

// Verify returns the context that made a token for calls of the named one. It
// fails with a [*TokenError]. Nil Services, of a process without the secret,
// take no token.
func (s *Services) Verify(token, to string) (Caller, error) {
	if s == nil {
		return Caller{}, refuse("of a service is not taken: this process has no secret for them (PL_SERVICE_SECRET)")
	}
	if len(token) > maxToken {
		return Caller{}, errTooLong
	}
	digest := sha256.Sum256([]byte(to + " " + token))
	if c, ok := s.seen.recall(digest, 0); ok {
		return c, nil
	}
	c, err := s.verify(token, to)
	if err == nil {
		s.seen.keep(digest, 0, c)
	}
	return c, err
}

// verify verifies a token that is not remembered.
func (s *Services) verify(token, to string) (Caller, error) {
	h, err := readHeader(token)
	if err != nil {
		return Caller{}, err
	}
	if h.Algorithm != "HS256" {
		return Caller{}, refuse("is not that of a service")
	}
	payload, err := jws.Verify([]byte(token), jws.WithKey(jwa.HS256(), s.secret))
	if err != nil {
		return Caller{}, refuse("has a signature that was not made with the secret of the services here")
	}
	c, err := readClaims(payload)
	if err != nil {
		return Caller{}, err
	}
	if err := c.check(serviceIssuer, to, time.Now()); err != nil {
		return Caller{}, err
	}
	return Caller{Service: c.Subject, Expires: seconds(*c.Expires), Token: token}, nil
}
