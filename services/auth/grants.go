package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	ent "github.com/pulselearn/campus-hub/gen/ent/auth"
	"github.com/pulselearn/campus-hub/gen/ent/auth/grant"
	"github.com/pulselearn/campus-hub/gen/ent/auth/refreshtoken"
	"github.com/pulselearn/campus-hub/gen/ent/auth/session"
	authservice "github.com/pulselearn/campus-hub/gen/service/auth"
)

// codeLifetime is how long a code can be exchanged.
const codeLifetime = time.Minute

// addGrant stores what a request was granted in a session, and returns the
// code for it.
func addGrant(ctx context.Context, tx *authservice.Tx, in *ent.Session, r *loginRequest) (code string, err error) {
	code = newSecret()
	err = tx.Grant.Create().SetID(tx.NewID()).SetSessionID(in.ID).SetAccountID(in.AccountID).
		SetClientID(r.Client).SetRedirectURI(r.Redirect).SetScopes(r.Scopes).SetNonce(r.Nonce).
		SetCodeChallenge(r.Challenge).SetCodeHash(hashed(code)).
		SetAuthenticatedAt(in.CreatedAt).SetCreatedAt(tx.Now()).Exec(ctx)
	if err != nil {
		return "", fmt.Errorf("store a grant: %w", err)
	}
	return code, nil
}

// An issue is what tokens are made of.
type issue struct {
	grant   *ent.Grant
	account *ent.Account
	scopes  []string
	refresh string // "" for none
	at      time.Time
}

// A refusal is an answer to the client that was committed, too.
var (
	refuseCode = func() error {
		return oidc.ErrInvalidGrant().WithDescription("the code is unknown, was used or has expired")
	}
	refuseToken = func() error {
		return oidc.ErrInvalidGrant().WithDescription("the refresh token is unknown, was used or has expired; log in again")
	}
)

// exchange turns a code into what tokens are made of. A code that comes a
// second time takes back what it gave the first time. The refusal is to be
// told after the commit.
func (s *Service) exchange(ctx context.Context, tx *authservice.Tx, c op.Client, r *oidc.AccessTokenRequest) (out *issue, refusal, err error) {
	g, err := tx.Grant.Query().Where(grant.CodeHash(hashed(r.Code))).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, refuseCode(), nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("find the grant of a code: %w", err)
	}
	if g.ClientID != c.GetID() {
		return nil, refuseCode(), nil
	}
	if g.CodeUsedAt != nil {
		return nil, refuseCode(), revoke(ctx, tx, g.ID)
	}
	if tx.Now().Sub(g.CreatedAt) > codeLifetime || g.RevokedAt != nil {
		return nil, refuseCode(), nil
	}
	if refusal := matches(g, r); refusal != nil {
		return nil, refusal, nil
	}
	n, err := tx.Grant.Update().Where(grant.ID(g.ID), grant.CodeUsedAtIsNil()).SetCodeUsedAt(tx.Now()).Save(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("note the use of a code: %w", err)
	}
	if n == 0 { // it was exchanged just now
		return nil, refuseCode(), revoke(ctx, tx, g.ID)
	}
	return s.issue(ctx, tx, g, g.Scopes, refuseCode)
}

// matches refuses a request that is not by whom the code was made for.
func matches(g *ent.Grant, r *oidc.AccessTokenRequest) error {
	if g.RedirectURI != r.RedirectURI {
		return oidc.ErrInvalidGrant().WithDescription("redirect_uri is not the one that the code was sent to")
	}
	if g.CodeChallenge == "" && r.CodeVerifier == "" {
		return nil
	}
	challenge := &oidc.CodeChallenge{Challenge: g.CodeChallenge, Method: oidc.CodeChallengeMethodS256}
	if g.CodeChallenge == "" || !oidc.VerifyCodeChallenge(challenge, r.CodeVerifier) {
		return oidc.ErrInvalidGrant().WithDescription("code_verifier does not belong to the code_challenge")
	}
	return nil
}

// refresh turns a refresh token into what new tokens are made of. A token that
// comes a second time ends its session, because somebody has a copy.
func (s *Service) refresh(ctx context.Context, tx *authservice.Tx, c op.Client, r *oidc.RefreshTokenRequest) (out *issue, refusal, err error) {
	token, g, err := findRefreshToken(ctx, tx, r.RefreshToken)
	if token == nil || err != nil {
		return nil, refuseToken(), err
	}
	if g.ClientID != c.GetID() || g.RevokedAt != nil {
		return nil, refuseToken(), nil
	}
	if !subset(r.Scopes, token.Scopes) {
		return nil, oidc.ErrInvalidScope().WithDescription("the refresh token was issued for fewer scopes"), nil
	}
	n, err := tx.RefreshToken.Update().Where(refreshtoken.ID(token.ID), refreshtoken.UsedAtIsNil()).SetUsedAt(tx.Now()).Save(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("note the use of a refresh token: %w", err)
	}
	if n == 0 {
		return nil, refuseToken(), endByID(ctx, tx, g.SessionID, session.EndReasonTokenReused)
	}
	scopes := token.Scopes
	if len(r.Scopes) > 0 {
		scopes = r.Scopes
	}
	return s.issue(ctx, tx, g, scopes, refuseToken)
}

// findRefreshToken returns a token and its grant, or nil when there is none.
func findRefreshToken(ctx context.Context, tx *authservice.Tx, secret string) (*ent.RefreshToken, *ent.Grant, error) {
	token, err := tx.RefreshToken.Query().Where(refreshtoken.TokenHash(hashed(secret))).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("find a refresh token: %w", err)
	}
	g, err := tx.Grant.Get(ctx, token.GrantID)
	if err != nil {
		return nil, nil, fmt.Errorf("find the grant of a refresh token: %w", err)
	}
	return token, g, nil
}

func subset(some, all []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}

// issue notes the use of the grant's session, and adds a refresh token when
// the application may work while the person is away.
func (s *Service) issue(ctx context.Context, tx *authservice.Tx, g *ent.Grant, scopes []string, refuse func() error) (*issue, error, error) {
	in, err := tx.Session.Get(ctx, g.SessionID)
	if err != nil {
		return nil, nil, fmt.Errorf("find session %s: %w", g.SessionID, err)
	}
	used, err := s.useSession(ctx, tx, in)
	if err != nil || !used {
		return nil, refuse(), err
	}
	holder, err := tx.Account.Get(ctx, g.AccountID)
	if err != nil {
		return nil, nil, fmt.Errorf("find account %s: %w", g.AccountID, err)
	}
	if holder.DisabledAt != nil {
		return nil, refuse(), nil
	}
	out := &issue{grant: g, account: holder, scopes: scopes, at: tx.Now()}
	if !slices.Contains(scopes, oidc.ScopeOfflineAccess) {
		return out, nil, nil
	}
	out.refresh = newSecret()
	err = tx.RefreshToken.Create().SetID(tx.NewID()).SetGrantID(g.ID).SetTokenHash(hashed(out.refresh)).
		SetScopes(scopes).SetCreatedAt(tx.Now()).Exec(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("store a refresh token: %w", err)
	}
	return out, nil, nil
}

// revoke takes back a grant and with it every token that follows from it.
func revoke(ctx context.Context, tx *authservice.Tx, grantID string) error {
	_, err := tx.Grant.Update().Where(grant.ID(grantID), grant.RevokedAtIsNil()).SetRevokedAt(tx.Now()).Save(ctx)
	if err != nil {
		return fmt.Errorf("revoke grant %s: %w", grantID, err)
	}
	return nil
}

// endByID ends the session of that id, if there is one.
func endByID(ctx context.Context, tx *authservice.Tx, id string, reason session.EndReason) error {
	found, err := tx.Session.Get(ctx, id)
	if ent.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find session %s: %w", id, err)
	}
	return endSession(ctx, tx, found, reason)
}

var errNoGrant = errors.New("the token belongs to no grant that is in force")

// inForce returns the account of a grant whose tokens are still good.
func inForce(ctx context.Context, r *authservice.Reader, grantID string) (*ent.Account, error) {
	g, err := r.Grant.Get(ctx, grantID)
	if err != nil || g.RevokedAt != nil {
		return nil, errors.Join(errNoGrant, err)
	}
	in, err := r.Session.Get(ctx, g.SessionID)
	if err != nil || !live(in, r.Now()) {
		return nil, errors.Join(errNoGrant, err)
	}
	holder, err := r.Account.Get(ctx, g.AccountID)
	if err != nil || holder.DisabledAt != nil {
		return nil, errors.Join(errNoGrant, err)
	}
	return holder, nil
}
