package auth

import (
	"context"

	"connectrpc.com/connect/v2"

	"github.com/pulselearn/campus-hub/gen/ent/auth/account"
	authv1 "github.com/pulselearn/campus-hub/gen/proto/pl/auth/v1"
	authservice "github.com/pulselearn/campus-hub/gen/service/auth"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

// CreateAccount creates an account.
func (s *Service) CreateAccount(ctx context.Context, tx *authservice.Tx, req *authv1.CreateAccountRequest) (*authv1.CreateAccountResponse, error) {
	role := authservice.AccountRole(req.GetRole())
	if role == account.RoleUnspecified {
		role = account.RoleStudent
	}
	if role != account.RoleStudent && !identity.From(ctx).Has(identity.Admin) {
		return nil, connect.NewError(connect.CodePermissionDenied, "role: only administrators create accounts of teachers and administrators")
	}
	email, err := parseEmail(req.GetEmail())
	if err != nil {
		return nil, err
	}
	username, err := parseUsername(req.GetUsername())
	if err != nil {
		return nil, err
	}
	if err := s.checkPassword("password", req.GetPassword()); err != nil {
		return nil, err
	}
	hash, err := rpc.Outside(ctx, func(ctx context.Context) (string, error) { return s.hash(ctx, req.GetPassword()) })
	if err != nil {
		return nil, err
	}
	created, err := createAccount(ctx, tx, newAccount{
		id: tx.NewID(), email: email, username: username, displayName: req.GetDisplayName(), role: role, hash: hash,
	})
	if err != nil {
		return nil, err
	}
	return &authv1.CreateAccountResponse{Account: view(created)}, nil
}
