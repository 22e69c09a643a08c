package auth_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"

	authv1event "github.com/pulselearn/campus-hub/gen/event/auth/v1"
	authv1 "github.com/pulselearn/campus-hub/gen/proto/pl/auth/v1"
	authservice "github.com/pulselearn/campus-hub/gen/service/auth"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/platformtest"
	"github.com/pulselearn/campus-hub/platform/tx"
	"github.com/pulselearn/campus-hub/services/auth"
)

// A session that nobody uses ends, and says so once.
func TestIdleSession(t *testing.T) {
	runHurried(t, func(b *browser) {
		got := b.enter("ada")
		b.Advance(idle - time.Minute)
		got = b.refresh(got.Refresh)
		if got.Access == "" {
			b.T.Fatalf("the session is over: %+v", got)
		}
		b.Advance(idle + time.Minute)
		if late := b.refresh(got.Refresh); late.Error != "invalid_grant" {
			b.T.Errorf("it goes on: %+v", late)
		}
		if to := b.location(b.authorize(newVisit())); to.Path != "/oauth/login" {
			b.T.Errorf("still logged in: %s", to)
		}
		b.Quiet()
		ended := platformtest.One[*authv1event.SessionExpired](b.Harness)
		if ended.UserID != adaID || ended.Reason != authv1event.EndReasonIdle || ended.OccurredAt.Sub(ended.StartedAt) < 2*idle-time.Minute {
			b.T.Errorf("published %v", ended)
		}
	})
}

// However much it is used, a session ends.
func TestOldSession(t *testing.T) {
	runHurried(t, func(b *browser) {
		got := b.enter("ada")
		for range 4 {
			b.Advance(time.Hour)
			if got = b.refresh(got.Refresh); got.Access == "" {
				b.T.Fatalf("it ended early: %+v", got)
			}
		}
		b.Advance(time.Hour + time.Minute)
		if got = b.refresh(got.Refresh); got.Error != "invalid_grant" {
			b.T.Errorf("it goes on: %+v", got)
		}
		b.Quiet()
		if ended := platformtest.One[*authv1event.SessionExpired](b.Harness); ended.Reason != authv1event.EndReasonLifetime {
			b.T.Errorf("published %v", ended)
		}
	})
}

// Keys change, and what the old ones signed is good until it ends.
func TestKeyRotation(t *testing.T) {
	runHurried(t, func(b *browser) {
		first := b.enter("ada")
		count := func() int { return strings.Count(b.get("/oauth/keys").body, `"kid"`) }
		if count() != 1 {
			b.T.Errorf("%d keys at first", count())
		}
		b.Advance(keyLifetime - 30*time.Minute) // the next one is published, and does not sign yet
		if count() != 2 {
			b.T.Errorf("%d keys before the change", count())
		}
		old := newBrowser(b.Harness).enter("ada")
		b.Advance(45 * time.Minute)
		fresh := newBrowser(b.Harness).enter("ada")
		if kid(old) != kid(first) || kid(fresh) == kid(first) {
			b.T.Errorf("keys %s, %s, %s", kid(first), kid(old), kid(fresh))
		}
		if a := b.get("/oauth/end_session?id_token_hint=" + first.ID); a.StatusCode != http.StatusFound {
			b.T.Errorf("what the first key signed is not known any more: %s %s", a.Status, a.body)
		}
		b.Advance(lifetime + time.Hour)
		if count() != 1 {
			b.T.Errorf("%d keys when the old one is of no use", count())
		}
		b.Restart()
		if got := newBrowser(b.Harness).enter("ada"); kid(got) != kid(fresh) {
			b.T.Errorf("a restart changed the key: %s, %s", kid(got), kid(fresh))
		}
	})
}

func kid(t tokens) string { return t.Access[:strings.IndexByte(t.Access, '.')] }

// handle runs a command of the context as somebody.
func handle[Request, Response any](b *browser, by identity.Caller,
	command func(*auth.Service, context.Context, *authservice.Tx, *Request) (*Response, error), req *Request,
) (res *Response, err error) {
	b.T.Helper()
	b.InTx("auth", func(ctx context.Context, core *tx.Tx) error {
		res, err = command(auth.New(), identity.With(ctx, by), authservice.NewTx(core), req)
		return nil
	})
	return res, err
}

var administrator = identity.Caller{Subject: "01900000-0000-7000-8000-000000004007", Roles: []string{identity.Admin}}

func TestDisabledAccount(t *testing.T) {
	run(t, func(b *browser) {
		got := b.enter("ada")
		if _, err := handle(b, administrator, (*auth.Service).DisableAccount, &authv1.DisableAccountRequest{AccountId: adaID}); err != nil {
			b.T.Fatal(err)
		}
		if late := b.refresh(got.Refresh); late.Error != "invalid_grant" {
			b.T.Errorf("it goes on: %+v", late)
		}
		a := b.logIn(newVisit(), "ada", seeded)
		if a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, "disabled") {
			b.T.Errorf("%s %s", a.Status, a.body)
		}
		if a := b.logIn(newVisit(), "ada", "wrong password"); a.StatusCode != http.StatusUnauthorized {
			b.T.Errorf("who does not know the password is told more: %s", a.Status)
		}
		if _, err := handle(b, administrator, (*auth.Service).EnableAccount, &authv1.EnableAccountRequest{AccountId: adaID}); err != nil {
			b.T.Fatal(err)
		}
		b.enter("ada")
	})
}

// A new password ends the other sessions, and not the one that sets it.
func TestChangePassword(t *testing.T) {
	run(t, func(b *browser) {
		here, elsewhere := b.enter("ada"), newBrowser(b.Harness).enter("ada")
		ada := platformtest.Student(adaID)
		ada.Session = claims(b.T, here.Access)["sid"].(string)
		change := func(by identity.Caller, old, to string) error {
			_, err := b.accounts(by).ChangePassword(b.T.Context(), &authv1.ChangePasswordRequest{AccountId: adaID, OldPassword: old, NewPassword: to})
			return err
		}
		if err := change(ada, "wrong password", "correct horse"); connect.CodeOf(err) != connect.CodePermissionDenied {
			b.T.Errorf("without the old one: %v", err)
		}
		if err := change(ada, seeded, "short"); connect.CodeOf(err) != connect.CodeInvalidArgument {
			b.T.Errorf("a short one: %v", err)
		}
		if err := change(ada, seeded, "correct horse"); err != nil {
			b.T.Fatal(err)
		}
		if got := b.refresh(elsewhere.Refresh); got.Error != "invalid_grant" {
			b.T.Errorf("the other session goes on: %+v", got)
		}
		if got := b.refresh(here.Refresh); got.Access == "" {
			b.T.Errorf("this session is over: %+v", got)
		}
		if a := newBrowser(b.Harness).logIn(newVisit(), "ada", seeded); a.StatusCode != http.StatusUnauthorized {
			b.T.Errorf("the old password is still good: %s", a.Status)
		}
		if err := change(administrator, "", "another horse"); err != nil {
			b.T.Errorf("an administrator: %v", err)
		}
	})
}

func TestCreateAccount(t *testing.T) {
	run(t, func(b *browser) {
		create := func(by identity.Caller, change func(*authv1.CreateAccountRequest)) (*authv1.AccountView, error) {
			req := &authv1.CreateAccountRequest{Email: "Grace@Example.org", Username: "grace", Password: "correct horse", DisplayName: "Grace"}
			change(req)
			res, err := b.accounts(by).CreateAccount(b.T.Context(), req)
			return res.GetAccount(), err
		}
		grace, err := create(identity.Caller{}, func(*authv1.CreateAccountRequest) {})
		if err != nil || grace.GetRole() != authv1.Role_ROLE_STUDENT || grace.GetEmail() != "grace@example.org" {
			b.T.Fatalf("%v, %v", grace, err)
		}
		teacher := func(r *authv1.CreateAccountRequest) {
			r.Email, r.Username, r.Role = "tea@example.org", "", authv1.Role_ROLE_TEACHER
		}
		if _, err := create(platformtest.Student(adaID), teacher); connect.CodeOf(err) != connect.CodePermissionDenied {
			b.T.Errorf("a student made a teacher: %v", err)
		}
		if got, err := create(administrator, teacher); err != nil || got.GetRole() != authv1.Role_ROLE_TEACHER {
			b.T.Errorf("%v, %v", got, err)
		}
		for name, change := range map[string]func(*authv1.CreateAccountRequest){
			"no address":       func(r *authv1.CreateAccountRequest) { r.Email = "grace" },
			"a short password": func(r *authv1.CreateAccountRequest) { r.Password = "short" },
			"a wrong name":     func(r *authv1.CreateAccountRequest) { r.Username = "Grace Hopper" },
		} {
			if _, err := create(identity.Caller{}, change); connect.CodeOf(err) != connect.CodeInvalidArgument {
				b.T.Errorf("%s: %v", name, err)
			}
		}
		b.Quiet()
		var names []string
		for _, e := range platformtest.Published[*authv1event.AccountCreated](b.Harness) {
			names = append(names, e.DisplayName)
		}
		slices.Sort(names)
		if !slices.Equal(names, []string{"Ada", "Ben", "Grace", "Grace", "Root", "Tess"}) {
			b.T.Errorf("published %v", names)
		}
		v := newVisit()
		to := b.location(b.logIn(v, "grace@example.org", "correct horse"))
		if got := b.exchange(v, to.Query().Get("code")); claims(b.T, got.Access)["sub"] != grace.GetId() {
			b.T.Errorf("grace is %v", got)
		}
	})
}
