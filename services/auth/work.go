package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	ent "github.com/pulselearn/campus-hub/gen/ent/auth"
	"github.com/pulselearn/campus-hub/gen/ent/auth/grant"
	"github.com/pulselearn/campus-hub/gen/ent/auth/loginthrottle"
	"github.com/pulselearn/campus-hub/gen/ent/auth/passwordreset"
	"github.com/pulselearn/campus-hub/gen/ent/auth/refreshtoken"
	"github.com/pulselearn/campus-hub/gen/ent/auth/session"
	authservice "github.com/pulselearn/campus-hub/gen/service/auth"
	"github.com/pulselearn/campus-hub/services/auth/seal"
)

const (
	// workEvery is how often is looked at what ends by the clock, so that the
	// end of a session is published so much later at most.
	workEvery = 30 * time.Second
	// endAtOnce is how many sessions one transaction ends.
	endAtOnce = 100
	// kept is for how long people can look up what has ended.
	kept = 30 * 24 * time.Hour
)

// Work ends the sessions whose time has come, changes signing keys, and clears
// away what is over. Every process does; the database settles who was first. It
// fails in a process that cannot sign, because it has another key than those
// that it shares the database with.
func (s *Service) Work(ctx context.Context, run *authservice.Runner) error {
	tick := time.NewTicker(workEvery)
	defer tick.Stop()
	for {
		for _, part := range []func(context.Context, *authservice.Runner) error{s.rotateKeys, s.expire, s.clear} {
			if err := part(ctx, run); err != nil && ctx.Err() == nil {
				slog.WarnContext(ctx, "the upkeep of sessions and keys failed; it is tried again", "in", workEvery, "error", err)
			}
		}
		if err := s.checkKeys(ctx, run); errors.Is(err, seal.ErrOpen) {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// expire ends the sessions that nobody used for too long, or that are too old.
func (s *Service) expire(ctx context.Context, run *authservice.Runner) error {
	for {
		var due []*ent.Session
		err := run.Read(ctx, func(ctx context.Context, r *authservice.Reader) (err error) {
			due, err = r.Session.Query().Where(session.EndedAtIsNil(), session.EndsAtLTE(r.Now())).
				Order(session.ByEndsAt()).Limit(endAtOnce).All(ctx)
			return err
		})
		if err != nil {
			return fmt.Errorf("find the sessions that are over: %w", err)
		}
		if len(due) == 0 {
			return nil
		}
		err = run.InTx(ctx, func(ctx context.Context, tx *authservice.Tx) error {
			for _, d := range due {
				if err := endSession(ctx, tx, d, expiry(d), session.EndsAtLTE(tx.Now())); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}

// expiry says why a session is over.
func expiry(d *ent.Session) session.EndReason {
	if d.EndsAt.Before(d.ExpiresAt) {
		return session.EndReasonIdle
	}
	return session.EndReasonLifetime
}

// clear deletes what is of no use to anybody any more.
func (s *Service) clear(ctx context.Context, run *authservice.Runner) error {
	err := run.InTx(ctx, func(ctx context.Context, tx *authservice.Tx) error {
		over := tx.Now().Add(-s.settings.SessionLifetime - accessLifetime) // whatever session it was of
		if _, err := tx.RefreshToken.Delete().Where(refreshtoken.CreatedAtLT(over)).Exec(ctx); err != nil {
			return err
		}
		if _, err := tx.Grant.Delete().Where(grant.CreatedAtLT(over)).Exec(ctx); err != nil {
			return err
		}
		if _, err := tx.Session.Delete().Where(session.EndedAtLT(tx.Now().Add(-kept))).Exec(ctx); err != nil {
			return err
		}
		if _, err := tx.PasswordReset.Delete().Where(passwordreset.ExpiresAtLT(tx.Now())).Exec(ctx); err != nil {
			return err
		}
		_, err := tx.LoginThrottle.Delete().Where(loginthrottle.ResetsAtLT(tx.Now())).Exec(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("clear away what is over: %w", err)
	}
	return nil
}
