package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"time"

	ent "github.com/pulselearn/campus-hub/gen/ent/auth"
	authv1event "github.com/pulselearn/campus-hub/gen/event/auth/v1"
	authservice "github.com/pulselearn/campus-hub/gen/service/auth"
	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/mail"
)

// OnPasswordResetRequested mails the link to whoever has the account, if there
// is one.
func (s *Service) OnPasswordResetRequested(ctx context.Context, call *authservice.Call, e *authv1event.PasswordResetRequested) error {
	reset, holder, err := s.requested(ctx, e.ResetID, call.Now())
	if reset == nil || err != nil {
		return err
	}
	token, ok := s.resetToken(reset)
	if !ok || s.mail == nil {
		return bus.Reject(errors.New("this process cannot make the mail: give all processes of the context the same PL_AUTH_KEY, with the keys that it replaces, and PL_SMTP_ADDR"))
	}
	if err := s.mail.Send(ctx, s.resetLetter(call, holder, token)); err != nil {
		err = fmt.Errorf("send the mail of password reset %s: %w", reset.ID, err)
		if errors.Is(err, mail.ErrRefused) {
			return bus.Reject(err)
		}
		return err
	}
	call.Then(func(ctx context.Context, tx *authservice.Tx) error {
		if err := tx.PasswordReset.UpdateOneID(reset.ID).SetSentAt(tx.Now()).Exec(ctx); ignoreNotFound(err) != nil {
			return fmt.Errorf("note that the mail of password reset %s was sent: %w", reset.ID, err)
		}
		return nil
	})
	return nil
}

// requested returns a request that a mail is to be sent for, and the account;
// nil when there is none, or no longer.
func (s *Service) requested(ctx context.Context, id string, now time.Time) (reset *ent.PasswordReset, holder *ent.Account, err error) {
	err = s.run.Read(ctx, func(ctx context.Context, r *authservice.Reader) error {
		found, err := r.PasswordReset.Get(ctx, id)
		if err != nil || found.AccountID == nil || found.UsedAt != nil || !found.ExpiresAt.After(now) {
			return ignoreNotFound(err)
		}
		holder, err = r.Account.Get(ctx, *found.AccountID)
		if err == nil && holder.DisabledAt == nil {
			reset = found
		}
		return ignoreNotFound(err)
	})
	if err != nil {
		return nil, nil, fmt.Errorf("find password reset %s: %w", id, err)
	}
	return reset, holder, nil
}

// resetToken returns the secret of a stored request, which is stored nowhere:
// it follows from the request's id and the context's key.
func (s *Service) resetToken(reset *ent.PasswordReset) (token string, ok bool) {
	for _, code := range s.box.MACs("password reset " + reset.ID) {
		if token := base64.RawURLEncoding.EncodeToString(code); hashed(token) == reset.TokenHash {
			return token, true
		}
	}
	return "", false
}

// newResetToken returns the secret of a new request.
func (s *Service) newResetToken(id string) string {
	return base64.RawURLEncoding.EncodeToString(s.box.MAC("password reset " + id))
}

func (s *Service) resetLetter(call *authservice.Call, to *ent.Account, token string) *mail.Message {
	link := s.issuer + pathReset + "?reset=" + url.QueryEscape(token)
	return &mail.Message{
		Key: call.Key(), Name: to.DisplayName, Address: to.Email, Date: call.Now(), Subject: "Set a new password",
		Text: fmt.Sprintf(`Hello %s,

you can set a new password for PulseLearn Campus Hub here, until %s:

%s

If you have not asked for this, do nothing: your password stays as it is.
`, to.DisplayName, call.Now().Add(resetLifetime).UTC().Format("15:04 MST"), link),
	}
}
