package auth_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"

	authv1 "github.com/pulselearn/campus-hub/gen/proto/pl/auth/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/auth/v1/authv1connect"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/platformtest"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

// accounts are the calls of the context, made by somebody.
func (b *browser) accounts(by identity.Caller) authv1connect.AuthServiceClient {
	return authv1connect.NewAuthServiceClient(b.Client("auth", by))
}

// change asks for a new password of ada in her own name.
func (b *browser) change(ctx context.Context, old, to string) error {
	_, err := b.accounts(platformtest.Student(adaID)).ChangePassword(ctx, &authv1.ChangePasswordRequest{
		AccountId: adaID, OldPassword: old, NewPassword: to,
	})
	return err
}

// atOnce makes calls together and counts the codes that they end with, 0 for
// none.
func atOnce(n int, call func(i int) error) map[connect.Code]int {
	codes := make([]connect.Code, n)
	var calls sync.WaitGroup
	for i := range n {
		calls.Go(func() {
			if err := call(i); err != nil {
				codes[i] = connect.CodeOf(err)
			}
		})
	}
	calls.Wait()
	count := map[connect.Code]int{}
	for _, code := range codes {
		count[code]++
	}
	return count
}

// Whoever has an access token and not the password may guess as often as
// somebody who logs in, however many guesses come at once.
func TestGuessingTheOldPassword(t *testing.T) {
	run(t, func(b *browser) {
		got := atOnce(30, func(i int) error { return b.change(b.T.Context(), fmt.Sprint("guess ", i), "correct horse") })
		if got[connect.CodePermissionDenied] != 10 || got[connect.CodeResourceExhausted] != 20 {
			b.T.Errorf("of thirty guesses: %v, want ten that were looked at", got)
		}
		err := b.change(b.T.Context(), seeded, "correct horse")
		if wait := rpc.RetryDelay(err); connect.CodeOf(err) != connect.CodeResourceExhausted || wait <= 0 || wait > 15*time.Minute {
			b.T.Errorf("the right one after that: %v, to wait %v", err, wait)
		}
		b.enter("ada") // logging in counts for itself
		b.Advance(15 * time.Minute)
		if err := b.change(b.T.Context(), seeded, "correct horse"); err != nil {
			b.T.Fatalf("a quarter of an hour later: %v", err)
		}
		for range 10 {
			if err := b.change(b.T.Context(), "wrong password", "another horse"); connect.CodeOf(err) != connect.CodePermissionDenied {
				b.T.Fatalf("a good one does not forgive those before: %v", err)
			}
		}
	})
}

// The page and the call count together.
func TestGuessingOnThePageToo(t *testing.T) {
	run(t, func(b *browser) {
		b.enter("ada")
		page := b.get("/oauth/password")
		for range 10 {
			b.change(b.T.Context(), "wrong password", "correct horse")
		}
		values := form(page.body, "", "correct horse")
		values.Set("old", seeded)
		values.Set("again", "correct horse")
		if a := b.post("/oauth/password", values); a.StatusCode != http.StatusTooManyRequests {
			b.T.Errorf("the page, after ten guesses by call: %s", a.Status)
		}
		if _, err := b.accounts(administrator).ChangePassword(b.T.Context(), &authv1.ChangePasswordRequest{AccountId: adaID, NewPassword: "correct horse"}); err != nil {
			b.T.Errorf("an administrator, who guesses nothing: %v", err)
		}
	})
}

// The password was looked at outside of the transaction, so the transaction
// looks whether it still is the one.
func TestPasswordChangedMeanwhile(t *testing.T) {
	run(t, func(b *browser) {
		got := atOnce(8, func(i int) error { return b.change(b.T.Context(), seeded, fmt.Sprint("correct horse ", i)) })
		late := got[connect.CodeFailedPrecondition] + got[connect.CodePermissionDenied]
		if got[0] != 1 || late != 7 {
			b.T.Errorf("of eight who knew the password: %v, want one that has changed it", got)
		}
	})
}

// A second request with the same key is answered, although what it calls the
// old password is not that any more.
func TestChangePasswordAgain(t *testing.T) {
	run(t, func(b *browser) {
		for i := range 2 {
			ctx, info := connect.NewClientContext(b.T.Context())
			info.RequestHeader().Set(rpc.HeaderIdempotencyKey, "once")
			if err := b.change(ctx, seeded, "correct horse"); err != nil {
				b.T.Errorf("request %d: %v", i+1, err)
			}
		}
	})
}

// A token outlives the account's being disabled.
func TestDisabledAccountKeepsItsPassword(t *testing.T) {
	run(t, func(b *browser) {
		if _, err := b.accounts(administrator).DisableAccount(b.T.Context(), &authv1.DisableAccountRequest{AccountId: adaID}); err != nil {
			b.T.Fatal(err)
		}
		if err := b.change(b.T.Context(), seeded, "correct horse"); connect.CodeOf(err) != connect.CodePermissionDenied {
			b.T.Errorf("a disabled account changed its password: %v", err)
		}
	})
}
