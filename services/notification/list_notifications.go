package notification

import (
	"context"
	"fmt"

	"entgo.io/ent/dialect/sql"

	ent "github.com/pulselearn/campus-hub/gen/ent/notification"
	entnotification "github.com/pulselearn/campus-hub/gen/ent/notification/notification"
	notificationv1 "github.com/pulselearn/campus-hub/gen/proto/pl/notification/v1"
	notificationservice "github.com/pulselearn/campus-hub/gen/service/notification"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

// ListNotifications returns a student's notifications, newest first.
func (s *Service) ListNotifications(ctx context.Context, r *notificationservice.Reader, req *notificationv1.ListNotificationsRequest) (*notificationv1.ListNotificationsResponse, error) {
	before, err := rpc.ParsePageToken(req.GetPageToken(), 1)
	if err != nil {
		return nil, err
	}
	ofStudent := entnotification.StudentID(req.GetStudentId())
	unread, err := r.Notification.Query().Where(ofStudent, entnotification.Read(false)).Count(ctx)
	if err != nil {
		return nil, fmt.Errorf("count unread notifications: %w", err)
	}
	size := rpc.PageSize(req.GetPageSize())
	query := r.Notification.Query().Where(ofStudent).Order(entnotification.ByID(sql.OrderDesc())).Limit(size + 1)
	if len(before) > 0 {
		query.Where(entnotification.IDLT(before[0]))
	}
	if req.GetUnreadOnly() {
		query.Where(entnotification.Read(false))
	}
	list, err := query.All(ctx)
	if err != nil {
		return nil, fmt.Errorf("list notifications: %w", err)
	}
	list, next := rpc.Page(list, size, func(n *ent.Notification) []string { return []string{n.ID} })
	return &notificationv1.ListNotificationsResponse{
		Notifications: notificationservice.NotificationProtos(list), NextPageToken: next, UnreadCount: int32(unread),
	}, nil
}
