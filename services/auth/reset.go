package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	ent "github.com/pulselearn/campus-hub/gen/ent/auth"
	"github.com/pulselearn/campus-hub/gen/ent/auth/passwordreset"
	authv1event "github.com/pulselearn/campus-hub/gen/event/auth/v1"
	authservice "github.com/pulselearn/campus-hub/gen/service/auth"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/services/auth/password"
)

// resetLifetime is how long the link in a mail is good.
const resetLifetime = 30 * time.Minute

// A forgotForm is what the page shows that asks for a mail.
type forgotForm struct{ Token, Request, Name, Problem string }

func (p *provider) showForgot(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Query().Has("done"):
		p.show(w, "message.html", message{
			Title: "Look into your mail", To: p.issuer + "/", Link: "To PulseLearn",
			Text: "If there is an account of that name, we have sent a mail to its address. The link in it is good for 30 minutes.",
		}, http.StatusOK, "")
	default:
		p.show(w, "forgot.html", forgotForm{Token: p.formToken(w, r), Request: r.URL.Query().Get("request")}, http.StatusOK, "")
	}
}

// forgot asks for a mail. What it answers, and what it does until then, is the
// same for a name that nobody has.
func (p *provider) forgot(w http.ResponseWriter, r *http.Request) {
	name := strings.ToLower(strings.TrimSpace(r.PostFormValue("name")))
	var err error
	switch {
	case !p.ownForm(r):
		err = &refused{status: http.StatusForbidden, text: textForm}
	case name == "" || len(name) > maxName:
		err = &refused{status: http.StatusUnprocessableEntity, text: "Type your name or e-mail address."}
	default:
		err = p.requestReset(r.Context(), name)
	}
	if err == nil {
		http.Redirect(w, r, pathForgot+"?done=1", http.StatusSeeOther)
		return
	}
	no := p.refusal(w, r, err)
	p.show(w, "forgot.html", forgotForm{p.formToken(w, r), r.PostFormValue("request"), name, no.text}, no.status, "")
}

func (p *provider) requestReset(ctx context.Context, name string) error {
	return p.attempt(ctx, func(ctx context.Context, tx *authservice.Tx) error {
		holder, err := accountOf(ctx, tx, name)
		if err != nil {
			return err
		}
		id, new := tx.NewID(), tx.PasswordReset.Create()
		if holder != nil {
			new.SetAccountID(holder.ID)
		}
		err = new.SetID(id).SetTokenHash(hashed(p.newResetToken(id))).
			SetCreatedAt(tx.Now()).SetExpiresAt(tx.Now().Add(resetLifetime)).Exec(ctx)
		if err != nil {
			return fmt.Errorf("store a password reset: %w", err)
		}
		return tx.Publish(ctx, &authv1event.PasswordResetRequested{ResetID: id, OccurredAt: tx.Now()})
	}, accountResetLimit(name), addressResetLimit(identity.Address(ctx)))
}

// refusal returns what to tell the person about an error, and logs one that is
// nobody's fault but ours.
func (p *provider) refusal(w http.ResponseWriter, r *http.Request, err error) *refused {
	var no *refused
	switch {
	case errors.As(err, &no):
		if no.wait > 0 {
			w.Header().Set("Retry-After", fmt.Sprint(int(no.wait.Seconds())+1))
		}
		return no
	case errors.Is(err, errChanged):
		return &refused{status: http.StatusConflict, text: textChanged}
	case errors.Is(err, password.ErrBusy):
		w.Header().Set("Retry-After", "1")
		return &refused{status: http.StatusServiceUnavailable, text: textBusy}
	}
	p.log(r, "a page failed", err)
	return &refused{status: http.StatusServiceUnavailable, text: textTrouble}
}

// A resetForm is what the page shows that the link in a mail leads to.
type resetForm struct{ Token, Reset, Problem string }

// errUsed refuses a link that is of no use.
var errUsed = errors.New("the password reset is unknown, was used or has expired")

// showReset changes nothing, because programs that look into mails follow
// links.
func (p *provider) showReset(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Has("done") {
		p.show(w, "message.html", message{
			Title: "Your password is set", Text: "You have been logged out everywhere. Log in with the new password.",
			To: p.issuer + "/", Link: "To PulseLearn",
		}, http.StatusOK, "")
		return
	}
	secret := r.URL.Query().Get("reset")
	err := p.run.Read(r.Context(), func(ctx context.Context, r *authservice.Reader) error {
		_, _, err := openReset(ctx, r.PasswordReset.Query(), r.Account.Get, secret, r.Now())
		return err
	})
	p.resetPage(w, r, secret, err)
}

// resetPage shows the form, or why there is none.
func (p *provider) resetPage(w http.ResponseWriter, r *http.Request, secret string, err error) {
	switch {
	case errors.Is(err, errUsed):
		p.show(w, "message.html", message{
			Title: "This link is of no use any more", Text: "It has been used, is older than 30 minutes, or your password has been changed since.",
			To: pathForgot, Link: "Ask for another mail",
		}, http.StatusBadRequest, "")
	case err != nil:
		no := p.refusal(w, r, err)
		p.show(w, "reset.html", resetForm{p.formToken(w, r), secret, no.text}, no.status, "")
	default:
		p.show(w, "reset.html", resetForm{p.formToken(w, r), secret, ""}, http.StatusOK, "")
	}
}

// openReset returns a request that a password can be set with, and its
// account. It fails with [errUsed] when there is none.
func openReset(ctx context.Context, resets *ent.PasswordResetQuery, accountOf func(context.Context, string) (*ent.Account, error),
	secret string, now time.Time,
) (*ent.PasswordReset, *ent.Account, error) {
	found, err := resets.Where(passwordreset.TokenHash(hashed(secret)), passwordreset.AccountIDNotNil(),
		passwordreset.UsedAtIsNil(), passwordreset.ExpiresAtGT(now)).Only(ctx)
	if err != nil {
		return nil, nil, orUsed(err)
	}
	holder, err := accountOf(ctx, *found.AccountID)
	if err != nil || holder.DisabledAt != nil {
		return nil, nil, orUsed(err)
	}
	return found, holder, nil
}

// orUsed keeps an error of the database, and is [errUsed] otherwise.
func orUsed(err error) error {
	if ignoreNotFound(err) != nil {
		return fmt.Errorf("find a password reset: %w", err)
	}
	return errUsed
}

func (p *provider) reset(w http.ResponseWriter, r *http.Request) {
	secret := r.PostFormValue("reset")
	err := p.setByReset(r, secret)
	if err == nil {
		http.Redirect(w, r, pathReset+"?done=1", http.StatusSeeOther)
		return
	}
	p.resetPage(w, r, secret, err)
}

// setByReset sets the password that was typed, once for each secret.
func (p *provider) setByReset(r *http.Request, secret string) error {
	err := p.run.Read(r.Context(), func(ctx context.Context, r *authservice.Reader) error {
		_, _, err := openReset(ctx, r.PasswordReset.Query(), r.Account.Get, secret, r.Now())
		return err
	})
	if err != nil {
		return err // before a hash is computed for nobody
	}
	typed, err := p.newPassword(r)
	if err != nil {
		return err
	}
	hash, err := p.passwords.Hash(r.Context(), typed)
	if err != nil {
		return err
	}
	return p.run.InTx(r.Context(), func(ctx context.Context, tx *authservice.Tx) error {
		found, holder, err := openReset(ctx, tx.PasswordReset.Query(), tx.Account.Get, secret, tx.Now())
		if err != nil {
			return err
		}
		n, err := tx.PasswordReset.Update().Where(passwordreset.ID(found.ID), passwordreset.UsedAtIsNil()).SetUsedAt(tx.Now()).Save(ctx)
		if err != nil {
			return fmt.Errorf("note the use of a password reset: %w", err)
		}
		if n == 0 { // it was used just now
			return errUsed
		}
		return setPassword(ctx, tx, holder, hash, "")
	})
}

// newPassword returns the new password that was typed twice on a page of ours.
func (p *provider) newPassword(r *http.Request) (string, error) {
	typed := r.PostFormValue("password")
	switch weakness := p.weakness(typed); {
	case !p.ownForm(r):
		return "", &refused{status: http.StatusForbidden, text: textForm}
	case weakness != "":
		return "", &refused{status: http.StatusUnprocessableEntity, text: "The new password " + weakness + "."}
	case typed != r.PostFormValue("again"):
		return "", &refused{status: http.StatusUnprocessableEntity, text: "The two new passwords are not the same."}
	}
	return typed, nil
}
