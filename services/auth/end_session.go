package auth

import (
	"context"
	"fmt"

	"github.com/pulselearn/campus-hub/gen/ent/auth/session"
	authv1 "github.com/pulselearn/campus-hub/gen/proto/pl/auth/v1"
	authservice "github.com/pulselearn/campus-hub/gen/service/auth"
)

// EndSession ends one session of an account.
func (s *Service) EndSession(ctx context.Context, tx *authservice.Tx, req *authv1.EndSessionRequest) (*authv1.EndSessionResponse, error) {
	found, err := tx.Session.Query().Where(session.ID(req.GetSessionId()), session.AccountID(req.GetAccountId())).Only(ctx)
	if err != nil {
		return nil, fmt.Errorf("find session: %w", err)
	}
	if err := endSession(ctx, tx, found, session.EndReasonRevoked); err != nil {
		return nil, err
	}
	return &authv1.EndSessionResponse{}, nil
}
