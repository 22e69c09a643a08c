package userprofile_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"connectrpc.com/connect/v2"

	commonv1event "github.com/pulselearn/campus-hub/gen/event/common/v1"
	userprofilev1event "github.com/pulselearn/campus-hub/gen/event/userprofile/v1"
	userprofilev1 "github.com/pulselearn/campus-hub/gen/proto/pl/userprofile/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/userprofile/v1/userprofilev1connect"
	userprofileservice "github.com/pulselearn/campus-hub/gen/service/userprofile"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/platformtest"
	"github.com/pulselearn/campus-hub/platform/service"
	"github.com/pulselearn/campus-hub/services/userprofile"
	"github.com/pulselearn/campus-hub/services/userprofile/migrations"
)

func register(app *service.App) {
	userprofileservice.Register(app, userprofile.New(), migrations.Files)
}

// Who calls.
var (
	asAdmin = platformtest.Admin("root")
)

func client(h *platformtest.Harness, as identity.Caller) userprofilev1connect.UserProfileServiceClient {
	return userprofilev1connect.NewUserProfileServiceClient(h.Client("userprofile", as))
}

func ada() *userprofilev1.RegisterUserRequest {
	return &userprofilev1.RegisterUserRequest{
		DisplayName: "Ada", Email: "Ada@Example.org", Role: userprofilev1.UserRole_USER_ROLE_STUDENT,
		TimeZone: "Europe/Zurich", Interests: []string{"algebra"}, Attributes: map[string]string{"cohort": "7"},
		Preferences: &userprofilev1.ContactPreferences{EmailEnabled: true, QuietFromMinute: new(int32(1320)), QuietUntilMinute: new(int32(420))},
	}
}

func registerAda(h *platformtest.Harness) *userprofilev1.User {
	h.T.Helper()
	res, err := client(h, asAdmin).RegisterUser(h.T.Context(), ada())
	if err != nil {
		h.T.Fatal(err)
	}
	return res.GetUser()
}

func wantCode(h *platformtest.Harness, what string, err error, want connect.Code) {
	h.T.Helper()
	if connect.CodeOf(err) != want {
		h.T.Errorf("%s: %v, want %v", what, err, want)
	}
}

func TestRegisterUser(t *testing.T) {
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		u := registerAda(h)
		if u.GetEmail() != "ada@example.org" || u.GetLocale() != "en" || u.GetRevision() != 1 || u.GetQuietFromMinute() != 1320 {
			h.T.Errorf("user %v", u)
		}
		h.Quiet()
		e := platformtest.One[*userprofilev1event.UserRegistered](h)
		channels := []commonv1event.Channel{commonv1event.ChannelInApp, commonv1event.ChannelEmail}
		if e.UserID != u.GetId() || e.Role != userprofilev1event.UserRoleStudent || !slices.Equal(e.Preferences.Channels, channels) ||
			*e.Preferences.QuietFrom != 22*time.Hour || e.Attributes["cohort"] != "7" {
			h.T.Errorf("published %v", e)
		}
	})
}

func TestRefusedUsers(t *testing.T) {
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		registerAda(h)
		for _, test := range []struct {
			name   string
			change func(*userprofilev1.RegisterUserRequest)
			want   connect.Code
		}{
			{"an address that is taken", func(*userprofilev1.RegisterUserRequest) {}, connect.CodeAlreadyExists},
			{"no address", func(r *userprofilev1.RegisterUserRequest) { r.Email = "Ada <ada@example.org>" }, connect.CodeInvalidArgument},
			{"no role", func(r *userprofilev1.RegisterUserRequest) { r.Role = 0 }, connect.CodeInvalidArgument},
			{"an unknown zone", func(r *userprofilev1.RegisterUserRequest) { r.TimeZone = "Nowhere" }, connect.CodeInvalidArgument},
			{"half of the quiet hours", func(r *userprofilev1.RegisterUserRequest) { r.Preferences.QuietUntilMinute = nil }, connect.CodeInvalidArgument},
			{"an hour too late", func(r *userprofilev1.RegisterUserRequest) { r.Preferences.QuietFromMinute = new(int32(1440)) }, connect.CodeInvalidArgument},
		} {
			req := ada()
			test.change(req)
			_, err := client(h, asAdmin).RegisterUser(h.T.Context(), req)
			wantCode(h, test.name, err, test.want)
		}
		h.Quiet()
		platformtest.One[*userprofilev1event.UserRegistered](h)
	})
}

func TestUpdateProfile(t *testing.T) {
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		ctx := h.T.Context()
		u := registerAda(h)
		update := func(req *userprofilev1.UpdateProfileRequest) (*userprofilev1.User, error) {
			req.UserId = u.GetId()
			res, err := client(h, asAdmin).UpdateProfile(ctx, req)
			return res.GetUser(), err
		}
		same, err := update(&userprofilev1.UpdateProfileRequest{DisplayName: new("Ada"), Preferences: ada().GetPreferences()})
		if err != nil || same.GetRevision() != 1 {
			h.T.Errorf("no change: %v, %v", same, err)
		}
		changed, err := update(&userprofilev1.UpdateProfileRequest{
			Bio: new("I count."), Interests: &userprofilev1.Interests{}, Preferences: &userprofilev1.ContactPreferences{PushEnabled: true},
			ExpectedRevision: new(int64(1)),
		})
		if err != nil || changed.GetRevision() != 2 || changed.GetBio() != "I count." || changed.QuietFromMinute != nil || len(changed.GetInterests()) != 0 {
			h.T.Errorf("changed: %v, %v", changed, err)
		}
		h.Quiet()
		e := platformtest.One[*userprofilev1event.ProfileUpdated](h)
		fields := []userprofilev1event.ProfileField{
			userprofilev1event.ProfileFieldBio, userprofilev1event.ProfileFieldInterests, userprofilev1event.ProfileFieldPreferences,
		}
		if e.Revision != 2 || !slices.Equal(e.Changed, fields) || *e.Bio != "I count." || e.Preferences.QuietFrom != nil {
			h.T.Errorf("published %v", e)
		}
		_, err = update(&userprofilev1.UpdateProfileRequest{Bio: new("late"), ExpectedRevision: new(int64(1))})
		wantCode(h, "a change of an old revision", err, connect.CodeFailedPrecondition)
		_, err = client(h, asAdmin).UpdateProfile(ctx, &userprofilev1.UpdateProfileRequest{UserId: "nobody", Bio: new("x")})
		wantCode(h, "an unknown user", err, connect.CodeNotFound)
	})
}

func TestLists(t *testing.T) {
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		ctx := h.T.Context()
		var ids []string
		for i, role := range []userprofilev1.UserRole{1, 2, 1, 1} {
			req := ada()
			req.Email, req.Role = fmt.Sprintf("user%d@example.org", i), role
			res, err := client(h, asAdmin).RegisterUser(ctx, req)
			if err != nil {
				h.T.Fatal(err)
			}
			ids = append(ids, res.GetUser().GetId())
		}
		students := []string{ids[0], ids[2], ids[3]}
		req := &userprofilev1.ListUsersRequest{Role: userprofilev1.UserRole_USER_ROLE_STUDENT, PageSize: 2}
		var listed []string
		for first := true; first || req.PageToken != ""; first = false {
			res, err := client(h, asAdmin).ListUsers(ctx, req)
			if err != nil {
				h.T.Fatal(err)
			}
			for _, u := range res.GetUsers() {
				listed = append(listed, u.GetId())
			}
			req.PageToken = res.GetNextPageToken()
		}
		if !slices.Equal(listed, students) {
			h.T.Errorf("students %v, want %v", listed, students)
		}
		res, err := client(h, asAdmin).BatchGetUsers(ctx, &userprofilev1.BatchGetUsersRequest{UserIds: []string{ids[1], "nobody", ids[1]}})
		if err != nil || len(res.GetUsers()) != 1 || res.GetUsers()[0].GetId() != ids[1] {
			h.T.Errorf("batch %v, %v", res, err)
		}
		_, err = client(h, asAdmin).GetUser(ctx, &userprofilev1.GetUserRequest{UserId: "nobody"})
		wantCode(h, "an unknown user", err, connect.CodeNotFound)
	})
}
