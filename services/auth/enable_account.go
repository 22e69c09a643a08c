package auth

import (
	"context"
	"fmt"

	authv1 "github.com/pulselearn/campus-hub/gen/proto/pl/auth/v1"
	authservice "github.com/pulselearn/campus-hub/gen/service/auth"
)

// EnableAccount lets a disabled account log in again.
func (s *Service) EnableAccount(ctx context.Context, tx *authservice.Tx, req *authv1.EnableAccountRequest) (*authv1.EnableAccountResponse, error) {
	holder, err := tx.Account.UpdateOneID(req.GetAccountId()).ClearDisabledAt().Save(ctx)
	if err != nil {
		return nil, fmt.Errorf("enable account: %w", err)
	}
	return &authv1.EnableAccountResponse{Account: view(holder)}, nil
}
