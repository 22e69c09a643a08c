package identity

import (
	"cmp"
	"context"
	"crypto/sha256"
	"net/http"
	"time"

	"github.com/lestrrat-go/jwx/v3/jws"
)

// DefaultAudience and DefaultRolesClaim are what an [Issuer] has that says
// nothing else.
const (
	DefaultAudience   = "pulselearn"
	DefaultRolesClaim = "roles"
)

// An Issuer is an OpenID provider whose access tokens are trusted.
type Issuer struct {
	// URL is the issuer as tokens name it; its discovery document is found
	// below it.
	URL string
	// Audience has to be among those of a token; empty means
	// [DefaultAudience].
	Audience string
	// RolesClaim is where a token has the person's roles, for example
	// "realm_access.roles"; empty means [DefaultRolesClaim].
	RolesClaim string
	// Client fetches the issuer's keys; nil means a client of its own. See
	// [Local] for an issuer in the same process.
	Client *http.Client
}

// A Verifier tells who a token was issued for. It takes JWTs that are signed
// with RS256, ES256 or EdDSA by a key that the issuer publishes under the
// token's key id, and nothing else: what a token says about keys is not looked
// at. Keys are fetched with the first token and kept, so that a provider that
// is away later disturbs nobody. It is safe for concurrent use.
type Verifier struct {
	issuer Issuer
	keys   ring
	seen   memory
}

// NewVerifier returns a verifier of the issuer's tokens.
func NewVerifier(i Issuer) *Verifier {
	i.Audience = cmp.Or(i.Audience, DefaultAudience)
	i.RolesClaim = cmp.Or(i.RolesClaim, DefaultRolesClaim)
	i.Client = cmp.Or(i.Client, &http.Client{Timeout: fetchTimeout})
	return &Verifier{issuer: i, keys: ring{issuer: i.URL, client: i.Client}}
}

// Verify returns the person that the token was issued for. It fails with a
// [*TokenError] for a token that proves nothing, with [ErrUnavailable] when
// that cannot be told now, and with the error of ctx.
//
// A nil Verifier, of a process that has no issuer, takes no token.
func (v *Verifier) Verify(ctx context.Context, token string) (Caller, error) {
	if v == nil {
		return Caller{}, refuse("is not taken: this process has no issuer of them (PL_OIDC_ISSUER)")
	}
	if len(token) > maxToken {
		return Caller{}, errTooLong
	}
	digest, epoch := sha256.Sum256([]byte(token)), v.keys.current()
	if c, ok := v.seen.recall(digest, epoch); ok {
		return c, nil
	}
	c, err := v.verify(ctx, token)
	if err == nil && epoch > 0 {
		v.seen.keep(digest, epoch, c)
	}
	return c, err
}

// verify verifies a token that is not remembered.
func (v *Verifier) verify(ctx context.Context, token string) (Caller, error) {
	h, err := readHeader(token)
	if err != nil {
		return Caller{}, err
	}
	switch {
	case h.Algorithm != "RS256" && h.Algorithm != "ES256" && h.Algorithm != "EdDSA":
		return Caller{}, refuse("is signed with another algorithm than RS256, ES256 and EdDSA")
	case h.Key == "":
		return Caller{}, refuse("does not name the key that it is signed with (kid)")
	}
	key, err := v.keys.find(ctx, h.Key)
	if err != nil {
		return Caller{}, err
	}
	if key.algorithm.String() != h.Algorithm {
		return Caller{}, refuse("is signed with another algorithm than that of its key")
	}
	return v.open(token, key)
}

func (v *Verifier) open(token string, key publicKey) (Caller, error) {
	payload, err := jws.Verify([]byte(token), jws.WithKey(key.algorithm, key.raw))
	if err != nil {
		return Caller{}, refuse("has a signature that is not that of its issuer")
	}
	c, err := readClaims(payload)
	if err != nil {
		return Caller{}, err
	}
	if err := c.check(v.issuer.URL, v.issuer.Audience, time.Now()); err != nil {
		return Caller{}, err
	}
	return c.caller(token, v.issuer.RolesClaim), nil
}
