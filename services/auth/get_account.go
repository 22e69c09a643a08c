package auth

import (
	"context"
	"fmt"

	authv1 "github.com/pulselearn/campus-hub/gen/proto/pl/auth/v1"
	authservice "github.com/pulselearn/campus-hub/gen/service/auth"
)

// GetAccount returns one account.
func (s *Service) GetAccount(ctx context.Context, r *authservice.Reader, req *authv1.GetAccountRequest) (*authv1.GetAccountResponse, error) {
	holder, err := r.Account.Get(ctx, req.GetAccountId())
	if err != nil {
		return nil, fmt.Errorf("find account: %w", err)
	}
	return &authv1.GetAccountResponse{Account: view(holder)}, nil
}
