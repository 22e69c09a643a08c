package notification_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	achievementv1event "github.com/pulselearn/campus-hub/gen/event/achievement/v1"
	notificationv1event "github.com/pulselearn/campus-hub/gen/event/notification/v1"
	notificationv1 "github.com/pulselearn/campus-hub/gen/proto/pl/notification/v1"
	userprofilev1 "github.com/pulselearn/campus-hub/gen/proto/pl/userprofile/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/userprofile/v1/userprofilev1connect"
	notificationservice "github.com/pulselearn/campus-hub/gen/service/notification"
	userprofileservice "github.com/pulselearn/campus-hub/gen/service/userprofile"
	"github.com/pulselearn/campus-hub/platform/mail/mailtest"
	"github.com/pulselearn/campus-hub/platform/platformtest"
	"github.com/pulselearn/campus-hub/platform/service"
	"github.com/pulselearn/campus-hub/services/notification"
	"github.com/pulselearn/campus-hub/services/notification/migrations"
	"github.com/pulselearn/campus-hub/services/userprofile"
	userprofilemigrations "github.com/pulselearn/campus-hub/services/userprofile/migrations"
)

// mailing is the service with a mail server of the test's.
type mailing struct {
	*notification.Service
	addr string
}

func (m mailing) Configure(cfg *service.Config) error {
	own := *cfg
	own.SMTPAddr, own.MailFrom = m.addr, "PulseLearn <no-reply@campus.example>"
	return m.Service.Configure(&own)
}

// withMail runs a test against a mail server, which lives outside of the
// test's virtual time.
func withMail(t *testing.T, test func(h *platformtest.Harness, server *mailtest.Server)) {
	t.Helper()
	server := mailtest.Start(t, nil)
	platformtest.Run(t, func(app *service.App) {
		notificationservice.Register(app, mailing{notification.New(), server.Addr}, migrations.Files)
		userprofileservice.Register(app, userprofile.New(), userprofilemigrations.Files)
	}, func(h *platformtest.Harness) { test(h, server) })
}

// student registers a person and returns the id.
func student(h *platformtest.Harness, name string, mail bool) string {
	h.T.Helper()
	users := userprofilev1connect.NewUserProfileServiceClient(h.Client("userprofile", asAdmin))
	res, err := users.RegisterUser(h.T.Context(), &userprofilev1.RegisterUserRequest{
		DisplayName: name, Email: strings.ToLower(name) + "@example.org", Role: userprofilev1.UserRole_USER_ROLE_STUDENT,
		Preferences: &userprofilev1.ContactPreferences{EmailEnabled: mail},
	})
	if err != nil {
		h.T.Fatal(err)
	}
	h.Quiet()
	return res.GetUser().GetId()
}

func aceOf(studentID string) *achievementv1event.BadgeAwarded {
	e := ace()
	e.StudentID = studentID
	return e
}

// sent returns when the student's newest notification went out as e-mail, or
// false.
func sent(h *platformtest.Harness, studentID string) (time.Time, bool) {
	h.T.Helper()
	list, err := client(h, asAdmin).ListNotifications(h.T.Context(), &notificationv1.ListNotificationsRequest{StudentId: studentID})
	if err != nil || len(list.GetNotifications()) == 0 {
		h.T.Fatalf("notifications %v, %v", list, err)
	}
	n := list.GetNotifications()[0]
	return n.GetEmailedAt().AsTime(), n.GetEmailedAt() != nil
}

func TestMailToWhoWantsIt(t *testing.T) {
	withMail(t, func(h *platformtest.Harness, server *mailtest.Server) {
		ada, bob := student(h, "Ada", true), student(h, "Bob", false)
		h.Given(aceOf(ada), aceOf(bob), aceOf("nobody that userprofile knows"))
		got := server.Received()
		if len(got) != 1 || got[0].To != "ada@example.org" || got[0].Header("Subject") != "New badge: Ace" ||
			!strings.Contains(got[0].Text, "You earned the badge") {
			h.T.Fatalf("received %+v, want one message, for Ada", got)
		}
		if at, ok := sent(h, ada); !ok || time.Since(at) > time.Minute {
			h.T.Errorf("Ada's was sent at %v, %v", at, ok)
		}
		if _, ok := sent(h, bob); ok {
			h.T.Error("Bob's was sent")
		}
	})
}

// The server takes the message and the connection breaks before it says so:
// whether it was taken is not known, so it is sent again, as the same message.
func TestMailIsSentAgainUnderItsId(t *testing.T) {
	withMail(t, func(h *platformtest.Harness, server *mailtest.Server) {
		ada := student(h, "Ada", true)
		server.Answer(".", "hang up after")
		h.Publish(aceOf(ada))
		h.Advance(4 * time.Second)
		if _, ok := sent(h, ada); ok || len(server.Received()) == 0 {
			h.T.Errorf("sent: %v with %d messages at the server", ok, len(server.Received()))
		}
		server.Answer(".", "")
		h.Advance(2 * time.Minute)
		if _, ok := sent(h, ada); !ok {
			h.T.Error("not marked as sent")
		}
		got := server.Received()
		if len(got) < 2 {
			h.T.Fatalf("%d messages, want the second of one that the server had", len(got))
		}
		for _, m := range got {
			if m.Header("Message-ID") != got[0].Header("Message-ID") {
				h.T.Errorf("ids %q and %q of one mail", got[0].Header("Message-ID"), m.Header("Message-ID"))
			}
		}
		before := len(got)
		h.Given(aceOf(ada))
		got = server.Received()
		if len(got) != before+1 || got[before].Header("Message-ID") == got[0].Header("Message-ID") {
			h.T.Errorf("another notification is no message of its own: %d after %d", len(got), before)
		}
	})
}

func TestMailIsSentAfterARestart(t *testing.T) {
	withMail(t, func(h *platformtest.Harness, server *mailtest.Server) {
		ada := student(h, "Ada", true)
		server.Answer(".", "hang up after")
		h.Publish(aceOf(ada))
		h.Advance(2 * time.Second)
		server.Answer(".", "")
		h.Restart()
		h.Advance(2 * time.Minute)
		got := server.Received()
		if _, ok := sent(h, ada); !ok || len(got) != 2 || got[0].Header("Message-ID") != got[1].Header("Message-ID") {
			h.T.Errorf("marked as sent: %v; received %d messages, want one of them twice", ok, len(got))
		}
	})
}

func TestMailToADirectoryWithoutAServer(t *testing.T) {
	var dir string
	platformtest.Run(t, func(app *service.App) {
		notificationservice.Register(app, spied{notification.New(), &dir}, migrations.Files)
		userprofileservice.Register(app, userprofile.New(), userprofilemigrations.Files)
	}, func(h *platformtest.Harness) {
		h.Given(aceOf(student(h, "Ada", true)))
		files, err := os.ReadDir(filepath.Join(dir, "mail"))
		if err != nil || len(files) != 1 {
			h.T.Errorf("files %v, %v; want one message", files, err)
		}
		if n := len(platformtest.Published[*notificationv1event.NotificationCreated](h)); n != 2 {
			h.T.Errorf("%d notifications, want the welcome, which is no mail, and the badge", n)
		}
	})
}

// spied tells the test where the data is.
type spied struct {
	*notification.Service
	dir *string
}

func (s spied) Configure(cfg *service.Config) error {
	*s.dir = cfg.DataDir
	return s.Service.Configure(cfg)
}
