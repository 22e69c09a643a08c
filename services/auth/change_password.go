package auth

import (
	"context"
	"errors"
	"fmt"

	"connectrpc.com/connect/v2"

	ent "github.com/pulselearn/campus-hub/gen/ent/auth"
	"github.com/pulselearn/campus-hub/gen/ent/auth/account"
	"github.com/pulselearn/campus-hub/gen/ent/auth/passwordreset"
	"github.com/pulselearn/campus-hub/gen/ent/auth/session"
	authv1 "github.com/pulselearn/campus-hub/gen/proto/pl/auth/v1"
	authservice "github.com/pulselearn/campus-hub/gen/service/auth"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/rpc"
	"github.com/pulselearn/campus-hub/services/auth/password"
)

// ChangePassword sets a new password, and ends the other sessions.
func (s *Service) ChangePassword(ctx context.Context, tx *authservice.Tx, req *authv1.ChangePasswordRequest) (*authv1.ChangePasswordResponse, error) {
	if err := s.checkPassword("new_password", req.GetNewPassword()); err != nil {
		return nil, err
	}
	holder, err := tx.Account.Get(ctx, req.GetAccountId())
	if err != nil {
		return nil, fmt.Errorf("find account: %w", err)
	}
	caller := identity.From(ctx)
	own := caller.Subject == holder.ID || !caller.Has(identity.Admin)
	if own && holder.DisabledAt != nil {
		return nil, connect.NewError(connect.CodePermissionDenied, textDisabled)
	}
	next, err := rpc.Outside(ctx, func(ctx context.Context) (n replacement, err error) {
		n.old = holder.PasswordHash
		if own {
			if err := s.knows(ctx, holder, req.GetOldPassword()); err != nil {
				return n, err
			}
		}
		n.new, err = s.hash(ctx, req.GetNewPassword())
		return n, err
	})
	switch {
	case err != nil:
		return nil, err
	case own && holder.PasswordHash != next.old:
		return nil, changedMeanwhile(errChanged)
	}
	if err := setPassword(ctx, tx, holder, next.new, caller.Session); err != nil {
		return nil, changedMeanwhile(err)
	}
	if !own {
		return &authv1.ChangePasswordResponse{}, nil
	}
	return &authv1.ChangePasswordResponse{}, succeeded(ctx, tx, holder.ID, identity.Address(ctx))
}

// A replacement is the hash of a new password, and that of the password until
// then, as it was known to the caller.
type replacement struct{ old, new string }

// knows fails unless the password that was typed is the account's. Tries count
// as those on the page do, together with them: whoever has somebody's access
// token cannot find the password out.
func (s *Service) knows(ctx context.Context, holder *ent.Account, typed string) error {
	err := s.attempt(ctx, nothing, accountLimit(holder.ID), addressLimit(identity.Address(ctx)))
	var no *refused
	switch {
	case errors.As(err, &no):
		return rpc.Later(no.wait, "old_password: "+no.text)
	case err != nil:
		return err
	}
	ok, _, err := s.passwords.Check(ctx, typed, holder.PasswordHash)
	switch {
	case err != nil:
		return unavailable(err)
	case !ok:
		return connect.NewError(connect.CodePermissionDenied, "old_password: is not the password of the account")
	}
	return nil
}

// nothing is what an attempt does that is only counted.
func nothing(context.Context, *authservice.Tx) error { return nil }

// errChanged means that the password was changed since it was looked at.
var errChanged = errors.New("the password of the account has changed meanwhile")

// changedMeanwhile is for callers. Sending the same again would be wrong.
func changedMeanwhile(err error) error {
	if errors.Is(err, errChanged) {
		return connect.NewError(connect.CodeFailedPrecondition, "the password of the account has changed meanwhile; ask again with the one that it has now")
	}
	return err
}

// setPassword stores the hash of an account's new password, and ends what the
// old one began: every session but one, and requests for a new password. It
// fails with [errChanged] when the account has another password than holder.
func setPassword(ctx context.Context, tx *authservice.Tx, holder *ent.Account, hash, but string) error {
	n, err := tx.Account.Update().Where(account.ID(holder.ID), account.PasswordHash(holder.PasswordHash)).
		SetPasswordHash(hash).SetPasswordChangedAt(tx.Now()).Save(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("store the new password: %w", err)
	case n == 0:
		return errChanged
	}
	_, err = tx.PasswordReset.Update().Where(passwordreset.AccountID(holder.ID), passwordreset.UsedAtIsNil()).SetUsedAt(tx.Now()).Save(ctx)
	if err != nil {
		return fmt.Errorf("end the requests for a new password: %w", err)
	}
	return endSessions(ctx, tx, holder.ID, but, session.EndReasonPasswordChanged)
}

func (s *Service) hash(ctx context.Context, typed string) (string, error) {
	hash, err := s.passwords.Hash(ctx, typed)
	return hash, unavailable(err)
}

// unavailable tells callers to come again when too many passwords are hashed.
func unavailable(err error) error {
	if errors.Is(err, password.ErrBusy) {
		return connect.NewError(connect.CodeUnavailable, err.Error())
	}
	return err
}
