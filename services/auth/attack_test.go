package auth_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestWrongPasswords(t *testing.T) {
	run(t, func(b *browser) {
		for _, name := range []string{"ada", "nobody", "ada@campus.example", `"><script>alert(1)</script>`} {
			a := b.logIn(newVisit(), name, "wrong password")
			if a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.body, "The name or the password is wrong.") || strings.Contains(a.body, "<script>") {
				b.T.Errorf("%s: %s %s", name, a.Status, a.body)
			}
		}
		if a := b.logIn(newVisit(), "", ""); a.StatusCode != http.StatusUnprocessableEntity {
			b.T.Errorf("nothing typed: %s", a.Status)
		}
		if a := b.logIn(newVisit(), " ADA@campus.example ", seeded); a.StatusCode != http.StatusSeeOther {
			b.T.Errorf("the address in capitals: %s", a.Status)
		}
	})
}

// After ten tries an account, known or not, has to wait; others need not.
func TestTooManyTries(t *testing.T) {
	run(t, func(b *browser) {
		for _, name := range []string{"ada", "nobody"} {
			for range 10 {
				if a := b.logIn(newVisit(), name, "wrong password"); a.StatusCode != http.StatusUnauthorized {
					b.T.Fatalf("%s: %s", name, a.Status)
				}
			}
			a := b.logIn(newVisit(), name, seeded)
			if a.StatusCode != http.StatusTooManyRequests || a.Header.Get("Retry-After") == "" || !strings.Contains(a.body, "too many tries") {
				b.T.Errorf("%s: %s %s", name, a.Status, a.body)
			}
		}
		newBrowser(b.Harness).enter("ben")
		b.Advance(15 * time.Minute)
		b.enter("ada")
	})
}

// One address has more tries than one account, but not endlessly many.
func TestTooManyTriesFromOneAddress(t *testing.T) {
	run(t, func(b *browser) {
		b.logIn(newVisit(), "nobody", "wrong password")
		b.counted(299)
		if a := b.logIn(newVisit(), "ben", "wrong password"); a.StatusCode != http.StatusUnauthorized {
			b.T.Errorf("the 300th: %s", a.Status)
		}
		if a := b.logIn(newVisit(), "ada", seeded); a.StatusCode != http.StatusTooManyRequests {
			b.T.Errorf("the 301st: %s", a.Status)
		}
		b.Advance(15 * time.Minute)
		b.enter("ada")
	})
}

// A form that did not come from our page, in this browser, logs nobody in.
func TestForgedForms(t *testing.T) {
	run(t, func(b *browser) {
		page := b.get(b.location(b.authorize(newVisit())).String())
		good := form(page.body, "ada", seeded)
		forged := form(page.body, "ada", seeded)
		forged.Set("token", strings.Repeat("x", 43))
		for name, a := range map[string]answer{
			"another token":   b.post("/oauth/login", forged),
			"another browser": newBrowser(b.Harness).post("/oauth/login", good),
			"another site":    b.post("/oauth/login", good, "Sec-Fetch-Site", "cross-site"),
			"another origin":  b.post("/oauth/login", good, "Origin", "https://evil.example"),
		} {
			if a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, "Allow cookies") || strings.Contains(strings.Join(a.Header.Values("Set-Cookie"), ""), "pl_session") {
				b.T.Errorf("%s: %s", name, a.Status)
			}
		}
		if a := b.post("/oauth/login", good, "Sec-Fetch-Site", "same-origin"); a.StatusCode != http.StatusSeeOther {
			b.T.Errorf("our own form: %s", a.Status)
		}
	})
}

// A sealed request cannot be made, changed, or used tomorrow.
func TestForgedRequests(t *testing.T) {
	run(t, func(b *browser) {
		page := b.get(b.location(b.authorize(newVisit())).String())
		values := form(page.body, "ada", seeded)
		sealed := values.Get("request")
		for _, forged := range []string{"", "x", sealed[:len(sealed)-2] + "AA", sealed + "AA"} {
			values.Set("request", forged)
			if a := b.post("/oauth/login", values); a.StatusCode != http.StatusBadRequest || !strings.Contains(a.body, "cannot go on") {
				b.T.Errorf("%q: %s", forged, a.Status)
			}
			if a := b.get("/oauth/login?request=" + url.QueryEscape(forged)); a.StatusCode != http.StatusBadRequest {
				b.T.Errorf("%q: %s", forged, a.Status)
			}
		}
		b.Advance(time.Hour + time.Minute)
		if a := b.get("/oauth/login?request=" + sealed); a.StatusCode != http.StatusBadRequest {
			b.T.Errorf("after an hour: %s", a.Status)
		}
	})
}

// Tokens that we did not sign are nobody's.
func TestForgedTokens(t *testing.T) {
	run(t, func(b *browser) {
		got := b.enter("ada")
		parts := strings.Split(got.Access, ".")
		none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt"}`))
		symmetric := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"at+jwt"}`))
		root := base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"` + issuer + `","sub":"` + adaID + `","aud":["pulselearn"],"roles":["admin"],"exp":99999999999}`))
		for name, token := range map[string]string{
			"no algorithm":         none + "." + parts[1] + ".",
			"a symmetric one":      symmetric + "." + parts[1] + "." + parts[2],
			"other claims":         parts[0] + "." + root + "." + parts[2],
			"no signature":         parts[0] + "." + parts[1] + ".",
			"not a token":          "x",
			"the refresh token":    got.Refresh,
			"the id token":         got.ID,
			"an access token's id": fmt.Sprint(claims(b.T, got.Access)["jti"]),
		} {
			if status := b.userInfo(token); status != http.StatusUnauthorized {
				b.T.Errorf("%s: %d", name, status)
			}
			if a := b.get("/oauth/end_session?id_token_hint=" + token); name != "the id token" && a.StatusCode != http.StatusBadRequest {
				b.T.Errorf("%s as a hint: %s", name, a.Status)
			}
		}
	})
}

// What a browser is told about the page and the cookies.
func TestHeaders(t *testing.T) {
	run(t, func(b *browser) {
		page := b.get(b.location(b.authorize(newVisit())).String())
		policy := page.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self' http://127.0.0.1:4711"} {
			if !strings.Contains(policy, want) {
				b.T.Errorf("policy %q lacks %q", policy, want)
			}
		}
		if page.Header.Get("Cache-Control") != "no-store" || page.Header.Get("X-Frame-Options") != "DENY" || page.Header.Get("Referrer-Policy") != "no-referrer" {
			b.T.Errorf("headers %v", page.Header)
		}
		a := b.post("/oauth/login", form(page.body, "ada", seeded))
		for _, cookie := range a.Cookies() {
			if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/oauth/" {
				b.T.Errorf("cookie %+v", cookie)
			}
		}
		if len(a.Cookies()) != 1 {
			b.T.Errorf("cookies %v", a.Cookies())
		}
		if got := b.get("/oauth/token"); got.StatusCode != http.StatusMethodNotAllowed {
			b.T.Errorf("GET of the token endpoint: %s", got.Status)
		}
		if got := b.get("/oauth/nothing"); got.StatusCode != http.StatusNotFound {
			b.T.Errorf("nothing: %s", got.Status)
		}
		huge := b.post("/oauth/token", url.Values{"code": {strings.Repeat("x", 65<<10)}})
		if huge.StatusCode/100 != 4 {
			b.T.Errorf("a huge form: %s", huge.Status)
		}
	})
}
