package auth

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/crypto"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	ent "github.com/pulselearn/campus-hub/gen/ent/auth"
	"github.com/pulselearn/campus-hub/gen/ent/auth/account"
	authservice "github.com/pulselearn/campus-hub/gen/service/auth"
)

const (
	// accessLifetime is how long an access token is good, which is also how
	// long the end of a session may go unnoticed.
	accessLifetime = 10 * time.Minute
	// audience is whom access tokens are for: every context of the platform.
	audience = "pulselearn"
)

// roles are what the claim roles says.
var roles = map[account.Role]string{
	account.RoleStudent: "student",
	account.RoleTeacher: "teacher",
	account.RoleAdmin:   "admin",
}

// signing returns the key that signs now. The first key may not have been made
// yet.
func (p *provider) signing(ctx context.Context) (*ent.SigningKey, error) {
	for range 2 {
		var key *ent.SigningKey
		err := p.run.Read(ctx, func(ctx context.Context, r *authservice.Reader) error {
			keys, err := p.loadKeys(ctx, r.SigningKey.Query())
			if err == nil && len(keys) > 0 {
				key = keys.signing(r.Now())
			}
			return err
		})
		if key != nil || err != nil {
			return key, err
		}
		if err := p.rotateKeys(ctx, p.run); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("there is no signing key")
}

// sign makes a token of claims.
func (p *provider) sign(key *ent.SigningKey, typ jose.ContentType, claims any) (string, error) {
	private, err := p.unseal(key)
	if err != nil {
		return "", err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: private, KeyID: key.ID}},
		(&jose.SignerOptions{}).WithType(typ))
	if err != nil {
		return "", fmt.Errorf("sign with key %s: %w", key.ID, err)
	}
	return crypto.Sign(claims, signer)
}

// respond makes the tokens that a client gets.
func (p *provider) respond(key *ent.SigningKey, i *issue) (*op.Response, error) {
	access, err := p.sign(key, "at+jwt", p.accessClaims(i))
	if err != nil {
		return nil, err
	}
	answer := &oidc.AccessTokenResponse{
		AccessToken: access, TokenType: oidc.BearerToken, RefreshToken: i.refresh,
		ExpiresIn: uint64(accessLifetime.Seconds()), Scope: i.scopes,
	}
	if answer.IDToken, err = p.idToken(key, i, access); err != nil {
		return nil, err
	}
	response := op.NewResponse(answer)
	response.Header.Set("Cache-Control", "no-store")
	return response, nil
}

// accessClaims says who may do what, for the contexts that are called.
func (p *provider) accessClaims(i *issue) *oidc.AccessTokenClaims {
	// The id begins with the grant's, so that a revoked grant can be found.
	claims := oidc.NewAccessTokenClaims(p.issuer, i.account.ID, []string{audience}, i.at.Add(accessLifetime), i.grant.ID+"."+newSecret()[:16], i.grant.ClientID, 0)
	claims.Scopes = i.scopes
	claims.AuthTime = oidc.FromTime(i.grant.AuthenticatedAt)
	claims.Claims = map[string]any{"roles": []string{roles[i.account.Role]}, "sid": i.grant.SessionID}
	return claims
}

// grantOf returns the id of the grant that an access token belongs to.
func grantOf(tokenID string) string {
	id, _, _ := strings.Cut(tokenID, ".")
	return id
}

// idToken says to the client who has logged in.
func (p *provider) idToken(key *ent.SigningKey, i *issue, access string) (string, error) {
	claims := oidc.NewIDTokenClaims(p.issuer, i.account.ID, nil, i.at.Add(accessLifetime), i.grant.AuthenticatedAt, i.grant.Nonce, "", []string{"pwd"}, i.grant.ClientID, 0)
	claims.SessionID = i.grant.SessionID
	hash, err := oidc.ClaimHash(access, algorithm)
	if err != nil {
		return "", fmt.Errorf("hash the access token: %w", err)
	}
	claims.AccessTokenHash = hash
	return p.sign(key, "JWT", claims)
}

// A keySet verifies tokens with the stored keys.
type keySet struct{ p *provider }

// VerifySignature implements [oidc.KeySet].
func (k keySet) VerifySignature(ctx context.Context, jws *jose.JSONWebSignature) ([]byte, error) {
	set, err := k.p.publishedKeys(ctx)
	if err != nil {
		return nil, err
	}
	kid, alg := oidc.GetKeyIDAndAlg(jws)
	key, err := oidc.FindMatchingKey(kid, oidc.KeyUseSignature, alg, set.Keys...)
	if err != nil {
		return nil, fmt.Errorf("find the key of a token: %w", err)
	}
	return jws.Verify(&key)
}

func (p *provider) publishedKeys(ctx context.Context) (set *jose.JSONWebKeySet, err error) {
	err = p.run.Read(ctx, func(ctx context.Context, r *authservice.Reader) error {
		keys, err := p.loadKeys(ctx, r.SigningKey.Query())
		if err == nil {
			set, err = keys.published()
		}
		return err
	})
	return set, err
}

// verifyAccess returns the claims of an access token of this provider.
func (p *provider) verifyAccess(ctx context.Context, token string) (*oidc.AccessTokenClaims, error) {
	verifier := op.NewAccessTokenVerifier(p.issuer, keySet{p}, op.WithSupportedAccessTokenSigningAlgorithms(string(algorithm)))
	claims, err := op.VerifyAccessToken[*oidc.AccessTokenClaims](ctx, token, verifier)
	if err != nil {
		return nil, err
	}
	if len(claims.Audience) != 1 || claims.Audience[0] != audience {
		return nil, fmt.Errorf("the token is for %q, not for %q", claims.Audience, audience)
	}
	return claims, nil
}

// verifyHint returns the claims of an id token of this provider, which may
// have expired.
func (p *provider) verifyHint(ctx context.Context, token string) (*oidc.IDTokenClaims, error) {
	verifier := op.NewIDTokenHintVerifier(p.issuer, keySet{p}, op.WithSupportedIDTokenHintSigningAlgorithms(string(algorithm)))
	claims, err := op.VerifyIDTokenHint[*oidc.IDTokenClaims](ctx, token, verifier)
	if err != nil && !isExpired(err) {
		return nil, oidc.ErrInvalidRequest().WithDescription("id_token_hint is not an id token of this provider").WithParent(err)
	}
	return claims, nil
}
