package auth

import (
	"context"
	"errors"
	"fmt"

	"connectrpc.com/connect/v2"

	ent "github.com/pulselearn/campus-hub/gen/ent/auth"
	"github.com/pulselearn/campus-hub/gen/ent/auth/passwordreset"
	"github.com/pulselearn/campus-hub/gen/ent/auth/session"
	authv1 "github.com/pulselearn/campus-hub/gen/proto/pl/auth/v1"
	authservice "github.com/pulselearn/campus-hub/gen/service/auth"
	"github.com/pulselearn/campus-hub/platform/identity"
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
	if caller.Subject == holder.ID || !caller.Has(identity.Admin) {
		ok, _, err := s.passwords.Check(ctx, req.GetOldPassword(), holder.PasswordHash)
		if err != nil {
			return nil, unavailable(err)
		}
		if !ok {
			return nil, connect.NewError(connect.CodePermissionDenied, "old_password: is not the password of the account")
		}
	}
	hash, err := s.hash(ctx, req.GetNewPassword())
	if err != nil {
		return nil, err
	}
	if err := setPassword(ctx, tx, holder, hash, caller.Session); err != nil {
		return nil, err
	}
	return &authv1.ChangePasswordResponse{}, nil
}

// setPassword stores the hash of an account's new password, and ends what the
// old one began: every session but one, and requests for a new password.
func setPassword(ctx context.Context, tx *authservice.Tx, holder *ent.Account, hash, but string) error {
	if err := tx.Account.UpdateOne(holder).SetPasswordHash(hash).SetPasswordChangedAt(tx.Now()).Exec(ctx); err != nil {
		return fmt.Errorf("store the new password: %w", err)
	}
	_, err := tx.PasswordReset.Update().Where(passwordreset.AccountID(holder.ID), passwordreset.UsedAtIsNil()).SetUsedAt(tx.Now()).Save(ctx)
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
