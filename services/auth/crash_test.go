package auth_test

import (
	"context"
	"testing"
	"time"

	authv1 "github.com/pulselearn/campus-hub/gen/proto/pl/auth/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/auth/v1/authv1connect"
	authservice "github.com/pulselearn/campus-hub/gen/service/auth"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/platformtest"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// Wherever the process dies, grace has one account, and the session that is
// over ends once.
func TestCrashes(t *testing.T) {
	platformtest.CrashEverywhere(t, register, func(h *platformtest.Harness) {
		_, err := authv1connect.NewAuthServiceClient(h.Client("auth", identity.Caller{})).CreateAccount(h.T.Context(), &authv1.CreateAccountRequest{
			Email: "grace@example.org", Password: "correct horse", DisplayName: "Grace",
		})
		if err != nil {
			h.T.Fatal(err)
		}
		h.InTx("auth", func(ctx context.Context, core *tx.Tx) error {
			tx := authservice.NewTx(core)
			return tx.Session.Create().SetID(tx.NewID()).SetAccountID(adaID).SetCookieHash("hash").SetUserAgent("").
				SetCreatedAt(tx.Now()).SetUsedAt(tx.Now()).SetExpiresAt(tx.Now().Add(time.Hour)).SetEndsAt(tx.Now().Add(time.Minute)).Exec(ctx)
		})
		h.Quiet()
		h.Advance(2 * time.Minute)
	}, nil)
}
