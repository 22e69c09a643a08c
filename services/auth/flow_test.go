package auth_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	authv1event "github.com/pulselearn/campus-hub/gen/event/auth/v1"
	"github.com/pulselearn/campus-hub/platform/platformtest"
)

func TestLogIn(t *testing.T) {
	run(t, func(b *browser) {
		got := b.enter("ada")
		c := claims(b.T, got.Access)
		if c["sub"] != adaID || c["iss"] != issuer || c["client_id"] != "cli" || c["sid"] == "" || c["scope"] != "openid profile email offline_access" {
			b.T.Errorf("access token %v", c)
		}
		if aud, _ := json.Marshal([]any{c["aud"], c["roles"]}); string(aud) != `[["pulselearn"],["student"]]` {
			b.T.Errorf("audience and roles %s", aud)
		}
		if lives := c["exp"].(float64) - c["iat"].(float64); lives != 600 {
			b.T.Errorf("the access token lives %v s", lives)
		}
		id := claims(b.T, got.ID)
		if id["sub"] != adaID || id["nonce"] != "a nonce" || id["sid"] != c["sid"] || id["azp"] != "cli" {
			b.T.Errorf("id token %v", id)
		}
		who := b.get("/oauth/userinfo", "Authorization", "Bearer "+got.Access)
		if who.StatusCode != http.StatusOK || !strings.Contains(who.body, `"email":"ada@campus.example"`) || !strings.Contains(who.body, `"roles":["student"]`) {
			b.T.Errorf("userinfo %s: %s", who.Status, who.body)
		}
		if status := b.userInfo(got.ID); status != http.StatusUnauthorized {
			b.T.Errorf("an id token was taken for an access token: %d", status)
		}
	})
}

// A person who is logged in gets the next application's code without a page,
// unless that asks for the password again.
func TestLoggedInAlready(t *testing.T) {
	run(t, func(b *browser) {
		b.enter("ada")
		v := newVisit()
		if to := b.location(b.authorize(v)); to.Query().Get("code") == "" {
			b.T.Fatalf("leads to %s", to)
		}
		b.Advance(time.Minute)
		for _, again := range []*visit{newVisit().with("prompt", "login"), newVisit().with("max_age", "30"), newVisit().with("prompt", "select_account")} {
			if to := b.location(b.authorize(again)); to.Path != "/oauth/login" {
				b.T.Errorf("%v leads to %s", again.query, to)
			}
		}
		if to := b.location(b.authorize(newVisit().with("max_age", "3600"))); to.Query().Get("code") == "" {
			b.T.Errorf("a recent log-in is not enough: %s", to)
		}
		stranger := newBrowser(b.Harness)
		if to := stranger.location(stranger.authorize(newVisit().with("prompt", "none"))); to.Query().Get("error") != "login_required" {
			b.T.Errorf("prompt=none leads to %s", to)
		}
	})
}

// What is wrong with a request, and who gets to know.
func TestRefusedRequests(t *testing.T) {
	run(t, func(b *browser) {
		for _, test := range []struct {
			visit *visit
			want  string // the error that the application gets, "" for a page
		}{
			{newVisit().with("client_id", "nobody"), ""},
			{newVisit().with("redirect_uri", "https://evil.example/callback"), ""},
			{newVisit().with("redirect_uri", "http://127.0.0.1:4711/elsewhere"), ""},
			{newVisit().with("redirect_uri", ""), ""},
			{newVisit().with("client_id", "web"), ""},
			{newVisit().with("code_challenge", ""), "invalid_request"},
			{newVisit().with("code_challenge_method", "plain"), "invalid_request"},
			{newVisit().with("code_challenge_method", ""), "invalid_request"},
			{newVisit().with("response_type", "token"), "unauthorized_client"},
			{newVisit().with("response_type", "id_token"), "unauthorized_client"},
			{newVisit().with("response_mode", "form_post"), "invalid_request"},
			{newVisit().with("request", "eyJhbGciOiJub25lIn0.e30."), "request_not_supported"},
			{newVisit().with("scope", ""), "invalid_request"},
		} {
			a := b.get("/oauth/authorize?"+test.visit.query.Encode(), "Accept", "text/html")
			if test.want == "" {
				if a.StatusCode/100 != 4 || !strings.Contains(a.body, "<h1>This log-in cannot begin</h1>") {
					b.T.Errorf("%v: %s %s", test.visit.query, a.Status, a.body)
				}
				continue
			}
			to := b.location(a)
			got, err := url.ParseQuery(to.RawQuery + to.Fragment) // where the flow that was asked for has it
			if err != nil {
				b.T.Fatal(err)
			}
			if got.Get("error") != test.want || got.Get("state") != "a state" || to.Host != "127.0.0.1:4711" {
				b.T.Errorf("%v leads to %s, want %s", test.visit.query, to, test.want)
			}
		}
	})
}

func TestRefusedCodes(t *testing.T) {
	run(t, func(b *browser) {
		for name, change := range map[string]func(url.Values){
			"another verifier":  func(v url.Values) { v.Set("code_verifier", strings.Repeat("x", 43)) },
			"no verifier":       func(v url.Values) { v.Del("code_verifier") },
			"another redirect":  func(v url.Values) { v.Set("redirect_uri", "http://127.0.0.1:1/callback") },
			"another client":    func(v url.Values) { v.Set("client_id", "web") },
			"an unknown client": func(v url.Values) { v.Set("client_id", "nobody") },
			"another code":      func(v url.Values) { v.Set("code", "nothing") },
			"another grant":     func(v url.Values) { v.Set("grant_type", "password") },
			"no code":           func(v url.Values) { v.Del("code") },
		} {
			v := newVisit()
			values := url.Values{
				"grant_type": {"authorization_code"}, "client_id": {"cli"}, "redirect_uri": {callback},
				"code": {newBrowser(b.Harness).code(v, "ada")}, "code_verifier": {v.verifier},
			}
			change(values)
			if got := b.token(values); got.Access != "" || got.Status/100 != 4 || got.Error == "" {
				b.T.Errorf("%s: %+v", name, got)
			}
		}
	})
}

// A code is good for one minute.
func TestLateCode(t *testing.T) {
	run(t, func(b *browser) {
		v := newVisit()
		code := b.code(v, "ada")
		b.Advance(time.Minute + time.Second)
		if got := b.exchange(v, code); got.Error != "invalid_grant" {
			b.T.Errorf("%+v", got)
		}
	})
}

// A code that comes twice takes back what it gave the first time.
func TestCodeUsedTwice(t *testing.T) {
	run(t, func(b *browser) {
		v := newVisit()
		code := b.code(v, "ada")
		first := b.exchange(v, code)
		if b.userInfo(first.Access) != http.StatusOK {
			b.T.Fatal("the first exchange gave nothing")
		}
		if again := b.exchange(v, code); again.Error != "invalid_grant" {
			b.T.Errorf("again: %+v", again)
		}
		if got := b.refresh(first.Refresh); got.Error != "invalid_grant" {
			b.T.Errorf("its refresh token is still good: %+v", got)
		}
		if status := b.userInfo(first.Access); status != http.StatusUnauthorized {
			b.T.Errorf("its access token is still good: %d", status)
		}
	})
}

// A refresh token is good once; a copy that comes later ends the session.
func TestRefresh(t *testing.T) {
	run(t, func(b *browser) {
		first := b.enter("ada")
		b.Advance(time.Hour)
		second := b.refresh(first.Refresh)
		if second.Access == "" || second.Refresh == first.Refresh || claims(b.T, second.ID)["nonce"] != "a nonce" {
			b.T.Fatalf("refreshed %+v", second)
		}
		if copied := b.refresh(first.Refresh); copied.Error != "invalid_grant" {
			b.T.Errorf("the copy: %+v", copied)
		}
		if after := b.refresh(second.Refresh); after.Error != "invalid_grant" {
			b.T.Errorf("the session goes on: %+v", after)
		}
		if status := b.userInfo(second.Access); status != http.StatusUnauthorized {
			b.T.Errorf("its access token is still good: %d", status)
		}
		b.Quiet()
		ended := platformtest.One[*authv1event.SessionExpired](b.Harness)
		if ended.UserID != adaID || ended.Reason != authv1event.EndReasonTokenReused || ended.SessionID != claims(b.T, first.Access)["sid"] {
			b.T.Errorf("published %v", ended)
		}
	})
}

// A refresh can ask for less, and never for more.
func TestRefreshScopes(t *testing.T) {
	run(t, func(b *browser) {
		v := newVisit().with("scope", "openid offline_access")
		got := b.exchange(v, b.code(v, "ada"))
		more := b.token(url.Values{"grant_type": {"refresh_token"}, "client_id": {"cli"}, "refresh_token": {got.Refresh}, "scope": {"openid email"}})
		if more.Error != "invalid_scope" {
			b.T.Errorf("more: %+v", more)
		}
		less := b.token(url.Values{"grant_type": {"refresh_token"}, "client_id": {"cli"}, "refresh_token": {got.Refresh}, "scope": {"openid"}})
		if less.Access == "" || claims(b.T, less.Access)["scope"] != "openid" {
			b.T.Errorf("less: %+v", less)
		}
	})
}

func TestRevocation(t *testing.T) {
	run(t, func(b *browser) {
		for _, kind := range []func(tokens) string{func(t tokens) string { return t.Access }, func(t tokens) string { return t.Refresh }} {
			got := newBrowser(b.Harness).enter("ada")
			other := b.post("/oauth/revoke", url.Values{"client_id": {"web"}, "token": {kind(got)}})
			if other.StatusCode != http.StatusOK || b.userInfo(got.Access) != http.StatusOK {
				b.T.Errorf("another client revoked it: %s", other.Status)
			}
			if a := b.post("/oauth/revoke", url.Values{"client_id": {"cli"}, "token": {kind(got)}}); a.StatusCode != http.StatusOK {
				b.T.Errorf("%s: %s", a.Status, a.body)
			}
			if b.userInfo(got.Access) != http.StatusUnauthorized || b.refresh(got.Refresh).Error != "invalid_grant" {
				b.T.Error("the tokens are still good")
			}
		}
	})
}

func TestLogOut(t *testing.T) {
	run(t, func(b *browser) {
		got := b.enter("ada")
		b.Advance(time.Hour) // the id token has expired, and names the session all the same
		to := b.location(b.get("/oauth/end_session?id_token_hint=" + got.ID))
		if to.Path != "/oauth/logout" || b.userInfo(got.Access) != http.StatusUnauthorized || b.refresh(got.Refresh).Error != "invalid_grant" {
			b.T.Errorf("leads to %s", to)
		}
		if to := b.location(b.authorize(newVisit())); to.Path != "/oauth/login" {
			b.T.Errorf("still logged in: %s", to)
		}
		b.enter("ada")
		page := b.get("/oauth/logout")
		if a := b.post("/oauth/logout", url.Values{"token": {"forged"}}); a.StatusCode != http.StatusForbidden {
			b.T.Errorf("a forged form: %s", a.Status)
		}
		b.post("/oauth/logout", form(page.body, "", ""))
		if to := b.location(b.authorize(newVisit())); to.Path != "/oauth/login" {
			b.T.Errorf("still logged in: %s", to)
		}
		b.Quiet()
		var reasons []authv1event.EndReason
		for _, e := range platformtest.Published[*authv1event.SessionExpired](b.Harness) {
			reasons = append(reasons, e.Reason)
		}
		if !slices.Equal(reasons, []authv1event.EndReason{authv1event.EndReasonLogout, authv1event.EndReasonLogout}) {
			b.T.Errorf("published %v", reasons)
		}
	})
}
