package achievement

import (
	"context"
	"fmt"

	"entgo.io/ent/dialect/sql"

	ent "github.com/pulselearn/campus-hub/gen/ent/achievement"
	"github.com/pulselearn/campus-hub/gen/ent/achievement/progress"
	achievementv1 "github.com/pulselearn/campus-hub/gen/proto/pl/achievement/v1"
	userprofilev1 "github.com/pulselearn/campus-hub/gen/proto/pl/userprofile/v1"
	achievementservice "github.com/pulselearn/campus-hub/gen/service/achievement"
)

const defaultLimit = 10

// GetLeaderboard returns the students with the most points.
func (s *Service) GetLeaderboard(ctx context.Context, r *achievementservice.Reader, req *achievementv1.GetLeaderboardRequest) (*achievementv1.GetLeaderboardResponse, error) {
	limit := int(req.GetLimit())
	if limit == 0 {
		limit = defaultLimit
	}
	query := r.Progress.Query()
	if req.GetCourseId() != "" {
		query.Where(progress.CourseID(req.GetCourseId()))
	}
	entries, err := best(ctx, query, limit)
	if err != nil {
		return nil, err
	}
	if err := addNames(ctx, r, entries); err != nil {
		return nil, err
	}
	return &achievementv1.GetLeaderboardResponse{Entries: entries}, nil
}

// best sums up the progress of each student and ranks them. Students with the
// same points share a rank and are in the order of their ids.
func best(ctx context.Context, query *ent.ProgressQuery, limit int) ([]*achievementv1.LeaderboardEntry, error) {
	var sums []struct {
		StudentID string `json:"student_id"`
		Points    int64  `json:"points"`
		Badges    int32  `json:"badges"`
		Quizzes   int64  `json:"quizzes"`
	}
	err := query.
		Order(func(s *sql.Selector) {
			s.OrderExpr(sql.Raw(sql.Sum(s.C(progress.FieldPoints))+" DESC"), sql.Raw(s.C(progress.FieldStudentID)))
		}).
		Limit(limit).
		GroupBy(progress.FieldStudentID).
		Aggregate(
			ent.As(ent.Sum(progress.FieldPoints), "points"),
			ent.As(ent.Sum(progress.FieldBadges), "badges"),
			ent.As(ent.Sum(progress.FieldQuizzesCompleted), "quizzes"),
		).
		Scan(ctx, &sums)
	if err != nil {
		return nil, fmt.Errorf("sum up progress: %w", err)
	}
	entries := make([]*achievementv1.LeaderboardEntry, len(sums))
	for i, sum := range sums {
		entries[i] = &achievementv1.LeaderboardEntry{
			Rank: int32(i) + 1, StudentId: sum.StudentID, Points: sum.Points, Badges: sum.Badges, QuizzesCompleted: sum.Quizzes,
		}
		if i > 0 && sum.Points == sums[i-1].Points {
			entries[i].Rank = entries[i-1].Rank
		}
	}
	return entries, nil
}

// addNames asks userprofile for the students' names.
func addNames(ctx context.Context, r *achievementservice.Reader, entries []*achievementv1.LeaderboardEntry) error {
	if len(entries) == 0 {
		return nil
	}
	req := &userprofilev1.BatchGetUsersRequest{}
	for _, e := range entries {
		req.UserIds = append(req.UserIds, e.GetStudentId())
	}
	res, err := r.Clients.UserProfile.BatchGetUsers(ctx, req)
	if err != nil {
		return fmt.Errorf("ask for the students' names: %w", err)
	}
	names := map[string]string{}
	for _, u := range res.GetUsers() {
		names[u.GetId()] = u.GetDisplayName()
	}
	for _, e := range entries {
		e.DisplayName = names[e.GetStudentId()]
	}
	return nil
}
