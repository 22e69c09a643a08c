package token

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

const page = `<p class="problem" role="alert">The name or the password is wrong.</p>
<form action="/search"><input name="q"></form>
<form method="post" action="/login"><input type="hidden" name="request" value="r&amp;d"><input id="n" name="name"><input name="password" type="password"></form>`

func TestForm(t *testing.T) {
	at, _ := url.Parse("https://campus.example/oauth/login?request=x")
	f, err := findForm([]byte(page), at)
	if err != nil || f.action != "https://campus.example/login" || f.name != "name" || f.password != "password" || f.values.Get("request") != "r&d" {
		t.Errorf("%+v, %v", f, err)
	}
	if text := alert([]byte(page)); text != "The name or the password is wrong." {
		t.Errorf("alert %q", text)
	}
	for _, bad := range []string{"", "<form></form>", strings.ReplaceAll(page, `action="/login"`, `action="https://evil.example/"`)} {
		if f, err := findForm([]byte(bad), at); err == nil {
			t.Errorf("%q: %+v", bad, f)
		}
	}
}

// What is in the way is said, with what to do.
func TestTrouble(t *testing.T) {
	answers := map[string]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := answers[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if to, ok := strings.CutPrefix(body, "to "); ok {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		fmt.Fprint(w, body)
	}))
	defer server.Close()
	const discovery = "/.well-known/openid-configuration"
	own := fmt.Sprintf(`{"issuer":%q,"authorization_endpoint":"%s/authorize","token_endpoint":"%s/token"}`, server.URL, server.URL, server.URL)
	for _, test := range []struct {
		name, issuer string
		answers      map[string]string
		want         string
	}{
		{"nobody there", "http://127.0.0.1:1", nil, "nobody answers at http://127.0.0.1:1: start the hub"},
		{"something else there", server.URL, nil, "is no OpenID Connect provider"},
		{"another name", server.URL, map[string]string{discovery: strings.ReplaceAll(own, `"issuer":"http://127`, `"issuer":"http://128`)}, "use --issuer http://128"},
		{"an unknown client", server.URL, map[string]string{discovery: own, "/authorize": `{"error":"invalid_client","error_description":"who?"}`}, "who? (invalid_client)"},
		{"a refusal", server.URL, map[string]string{discovery: own, "/authorize": "to " + redirect + "?error=access_denied"}, "the provider refused: access_denied"},
		{"no form", server.URL, map[string]string{discovery: own, "/authorize": "to /login", "/login": "<p>hello</p>"}, "log in with a browser"},
		{"a wrong password", server.URL, map[string]string{discovery: own, "/authorize": "to /login", "/login": page}, "ada is not logged in: The name or the password is wrong."},
		{"another's answer", server.URL, map[string]string{discovery: own, "/authorize": "to /page", "/page": page, "/login": "to " + redirect + "?code=c&state=s"}, "belongs to another request"},
	} {
		answers = test.answers
		got, err := Get(t.Context(), Request{Issuer: test.issuer, Client: "cli", User: "ada", Password: "a secret"})
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "a secret") {
			t.Errorf("%s: %v, %v; want %q", test.name, got, err, test.want)
		}
	}
}
