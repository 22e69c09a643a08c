package achievement

import (
	"context"
	"fmt"

	"entgo.io/ent/dialect/sql"

	ent "github.com/pulselearn/campus-hub/gen/ent/achievement"
	"github.com/pulselearn/campus-hub/gen/ent/achievement/badge"
	achievementv1 "github.com/pulselearn/campus-hub/gen/proto/pl/achievement/v1"
	achievementservice "github.com/pulselearn/campus-hub/gen/service/achievement"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

// ListBadges returns a student's badges, newest first.
func (s *Service) ListBadges(ctx context.Context, r *achievementservice.Reader, req *achievementv1.ListBadgesRequest) (*achievementv1.ListBadgesResponse, error) {
	before, err := rpc.ParsePageToken(req.GetPageToken(), 1)
	if err != nil {
		return nil, err
	}
	size := rpc.PageSize(req.GetPageSize())
	query := r.Badge.Query().Where(badge.StudentID(req.GetStudentId())).Order(badge.ByID(sql.OrderDesc())).Limit(size + 1)
	if len(before) > 0 {
		query.Where(badge.IDLT(before[0]))
	}
	badges, err := query.All(ctx)
	if err != nil {
		return nil, fmt.Errorf("list badges: %w", err)
	}
	badges, next := rpc.Page(badges, size, func(b *ent.Badge) []string { return []string{b.ID} })
	return &achievementv1.ListBadgesResponse{Badges: achievementservice.BadgeProtos(badges), NextPageToken: next}, nil
}
