package auth

import (
	"cmp"
	"context"
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	ent "github.com/pulselearn/campus-hub/gen/ent/auth"
	"github.com/pulselearn/campus-hub/gen/ent/auth/account"
	authservice "github.com/pulselearn/campus-hub/gen/service/auth"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/services/auth/password"
)

// The cookies of the provider: a session's secret, and what proves that a form
// came from our page.
const (
	cookieSession = "pl_session"
	cookieForm    = "pl_form"
)

// cookieName returns the name of a cookie. Behind TLS browsers take one of
// that name from TLS alone.
func (s *Service) cookieName(name string) string {
	if s.secure() {
		return "__Secure-" + name
	}
	return name
}

func (s *Service) setCookie(w http.ResponseWriter, name, value string, lifetime time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: s.cookieName(name), Value: value, Path: "/oauth/", MaxAge: int(lifetime.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.secure(),
	})
}

// formToken returns what our forms carry. It belongs to the browser's cookie,
// which is made when there is none.
func (s *Service) formToken(w http.ResponseWriter, r *http.Request) string {
	cookie, err := r.Cookie(s.cookieName(cookieForm))
	if err != nil || cookie.Value == "" {
		cookie = &http.Cookie{Value: newSecret()}
	}
	s.setCookie(w, cookieForm, cookie.Value, requestLifetime)
	return s.tokenOf(cookie.Value)
}

func (s *Service) tokenOf(cookie string) string {
	return base64.RawURLEncoding.EncodeToString(s.box.MAC("form " + cookie))
}

// ownForm tells whether a form came from our page in the same browser.
func (s *Service) ownForm(r *http.Request) bool {
	cookie, err := r.Cookie(s.cookieName(cookieForm))
	return err == nil && hmac.Equal([]byte(s.tokenOf(cookie.Value)), []byte(r.PostFormValue("token"))) &&
		http.NewCrossOriginProtection().Check(r) == nil
}

func (p *provider) showLogin(w http.ResponseWriter, r *http.Request) {
	sealed := r.URL.Query().Get("request")
	request, err := p.openRequest(sealed)
	if err != nil {
		p.fail(w, http.StatusBadRequest, "This log-in cannot go on", "It was begun too long ago, or not by an application. Go back to the application and log in again.")
		return
	}
	p.loginForm(w, r, request, loginForm{Request: sealed, Name: request.Hint}, http.StatusOK)
}

// The texts of a log-in that failed.
const (
	textForm     = "Your browser did not send what belongs to this page. Allow cookies for it, and try again."
	textWrong    = "The name or the password is wrong."
	textMissing  = "Type your name or e-mail address, and your password."
	textDisabled = "This account has been disabled. Ask an administrator."
	textBusy     = "Too many people are logging in at the moment. Try again in a few seconds."
	textTrouble  = "Something went wrong here. Try again in a moment."
	textChanged  = "The account has changed meanwhile. Log in again."
	textSeeded   = "This password is known to everybody and not accepted here. Ask an administrator for another."
)

// A refused log-in has a text for the person.
type refused struct {
	status int
	text   string
	wait   time.Duration // until the next try, 0 for at once
}

func (r *refused) Error() string { return r.text }

func (p *provider) logIn(w http.ResponseWriter, r *http.Request) {
	sealed := r.PostFormValue("request")
	request, err := p.openRequest(sealed)
	if err != nil {
		p.fail(w, http.StatusBadRequest, "This log-in cannot go on", "It was begun too long ago, or not by an application. Go back to the application and log in again.")
		return
	}
	name := strings.ToLower(strings.TrimSpace(r.PostFormValue("name")))
	to, secret, err := p.authenticate(r, request, name)
	var no *refused
	switch {
	case errors.As(err, &no):
		if no.wait > 0 {
			w.Header().Set("Retry-After", fmt.Sprint(int(no.wait.Seconds())+1))
		}
		p.loginForm(w, r, request, loginForm{Request: sealed, Name: name, Problem: no.text}, no.status)
	case err != nil:
		p.log(r, "a log-in failed", err)
		p.loginForm(w, r, request, loginForm{Request: sealed, Name: name, Problem: textTrouble}, http.StatusServiceUnavailable)
	default:
		p.setCookie(w, cookieSession, secret, p.settings.SessionLifetime)
		http.Redirect(w, r, to, http.StatusSeeOther)
	}
}

// authenticate begins a session for whoever knows an account's password, and
// returns where to go with a code, and the secret of the session's cookie.
func (p *provider) authenticate(r *http.Request, request *loginRequest, name string) (to, secret string, err error) {
	typed := r.PostFormValue("password")
	switch {
	case !p.ownForm(r):
		return "", "", &refused{status: http.StatusForbidden, text: textForm}
	case name == "" || typed == "" || len(name) > maxName || len(typed) > maxPassword:
		return "", "", &refused{status: http.StatusUnprocessableEntity, text: textMissing}
	}
	holder, err := p.begin(r.Context(), name)
	if err != nil {
		return "", "", err
	}
	rehashed, err := p.prove(r.Context(), holder, typed)
	if err != nil {
		return "", "", err
	}
	err = p.run.InTx(r.Context(), func(ctx context.Context, tx *authservice.Tx) error {
		to, secret, err = p.enter(ctx, tx, holder, rehashed, request, r.UserAgent())
		if err != nil {
			return err
		}
		return succeeded(ctx, tx, name, identity.Address(ctx))
	})
	return to, secret, err
}

// begin counts a try, and returns the account; nil for an unknown name.
func (p *provider) begin(ctx context.Context, name string) (holder *ent.Account, err error) {
	err = p.attempt(ctx, func(ctx context.Context, tx *authservice.Tx) (err error) {
		holder, err = accountOf(ctx, tx, name)
		return err
	}, accountLimit(name), addressLimit(identity.Address(ctx)))
	return holder, err
}

// accountOf returns the account of a name or an address, nil for none.
func accountOf(ctx context.Context, tx *authservice.Tx, name string) (*ent.Account, error) {
	holder, err := tx.Account.Query().Where(account.Or(account.Email(name), account.Username(name))).First(ctx)
	return holder, ignoreNotFound(err)
}

// attempt counts a try and does f in the same transaction, unless there were
// too many: it fails with a [refused] then.
func (s *Service) attempt(ctx context.Context, f func(context.Context, *authservice.Tx) error, limits ...limit) error {
	var wait time.Duration
	err := s.run.InTx(ctx, func(ctx context.Context, tx *authservice.Tx) (err error) {
		if wait, err = try(ctx, tx, limits...); err != nil || wait > 0 {
			return err
		}
		return f(ctx, tx)
	})
	if err == nil && wait > 0 {
		minutes := int(wait.Minutes()) + 1
		return &refused{http.StatusTooManyRequests, fmt.Sprintf("There were too many tries. Wait %d minutes, and try again.", minutes), wait}
	}
	return err
}

// prove checks a password, which takes as long for an account that there is
// not. When the hash should be replaced, it returns the new one.
func (p *provider) prove(ctx context.Context, holder *ent.Account, typed string) (rehashed string, err error) {
	hash := ""
	if holder != nil {
		hash = holder.PasswordHash
	}
	ok, outdated, err := p.passwords.Check(ctx, typed, hash)
	switch {
	case errors.Is(err, password.ErrBusy):
		return "", &refused{http.StatusServiceUnavailable, textBusy, time.Second}
	case err != nil:
		return "", err
	case !ok:
		return "", &refused{status: http.StatusUnauthorized, text: textWrong}
	case holder.DisabledAt != nil:
		return "", &refused{status: http.StatusForbidden, text: textDisabled}
	case typed == seededPassword && !p.embedded:
		return "", &refused{status: http.StatusForbidden, text: textSeeded}
	case outdated:
		return p.passwords.Hash(ctx, typed)
	}
	return "", nil
}

// enter stores the session and its first grant, unless the account has changed
// since its password was checked.
func (p *provider) enter(ctx context.Context, tx *authservice.Tx, holder *ent.Account, rehashed string, request *loginRequest, userAgent string) (to, secret string, err error) {
	// Whoever changes the password, or disables the account, waits for this
	// row and finds the session, or was first and leaves nothing to update.
	n, err := tx.Account.Update().Where(account.ID(holder.ID), account.PasswordHash(holder.PasswordHash), account.DisabledAtIsNil()).
		SetPasswordHash(cmp.Or(rehashed, holder.PasswordHash)).Save(ctx)
	switch {
	case err != nil:
		return "", "", fmt.Errorf("hold the account of a log-in: %w", err)
	case n == 0:
		return "", "", &refused{status: http.StatusUnauthorized, text: textWrong}
	}
	in, secret, err := p.startSession(ctx, tx, holder.ID, userAgent)
	if err != nil {
		return "", "", err
	}
	code, err := addGrant(ctx, tx, in, request)
	return p.answer(request, code), secret, err
}
