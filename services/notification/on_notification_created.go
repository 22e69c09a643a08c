package notification

import (
	"context"
	"errors"
	"fmt"

	"connectrpc.com/connect/v2"

	notificationv1event "github.com/pulselearn/campus-hub/gen/event/notification/v1"
	userprofilev1 "github.com/pulselearn/campus-hub/gen/proto/pl/userprofile/v1"
	notificationservice "github.com/pulselearn/campus-hub/gen/service/notification"
	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/mail"
)

// OnNotificationCreated sends the notification as e-mail to a student who wants
// that. One that nobody needs to be disturbed for stays in the list.
func (s *Service) OnNotificationCreated(ctx context.Context, call *notificationservice.Call, e *notificationv1event.NotificationCreated) error {
	expired := e.ExpiresAt != nil && e.ExpiresAt.Before(call.Now())
	if expired || e.Priority == notificationv1event.NotificationPriorityLow {
		return nil
	}
	res, err := call.Clients.UserProfile.GetUser(ctx, &userprofilev1.GetUserRequest{UserId: e.StudentID})
	if connect.CodeOf(err) == connect.CodeNotFound {
		return nil // nobody to write to
	}
	if err != nil {
		return fmt.Errorf("ask for the address of %s: %w", e.StudentID, err)
	}
	if !res.GetUser().GetEmailEnabled() {
		return nil
	}
	if err := s.mail.Send(ctx, letter(call, res.GetUser(), e)); err != nil {
		err = fmt.Errorf("send notification %s as e-mail: %w", e.NotificationID, err)
		if errors.Is(err, mail.ErrRefused) {
			return bus.Reject(err)
		}
		return err
	}
	call.Then(func(ctx context.Context, tx *notificationservice.Tx) error {
		if err := tx.Notification.UpdateOneID(e.NotificationID).SetEmailedAt(tx.Now()).Exec(ctx); err != nil {
			return fmt.Errorf("mark notification %s as sent: %w", e.NotificationID, err)
		}
		return nil
	})
	return nil
}

func letter(call *notificationservice.Call, to *userprofilev1.User, e *notificationv1event.NotificationCreated) *mail.Message {
	return &mail.Message{
		Key: call.Key(), Name: to.GetDisplayName(), Address: to.GetEmail(),
		Subject: e.Title, Text: e.Body, Date: call.Now(),
	}
}
