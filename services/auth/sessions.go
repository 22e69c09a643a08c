package auth

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	ent "github.com/pulselearn/campus-hub/gen/ent/auth"
	"github.com/pulselearn/campus-hub/gen/ent/auth/predicate"
	"github.com/pulselearn/campus-hub/gen/ent/auth/session"
	authv1event "github.com/pulselearn/campus-hub/gen/event/auth/v1"
	authservice "github.com/pulselearn/campus-hub/gen/service/auth"
)

// live tells whether a session has not ended.
func live(s *ent.Session, now time.Time) bool {
	return s != nil && s.EndedAt == nil && s.EndsAt.After(now)
}

// maxUserAgent is how much of what a browser says about itself is kept.
const maxUserAgent = 256

// startSession stores a session, and returns it with the secret for its
// cookie.
func (s *Service) startSession(ctx context.Context, tx *authservice.Tx, accountID, userAgent string) (*ent.Session, string, error) {
	secret := newSecret()
	expires := tx.Now().Add(s.settings.SessionLifetime)
	created, err := tx.Session.Create().SetID(tx.NewID()).SetAccountID(accountID).SetCookieHash(hashed(secret)).
		SetUserAgent(shorten(userAgent, maxUserAgent)).SetCreatedAt(tx.Now()).SetUsedAt(tx.Now()).
		SetExpiresAt(expires).SetEndsAt(s.endOf(expires, tx.Now())).Save(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("store a session: %w", err)
	}
	return created, secret, nil
}

// endOf returns when a session ends unless it is used after now.
func (s *Service) endOf(expires, now time.Time) time.Time {
	if idle := now.Add(s.settings.SessionIdle); idle.Before(expires) {
		return idle
	}
	return expires
}

// useSession notes that a live session is used now, and fails for one that has
// ended meanwhile.
func (s *Service) useSession(ctx context.Context, tx *authservice.Tx, used *ent.Session) (bool, error) {
	n, err := tx.Session.Update().Where(session.ID(used.ID), session.EndedAtIsNil(), session.EndsAtGT(tx.Now())).
		SetUsedAt(tx.Now()).SetEndsAt(s.endOf(used.ExpiresAt, tx.Now())).Save(ctx)
	if err != nil {
		return false, fmt.Errorf("note the use of a session: %w", err)
	}
	return n == 1, nil
}

// endSession ends a session that has not ended, if the conditions hold, and
// publishes that. Of several that end it at once, one does.
func endSession(ctx context.Context, tx *authservice.Tx, ended *ent.Session, reason session.EndReason, conditions ...predicate.Session) error {
	n, err := tx.Session.Update().Where(session.ID(ended.ID), session.EndedAtIsNil()).Where(conditions...).
		SetEndedAt(tx.Now()).SetEndReason(reason).Save(ctx)
	if err != nil {
		return fmt.Errorf("end session %s: %w", ended.ID, err)
	}
	if n == 0 {
		return nil
	}
	return tx.Publish(ctx, &authv1event.SessionExpired{
		UserID: ended.AccountID, SessionID: ended.ID, Reason: published[reason],
		StartedAt: ended.CreatedAt, OccurredAt: tx.Now(),
	})
}

// published is how events name the reasons.
var published = map[session.EndReason]authv1event.EndReason{
	session.EndReasonIdle:            authv1event.EndReasonIdle,
	session.EndReasonLifetime:        authv1event.EndReasonLifetime,
	session.EndReasonLogout:          authv1event.EndReasonLogout,
	session.EndReasonRevoked:         authv1event.EndReasonRevoked,
	session.EndReasonPasswordChanged: authv1event.EndReasonPasswordChanged,
	session.EndReasonAccountDisabled: authv1event.EndReasonAccountDisabled,
	session.EndReasonTokenReused:     authv1event.EndReasonTokenReused,
}

// endSessions ends every session of an account but one.
func endSessions(ctx context.Context, tx *authservice.Tx, accountID, but string, reason session.EndReason) error {
	open, err := tx.Session.Query().Where(session.AccountID(accountID), session.EndedAtIsNil(), session.IDNEQ(but)).
		Order(session.ByID()).All(ctx)
	if err != nil {
		return fmt.Errorf("find the sessions of account %s: %w", accountID, err)
	}
	for _, o := range open {
		if err := endSession(ctx, tx, o, reason); err != nil {
			return err
		}
	}
	return nil
}

// shorten returns as many whole characters of a text as fit into n bytes.
func shorten(text string, n int) string {
	text = strings.ToValidUTF8(text, "")
	for len(text) > n {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text
}
