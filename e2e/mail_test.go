package e2e

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	achievementv1 "github.com/pulselearn/campus-hub/gen/proto/pl/achievement/v1"
	notificationv1 "github.com/pulselearn/campus-hub/gen/proto/pl/notification/v1"
	userprofilev1 "github.com/pulselearn/campus-hub/gen/proto/pl/userprofile/v1"
	"github.com/pulselearn/campus-hub/platform/mail/mailtest"
)

// TestMailAcrossAKill kills the hub with kill -9 after the mail server has
// taken a message and before the hub knows: the next run sends it again as the
// same message, and then no more.
func TestMailAcrossAKill(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, nil)
	server.Answer(".", "hang up after")
	hub := newStand(t).hub(t)
	hub.set("PL_SMTP_ADDR="+server.Addr, "PL_MAIL_FROM=PulseLearn <no-reply@campus.example>")
	hub.startReady()
	c := newCampus(t, func(string) string { return hub.url() })
	res, err := c.users.RegisterUser(t.Context(), &userprofilev1.RegisterUserRequest{
		DisplayName: "Ada", Email: "ada@example.org", Role: userprofilev1.UserRole_USER_ROLE_STUDENT,
		Preferences: &userprofilev1.ContactPreferences{EmailEnabled: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	ada := res.GetUser().GetId()
	_, err = c.achievements.AwardBadge(t.Context(), &achievementv1.AwardBadgeRequest{
		StudentId: ada, Kind: achievementv1.BadgeKind_BADGE_KIND_HELPING_HAND, SourceId: "homework", Reason: "helped", AwardedBy: teacher.Subject,
	})
	if err != nil {
		t.Fatal(err)
	}
	await(t, 20*time.Second, func() error { return taken(server, 1) })
	hub.kill()
	hub.startReady()
	if mailed(t, c, ada) {
		t.Error("a message of unknown fate is marked as sent")
	}
	server.Answer(".", "")
	await(t, 90*time.Second, func() error {
		if !mailed(t, c, ada) {
			return errors.New("not marked as sent")
		}
		return nil
	})
	got := server.Received()
	if err := taken(server, 2); err != nil {
		t.Error(err)
	}
	for _, m := range got {
		if m.To != "ada@example.org" || m.Header("Message-ID") != got[0].Header("Message-ID") {
			t.Errorf("message %s to %s, want %s again", m.Header("Message-ID"), m.To, got[0].Header("Message-ID"))
		}
	}
	hub.kill()
	hub.startReady()
	if again := server.Received(); len(again) != len(got) {
		t.Errorf("%d messages after another start, want the %d of before", len(again), len(got))
	}
}

func taken(server *mailtest.Server, least int) error {
	if n := len(server.Received()); n < least {
		return fmt.Errorf("the server has taken %d messages, want %d", n, least)
	}
	return nil
}

// mailed tells whether one of the student's notifications was sent by mail: the
// one about the badge. The welcome, which may be older or newer, is not.
func mailed(t *testing.T, c *campus, student string) bool {
	t.Helper()
	list, err := c.notifications.ListNotifications(t.Context(), &notificationv1.ListNotificationsRequest{StudentId: student})
	if err == nil && len(list.GetNotifications()) == 0 {
		err = errors.New("the list is empty")
	}
	if err != nil {
		t.Fatalf("notifications of %s: %v", student, err)
	}
	return slices.ContainsFunc(list.GetNotifications(), func(n *notificationv1.Notification) bool { return n.GetEmailedAt() != nil })
}
