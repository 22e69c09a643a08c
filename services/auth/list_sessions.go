package auth

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/types/known/timestamppb"

	ent "github.com/pulselearn/campus-hub/gen/ent/auth"
	"github.com/pulselearn/campus-hub/gen/ent/auth/session"
	authv1 "github.com/pulselearn/campus-hub/gen/proto/pl/auth/v1"
	authservice "github.com/pulselearn/campus-hub/gen/service/auth"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

// ListSessions returns the sessions of an account that have not ended, the
// newest first, which is the order of their ids backwards.
func (s *Service) ListSessions(ctx context.Context, r *authservice.Reader, req *authv1.ListSessionsRequest) (*authv1.ListSessionsResponse, error) {
	before, err := rpc.ParsePageToken(req.GetPageToken(), 1)
	if err != nil {
		return nil, err
	}
	size := rpc.PageSize(req.GetPageSize())
	query := r.Session.Query().Where(session.AccountID(req.GetAccountId()), session.EndedAtIsNil(), session.EndsAtGT(r.Now())).
		Order(ent.Desc(session.FieldID)).Limit(size + 1)
	if len(before) > 0 {
		query.Where(session.IDLT(before[0]))
	}
	found, err := query.All(ctx)
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	found, next := rpc.Page(found, size, func(s *ent.Session) []string { return []string{s.ID} })
	res := &authv1.ListSessionsResponse{NextPageToken: next, Sessions: make([]*authv1.SessionView, len(found))}
	for i, f := range found {
		res.Sessions[i] = &authv1.SessionView{
			Id: f.ID, UserAgent: f.UserAgent, CreatedAt: timestamppb.New(f.CreatedAt), UsedAt: timestamppb.New(f.UsedAt),
			EndsAt: timestamppb.New(f.EndsAt), Current: f.ID == identity.From(ctx).Session,
		}
	}
	return res, nil
}
