package notification_test

import (
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"

	achievementv1event "github.com/pulselearn/campus-hub/gen/event/achievement/v1"
	commonv1event "github.com/pulselearn/campus-hub/gen/event/common/v1"
	notificationv1event "github.com/pulselearn/campus-hub/gen/event/notification/v1"
	userprofilev1event "github.com/pulselearn/campus-hub/gen/event/userprofile/v1"
	notificationv1 "github.com/pulselearn/campus-hub/gen/proto/pl/notification/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/notification/v1/notificationv1connect"
	notificationservice "github.com/pulselearn/campus-hub/gen/service/notification"
	userprofileservice "github.com/pulselearn/campus-hub/gen/service/userprofile"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/platformtest"
	"github.com/pulselearn/campus-hub/platform/service"
	"github.com/pulselearn/campus-hub/services/notification"
	"github.com/pulselearn/campus-hub/services/notification/migrations"
	"github.com/pulselearn/campus-hub/services/userprofile"
	userprofilemigrations "github.com/pulselearn/campus-hub/services/userprofile/migrations"
)

func register(app *service.App) {
	notificationservice.Register(app, notification.New(), migrations.Files)
	userprofileservice.Register(app, userprofile.New(), userprofilemigrations.Files)
}

// Who calls.
var (
	asAda   = platformtest.Student("ada")
	asAdmin = platformtest.Admin("root")
)

func client(h *platformtest.Harness, as identity.Caller) notificationv1connect.NotificationServiceClient {
	return notificationv1connect.NewNotificationServiceClient(h.Client("notification", as))
}

func ace() *achievementv1event.BadgeAwarded {
	return &achievementv1event.BadgeAwarded{
		StudentID: "ada", BadgeID: event.NewID(), Kind: achievementv1event.BadgeKindAce, Title: "Ace", Points: 50,
		SourceID: event.NewID(), Course: &commonv1event.CourseRef{CourseID: "algebra", Title: "Algebra I"},
		Score: new(0.95), AwardedOn: time.Now().UTC(), OccurredAt: time.Now().UTC(),
	}
}

func TestTextsForBadges(t *testing.T) {
	byTeacher := ace()
	byTeacher.Title, byTeacher.Points, byTeacher.Course, byTeacher.Score = "Helping hand", 0, nil, nil
	byTeacher.AwardedBy, byTeacher.Reason = &commonv1event.UserRef{UserID: "grace"}, new("thank you")
	for _, test := range []struct {
		name  string
		event *achievementv1event.BadgeAwarded
		want  string
	}{
		{"earned", ace(), `You earned the badge "Ace" in Algebra I with a score of 95%. It is worth 50 points.`},
		{"given", byTeacher, `You were given the badge "Helping hand". Your teacher wrote: "thank you"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			platformtest.Run(t, register, func(h *platformtest.Harness) {
				h.Given(test.event)
				e := platformtest.One[*notificationv1event.NotificationCreated](h)
				if e.Body != test.want || e.Title != "New badge: "+test.event.Title {
					h.T.Errorf("title %q, body %q, want %q", e.Title, e.Body, test.want)
				}
				about, ok := e.About.AsAboutBadge()
				if !ok || about.BadgeID != test.event.BadgeID || e.Category != notificationv1event.NotificationCategoryAchievement {
					h.T.Errorf("about %v", e.About)
				}
			})
		})
	}
}

func TestWelcome(t *testing.T) {
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		now := time.Now().UTC()
		h.Given(&userprofilev1event.UserRegistered{
			UserID: event.NewID(), DisplayName: "Grace", Email: "grace@example.org", Role: userprofilev1event.UserRoleTeacher,
			Locale: "en", TimeZone: "UTC", TermsAcceptedOn: now, OccurredAt: now,
		})
		e := platformtest.One[*notificationv1event.NotificationCreated](h)
		if !strings.HasPrefix(e.Body, "Hello Grace! Draft your first course") || e.Priority != notificationv1event.NotificationPriorityLow {
			h.T.Errorf("body %q, priority %s", e.Body, e.Priority)
		}
	})
}

func TestMarkRead(t *testing.T) {
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		ctx := h.T.Context()
		h.Given(ace(), ace())
		list := func(unreadOnly bool) *notificationv1.ListNotificationsResponse {
			res, err := client(h, asAdmin).ListNotifications(ctx, &notificationv1.ListNotificationsRequest{StudentId: "ada", UnreadOnly: unreadOnly})
			if err != nil {
				h.T.Fatal(err)
			}
			return res
		}
		all := list(false)
		if len(all.GetNotifications()) != 2 || all.GetUnreadCount() != 2 {
			h.T.Fatalf("notifications %v", all)
		}
		req := &notificationv1.MarkReadRequest{NotificationId: all.GetNotifications()[0].GetId()}
		first, err := client(h, asAda).MarkRead(ctx, req)
		if err != nil {
			h.T.Fatal(err)
		}
		h.Advance(time.Hour)
		again, err := client(h, asAda).MarkRead(ctx, req)
		if err != nil {
			h.T.Fatal(err)
		}
		if !first.GetNotification().GetRead() || !first.GetNotification().GetReadAt().AsTime().Equal(again.GetNotification().GetReadAt().AsTime()) {
			h.T.Errorf("read first %v, then %v", first, again)
		}
		unread := list(true)
		if len(unread.GetNotifications()) != 1 || unread.GetUnreadCount() != 1 || unread.GetNotifications()[0].GetId() == req.GetNotificationId() {
			h.T.Errorf("unread %v", unread)
		}
		_, err = client(h, asAda).MarkRead(ctx, &notificationv1.MarkReadRequest{NotificationId: "nothing"})
		if connect.CodeOf(err) != connect.CodeNotFound {
			h.T.Errorf("an unknown notification: %v", err)
		}
	})
}
