package auth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/rs/cors"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	ent "github.com/pulselearn/campus-hub/gen/ent/auth"
	"github.com/pulselearn/campus-hub/gen/ent/auth/session"
	authservice "github.com/pulselearn/campus-hub/gen/service/auth"
)

// Where the provider is served.
const (
	pathAuthorize  = "/oauth/authorize"
	pathToken      = "/oauth/token"
	pathUserInfo   = "/oauth/userinfo"
	pathRevoke     = "/oauth/revoke"
	pathEndSession = "/oauth/end_session"
	pathKeys       = "/oauth/keys"
	pathLogin      = "/oauth/login"
	pathLogout     = "/oauth/logout"
	pathForgot     = "/oauth/forgot"
	pathReset      = "/oauth/reset"
	pathPassword   = "/oauth/password"
	pathStyle      = "/oauth/style.css"
)

// A provider answers the requests of OpenID Connect. Each request that changes
// anything is one transaction. It implements [op.Server]; what it does not
// implement is refused.
type provider struct {
	op.UnimplementedServer
	*Service
	run *authservice.Runner
}

func newProvider(s *Service, run *authservice.Runner) *provider {
	return &provider{Service: s, run: run}
}

// maxForm is the size of the largest request.
const maxForm = 64 << 10

func (p *provider) handler() http.Handler {
	protocol := op.RegisterServer(p, op.Endpoints{
		Authorization: op.NewEndpoint(pathAuthorize), Token: op.NewEndpoint(pathToken), Userinfo: op.NewEndpoint(pathUserInfo),
		Revocation: op.NewEndpoint(pathRevoke), EndSession: op.NewEndpoint(pathEndSession), JwksURI: op.NewEndpoint(pathKeys),
	}, op.WithServerCORSOptions(&cors.Options{
		// Nothing here is told by a cookie to a script: what is sent is all
		// that counts, so that any web application may ask.
		AllowedOrigins: []string{"*"}, AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost},
		AllowedHeaders: []string{"Authorization", "Content-Type"}, ExposedHeaders: []string{"Www-Authenticate"}, MaxAge: 600,
	}), op.WithHTTPMiddleware(op.NewIssuerInterceptor(func(*http.Request) string { return p.issuer }).Handler))
	mux := http.NewServeMux()
	mux.Handle("GET "+pathAuthorize, p.explained(protocol))
	mux.Handle("POST "+pathAuthorize, p.explained(protocol))
	for _, path := range []string{pathToken, pathRevoke} {
		mux.Handle("POST "+path, bodyOnly(protocol))
		mux.Handle("OPTIONS "+path, protocol)
	}
	for _, path := range []string{pathUserInfo, pathEndSession, pathKeys, oidc.DiscoveryEndpoint} {
		mux.Handle(path, protocol)
	}
	mux.Handle("/.well-known/oauth-authorization-server", rewritten(oidc.DiscoveryEndpoint, protocol))
	mux.Handle("GET /.well-known/change-password", http.RedirectHandler(pathPassword, http.StatusFound))
	p.mountPages(mux)
	return http.MaxBytesHandler(limitHeaders(mux), maxForm)
}

// bodyOnly leaves out what stands in the URL, where secrets end up in logs.
func bodyOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.RawQuery = ""
		next.ServeHTTP(w, r)
	})
}

func rewritten(path string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = path
		next.ServeHTTP(w, r)
	})
}

// limitHeaders keeps browsers from guessing, framing and telling others.
func limitHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

// Discovery implements [op.Server].
func (p *provider) Discovery(context.Context, *op.Request[struct{}]) (*op.Response, error) {
	return op.NewResponse(p.discovery()), nil
}

// Keys implements [op.Server].
func (p *provider) Keys(ctx context.Context, _ *op.Request[struct{}]) (*op.Response, error) {
	set, err := p.publishedKeys(ctx)
	if err != nil {
		return nil, op.AsStatusError(err, http.StatusInternalServerError)
	}
	response := op.NewResponse(set)
	response.Header.Set("Cache-Control", "public, max-age=300")
	return response, nil
}

// client returns the client of that id.
func (p *provider) client(id string) (*client, error) {
	if c, ok := p.clients[id]; ok {
		return c, nil
	}
	return nil, oidc.ErrInvalidClient().WithDescription("client_id is not that of a registered application")
}

// VerifyClient implements [op.Server].
func (p *provider) VerifyClient(_ context.Context, r *op.Request[op.ClientCredentials]) (op.Client, error) {
	if r.Data.ClientAssertion != "" {
		return nil, oidc.ErrInvalidClient().WithDescription("client_assertion is not supported")
	}
	c, err := p.client(r.Data.ClientID)
	if err != nil {
		return nil, err
	}
	if c.Secret != "" && !c.proves(r.Data.ClientSecret) {
		return nil, oidc.ErrInvalidClient().WithDescription("client_secret is missing or wrong")
	}
	return c, nil
}

// VerifyAuthRequest implements [op.Server].
func (p *provider) VerifyAuthRequest(_ context.Context, r *op.Request[oidc.AuthRequest]) (*op.ClientRequest[oidc.AuthRequest], error) {
	c, err := p.client(r.Data.ClientID)
	if err != nil {
		return nil, err
	}
	return &op.ClientRequest[oidc.AuthRequest]{Request: r, Client: c}, nil
}

// Authorize implements [op.Server]: whoever is logged in gets a code, everybody
// else the log-in page.
func (p *provider) Authorize(ctx context.Context, r *op.ClientRequest[oidc.AuthRequest]) (*op.Redirect, error) {
	if err := checkRequest(r); err != nil {
		return nil, err
	}
	request := newLoginRequest(r.Data)
	subject, err := p.hinted(ctx, r.Data.IDTokenHint)
	if err != nil {
		return nil, err
	}
	in, err := p.sessionOf(ctx, &http.Request{Header: r.Header})
	if err != nil {
		return nil, err
	}
	if in != nil && (subject == "" || in.AccountID == subject) && request.fresh(in.CreatedAt, time.Now()) {
		to, err := p.grant(ctx, in, request)
		if to != "" || err != nil {
			return op.NewRedirect(to), err
		}
	}
	if slices.Contains(r.Data.Prompt, oidc.PromptNone) {
		return nil, oidc.ErrLoginRequired()
	}
	sealed, err := p.sealRequest(request)
	if err != nil {
		return nil, err
	}
	return op.NewRedirect(r.Client.LoginURL(sealed)), nil
}

// checkRequest refuses what is not served, and what is not safe.
func checkRequest(r *op.ClientRequest[oidc.AuthRequest]) error {
	switch {
	case r.Data.RequestParam != "":
		return oidc.ErrRequestNotSupported()
	case r.Data.ResponseMode != "" && r.Data.ResponseMode != oidc.ResponseModeQuery:
		return oidc.ErrInvalidRequest().WithDescription("response_mode is not query, the only one that is served")
	case r.Client.AuthMethod() == oidc.AuthMethodNone && r.Data.CodeChallenge == "":
		return oidc.ErrInvalidRequest().WithDescription("code_challenge is missing: public clients have to use PKCE")
	case r.Data.CodeChallenge != "" && r.Data.CodeChallengeMethod != oidc.CodeChallengeMethodS256:
		return oidc.ErrInvalidRequest().WithDescription("code_challenge_method is not S256, the only one that is served")
	}
	return nil
}

// hinted returns the subject of an id token, or "" for none.
func (p *provider) hinted(ctx context.Context, hint string) (string, error) {
	if hint == "" {
		return "", nil
	}
	claims, err := p.verifyHint(ctx, hint)
	if err != nil {
		return "", err
	}
	return claims.Subject, nil
}

// sessionOf returns the live session of a request's cookie, or nil.
func (p *provider) sessionOf(ctx context.Context, r *http.Request) (in *ent.Session, err error) {
	cookie, err := r.Cookie(p.cookieName(cookieSession))
	if err != nil {
		return nil, nil //nolint:nilerr // there is no such cookie
	}
	err = p.run.Read(ctx, func(ctx context.Context, r *authservice.Reader) error {
		found, err := r.Session.Query().Where(session.CookieHash(hashed(cookie.Value))).Only(ctx)
		if err == nil && live(found, r.Now()) {
			in = found
		}
		return ignoreNotFound(err)
	})
	return in, err
}

func ignoreNotFound(err error) error {
	if ent.IsNotFound(err) {
		return nil
	}
	return err
}

// grant stores a grant in a session that is still live, and returns where to
// send its code; "" when the session has ended meanwhile.
func (p *provider) grant(ctx context.Context, in *ent.Session, request *loginRequest) (to string, err error) {
	err = p.run.InTx(ctx, func(ctx context.Context, tx *authservice.Tx) error {
		to = ""
		used, err := p.useSession(ctx, tx, in)
		if err != nil || !used {
			return err
		}
		code, err := addGrant(ctx, tx, in, request)
		if err == nil {
			to = p.answer(request, code)
		}
		return err
	})
	return to, err
}

// answer is where a code is sent.
func (p *provider) answer(request *loginRequest, code string) string {
	to, err := url.Parse(request.Redirect)
	if err != nil {
		return request.Redirect // it was parsed before it was accepted
	}
	query := to.Query()
	query.Set("code", code)
	query.Set("iss", p.issuer)
	if request.State != "" {
		query.Set("state", request.State)
	}
	to.RawQuery = query.Encode()
	return to.String()
}

// CodeExchange implements [op.Server].
func (p *provider) CodeExchange(ctx context.Context, r *op.ClientRequest[oidc.AccessTokenRequest]) (*op.Response, error) {
	return p.issueIn(ctx, func(ctx context.Context, tx *authservice.Tx) (*issue, error, error) {
		return p.exchange(ctx, tx, r.Client, r.Data)
	})
}

// RefreshToken implements [op.Server].
func (p *provider) RefreshToken(ctx context.Context, r *op.ClientRequest[oidc.RefreshTokenRequest]) (*op.Response, error) {
	return p.issueIn(ctx, func(ctx context.Context, tx *authservice.Tx) (*issue, error, error) {
		return p.refresh(ctx, tx, r.Client, r.Data)
	})
}

// issueIn answers with tokens of what f returns in a transaction, or with its
// refusal once that is committed.
func (p *provider) issueIn(ctx context.Context, f func(context.Context, *authservice.Tx) (out *issue, refusal, err error)) (*op.Response, error) {
	key, err := p.signing(ctx)
	if err != nil {
		return nil, err
	}
	var out *issue
	var refusal error
	err = p.run.InTx(ctx, func(ctx context.Context, tx *authservice.Tx) (err error) {
		out, refusal, err = f(ctx, tx)
		return err
	})
	if err := errors.Join(err, refusal); err != nil {
		return nil, err
	}
	return p.respond(key, out)
}

// UserInfo implements [op.Server].
func (p *provider) UserInfo(ctx context.Context, r *op.Request[oidc.UserInfoRequest]) (*op.Response, error) {
	claims, err := p.verifyAccess(ctx, r.Data.AccessToken)
	var holder *ent.Account
	if err == nil {
		err = p.run.Read(ctx, func(ctx context.Context, r *authservice.Reader) (err error) {
			holder, err = inForce(ctx, r, grantOf(claims.JWTID))
			return err
		})
	}
	if err != nil {
		return nil, op.NewStatusError(oidc.ErrAccessDenied().WithDescription("the access token is invalid, has expired or was revoked").WithParent(err), http.StatusUnauthorized)
	}
	return op.NewResponse(userInfo(holder, claims.Scopes)), nil
}

func userInfo(a *ent.Account, scopes []string) *oidc.UserInfo {
	info := &oidc.UserInfo{Subject: a.ID, Claims: map[string]any{"roles": []string{roles[a.Role]}}}
	if slices.Contains(scopes, oidc.ScopeProfile) {
		info.Name = a.DisplayName
		if a.Username != nil {
			info.PreferredUsername = *a.Username
		}
	}
	if slices.Contains(scopes, oidc.ScopeEmail) {
		info.Email = a.Email
	}
	return info
}

// Revocation implements [op.Server]. A token takes its whole grant with it. One
// that is unknown, or belongs to another client, is no error.
func (p *provider) Revocation(ctx context.Context, r *op.ClientRequest[oidc.RevocationRequest]) (*op.Response, error) {
	grantID := ""
	if claims, err := p.verifyAccess(ctx, r.Data.Token); err == nil && claims.ClientID == r.Client.GetID() {
		grantID = grantOf(claims.JWTID)
	}
	err := p.run.InTx(ctx, func(ctx context.Context, tx *authservice.Tx) error {
		if grantID != "" {
			return revoke(ctx, tx, grantID)
		}
		token, g, err := findRefreshToken(ctx, tx, r.Data.Token)
		if token == nil || err != nil || g.ClientID != r.Client.GetID() {
			return err
		}
		return revoke(ctx, tx, g.ID)
	})
	if err != nil {
		return nil, err
	}
	return op.NewResponse(nil), nil
}

// EndSession implements [op.Server]. With an id token it is the application
// that logs the person out; without one the person is asked.
func (p *provider) EndSession(ctx context.Context, r *op.Request[oidc.EndSessionRequest]) (*op.Redirect, error) {
	if r.Data.IdTokenHint == "" {
		return op.NewRedirect(pathLogout), nil
	}
	claims, err := p.verifyHint(ctx, r.Data.IdTokenHint)
	if err != nil {
		return nil, err
	}
	to, err := p.afterLogout(claims.AuthorizedParty, r.Data)
	if err != nil {
		return nil, err
	}
	err = p.run.InTx(ctx, func(ctx context.Context, tx *authservice.Tx) error {
		return endByID(ctx, tx, claims.SessionID, session.EndReasonLogout)
	})
	return op.NewRedirect(to), err
}

// afterLogout is where the person goes when they are logged out.
func (p *provider) afterLogout(clientID string, r *oidc.EndSessionRequest) (string, error) {
	if r.PostLogoutRedirectURI == "" {
		return pathLogout + "?done=1", nil
	}
	c, err := p.client(clientID)
	if err != nil || r.ClientID != "" && r.ClientID != clientID {
		return "", oidc.ErrInvalidRequest().WithDescription("id_token_hint was not issued to client_id")
	}
	if err := op.ValidateEndSessionPostLogoutRedirectURI(r.PostLogoutRedirectURI, c); err != nil {
		return "", err
	}
	to, err := url.Parse(r.PostLogoutRedirectURI)
	if err != nil {
		return "", oidc.ErrInvalidRequest().WithDescription("post_logout_redirect_uri cannot be read")
	}
	if r.State != "" {
		query := to.Query()
		query.Set("state", r.State)
		to.RawQuery = query.Encode()
	}
	return to.String(), nil
}

// isExpired tells whether an id token is good but for its age.
func isExpired(err error) bool {
	var expired op.IDTokenHintExpiredError
	return errors.As(err, &expired)
}
