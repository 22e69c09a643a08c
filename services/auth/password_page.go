package auth

import (
	"context"
	"net/http"

	ent "github.com/pulselearn/campus-hub/gen/ent/auth"
	authservice "github.com/pulselearn/campus-hub/gen/service/auth"
	"github.com/pulselearn/campus-hub/platform/identity"
)

// A passwordForm is what the page shows that changes one's own password.
type passwordForm struct {
	Token, Name, Problem string
	Mail                 bool // whether a forgotten password can be replaced
}

// signedIn returns the live session of a request and its account; nil for
// nobody, who is told so.
func (p *provider) signedIn(w http.ResponseWriter, r *http.Request) (in *ent.Session, holder *ent.Account) {
	in, err := p.sessionOf(r.Context(), r)
	if err == nil && in != nil {
		err = p.run.Read(r.Context(), func(ctx context.Context, r *authservice.Reader) (err error) {
			holder, err = r.Account.Get(ctx, in.AccountID)
			return err
		})
	}
	switch {
	case err != nil:
		p.log(r, "the page of passwords failed", err)
		p.fail(w, http.StatusServiceUnavailable, "Not now", textTrouble)
		return nil, nil
	case in == nil:
		p.show(w, "message.html", message{
			Title: "You are not logged in", Text: "Log in, and come back to this page.", To: p.issuer + "/", Link: "To PulseLearn",
		}, http.StatusUnauthorized, "")
	}
	return in, holder
}

func (p *provider) showPassword(w http.ResponseWriter, r *http.Request) {
	in, holder := p.signedIn(w, r)
	switch {
	case in == nil:
	case r.URL.Query().Has("done"):
		p.show(w, "message.html", message{
			Title: "Your password is changed", Text: "You have been logged out everywhere else.", To: p.issuer + "/", Link: "To PulseLearn",
		}, http.StatusOK, "")
	default:
		p.show(w, "password.html", passwordForm{p.formToken(w, r), holder.Email, "", p.mail != nil}, http.StatusOK, "")
	}
}

func (p *provider) changePassword(w http.ResponseWriter, r *http.Request) {
	in, holder := p.signedIn(w, r)
	if in == nil {
		return
	}
	if err := p.replacePassword(r, in, holder); err != nil {
		no := p.refusal(w, r, err)
		p.show(w, "password.html", passwordForm{p.formToken(w, r), holder.Email, no.text, p.mail != nil}, no.status, "")
		return
	}
	http.Redirect(w, r, pathPassword+"?done=1", http.StatusSeeOther)
}

// replacePassword sets the password that was typed for whoever knows the old
// one, of which as many may be tried as of log-ins.
func (p *provider) replacePassword(r *http.Request, in *ent.Session, holder *ent.Account) error {
	typed, err := p.newPassword(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	if err := p.attempt(ctx, nothing, accountLimit(holder.ID), addressLimit(identity.Address(ctx))); err != nil {
		return err
	}
	switch ok, _, err := p.passwords.Check(ctx, r.PostFormValue("old"), holder.PasswordHash); {
	case err != nil:
		return err
	case !ok:
		return &refused{status: http.StatusUnprocessableEntity, text: "The current password is wrong."}
	}
	hash, err := p.passwords.Hash(ctx, typed)
	if err != nil {
		return err
	}
	return p.run.InTx(ctx, func(ctx context.Context, tx *authservice.Tx) error {
		now, err := tx.Account.Get(ctx, holder.ID)
		if err != nil {
			return err
		}
		used, err := p.useSession(ctx, tx, in)
		switch {
		case err != nil:
			return err
		case !used || now.DisabledAt != nil:
			return &refused{status: http.StatusConflict, text: textChanged}
		}
		if err := setPassword(ctx, tx, holder, hash, in.ID); err != nil {
			return err
		}
		return succeeded(ctx, tx, holder.ID, identity.Address(ctx))
	})
}
