package notification

import (
	"context"
	"fmt"

	ent "github.com/pulselearn/campus-hub/gen/ent/notification"
	notificationv1 "github.com/pulselearn/campus-hub/gen/proto/pl/notification/v1"
	notificationservice "github.com/pulselearn/campus-hub/gen/service/notification"
	"github.com/pulselearn/campus-hub/platform/identity"
)

// MarkRead records when the student first saw a notification.
func (s *Service) MarkRead(ctx context.Context, tx *notificationservice.Tx, req *notificationv1.MarkReadRequest) (*notificationv1.MarkReadResponse, error) {
	n, err := tx.Notification.Get(ctx, req.GetNotificationId())
	if err != nil {
		return nil, fmt.Errorf("find notification: %w", err)
	}
	if !identity.From(ctx).ActsFor(n.StudentID) {
		return nil, fmt.Errorf("find notification: %w", &ent.NotFoundError{}) // nobody learns whether it exists
	}
	if !n.Read {
		if n, err = n.Update().SetRead(true).SetReadAt(tx.Now()).Save(ctx); err != nil {
			return nil, fmt.Errorf("mark notification %s as read: %w", req.GetNotificationId(), err)
		}
	}
	return &notificationv1.MarkReadResponse{Notification: notificationservice.NotificationProto(n)}, nil
}
