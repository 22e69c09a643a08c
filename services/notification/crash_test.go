package notification_test

import (
	"testing"

	notificationv1 "github.com/pulselearn/campus-hub/gen/proto/pl/notification/v1"
	"github.com/pulselearn/campus-hub/platform/platformtest"
)

// Wherever the process dies, ada is congratulated twice, no more and no less,
// and what she has read stays read.
func TestCrashes(t *testing.T) {
	platformtest.CrashEverywhere(t, register, func(h *platformtest.Harness) {
		h.Given(ace(), ace())
		list, err := client(h, asAdmin).ListNotifications(h.T.Context(), &notificationv1.ListNotificationsRequest{StudentId: "ada"})
		if err != nil || len(list.GetNotifications()) != 2 {
			h.T.Fatalf("listed %v, %v", list, err)
		}
		read := &notificationv1.MarkReadRequest{NotificationId: list.GetNotifications()[0].GetId()}
		if _, err := client(h, asAda).MarkRead(h.T.Context(), read); err != nil {
			h.T.Fatal(err)
		}
	}, func(h *platformtest.Harness) {
		list, err := client(h, asAdmin).ListNotifications(h.T.Context(), &notificationv1.ListNotificationsRequest{StudentId: "ada"})
		if err != nil || list.GetUnreadCount() != 1 {
			h.T.Errorf("%d notifications are unread, want 1; %v", list.GetUnreadCount(), err)
		}
	})
}
