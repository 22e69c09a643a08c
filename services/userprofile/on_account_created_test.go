package userprofile_test

import (
	"testing"
	"time"

	authv1event "github.com/pulselearn/campus-hub/gen/event/auth/v1"
	userprofilev1event "github.com/pulselearn/campus-hub/gen/event/userprofile/v1"
	"github.com/pulselearn/campus-hub/platform/platformtest"
)

const graceID = "01900000-0000-7000-8000-000000009ace"

func graceHasAnAccount() *authv1event.AccountCreated {
	return &authv1event.AccountCreated{
		UserID: graceID, Role: authv1event.RoleTeacher, DisplayName: "Grace", Email: "grace@example.org",
		OccurredAt: time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC),
	}
}

// An account leads to a profile with the same id, which everybody hears of.
func TestProfileOfAnAccount(t *testing.T) {
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		h.Given(graceHasAnAccount())
		h.Quiet()
		e := platformtest.One[*userprofilev1event.UserRegistered](h)
		if e.UserID != graceID || e.Role != userprofilev1event.UserRoleTeacher || e.DisplayName != "Grace" || e.Email != "grace@example.org" {
			h.T.Errorf("published %v", e)
		}
		if n := len(h.Dead("userprofile.OnAccountCreated")); n != 0 {
			h.T.Errorf("%d dead letters", n)
		}
	})
}

// An address that is taken, and a role of a later version, wait for a person.
func TestAccountsThatGetNoProfile(t *testing.T) {
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		same := graceHasAnAccount()
		same.UserID = "01900000-0000-7000-8000-00000000beef"
		unknown := graceHasAnAccount()
		unknown.UserID, unknown.Email, unknown.Role = "01900000-0000-7000-8000-00000000cafe", "other@example.org", authv1event.RoleUnknown
		h.Given(graceHasAnAccount())
		h.Quiet()
		h.Given(same, unknown)
		h.Quiet()
		if n := len(h.Dead("userprofile.OnAccountCreated")); n != 2 {
			h.T.Errorf("%d dead letters, want 2", n)
		}
		if e := platformtest.One[*userprofilev1event.UserRegistered](h); e.UserID != graceID {
			h.T.Errorf("published %v", e)
		}
	})
}

// Wherever the process dies, the account gets one profile.
func TestCrashesOfAccounts(t *testing.T) {
	platformtest.CrashEverywhere(t, register, func(h *platformtest.Harness) { h.Publish(graceHasAnAccount()) }, nil)
}
