package auth

import (
	"context"
	"fmt"

	"github.com/pulselearn/campus-hub/gen/ent/auth/session"
	authv1 "github.com/pulselearn/campus-hub/gen/proto/pl/auth/v1"
	authservice "github.com/pulselearn/campus-hub/gen/service/auth"
)

// DisableAccount keeps an account from logging in, and ends its sessions.
func (s *Service) DisableAccount(ctx context.Context, tx *authservice.Tx, req *authv1.DisableAccountRequest) (*authv1.DisableAccountResponse, error) {
	holder, err := tx.Account.Get(ctx, req.GetAccountId())
	if err != nil {
		return nil, fmt.Errorf("find account: %w", err)
	}
	if holder.DisabledAt == nil {
		holder, err = tx.Account.UpdateOne(holder).SetDisabledAt(tx.Now()).Save(ctx)
		if err != nil {
			return nil, fmt.Errorf("disable account: %w", err)
		}
	}
	if err := endSessions(ctx, tx, holder.ID, "", session.EndReasonAccountDisabled); err != nil {
		return nil, err
	}
	return &authv1.DisableAccountResponse{Account: view(holder)}, nil
}
