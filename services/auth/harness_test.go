package auth_test

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"

	authservice "github.com/pulselearn/campus-hub/gen/service/auth"
	"github.com/pulselearn/campus-hub/platform/platformtest"
	"github.com/pulselearn/campus-hub/platform/service"
	"github.com/pulselearn/campus-hub/services/auth"
	"github.com/pulselearn/campus-hub/services/auth/migrations"
)

const (
	issuer   = "http://localhost:8080"
	adaID    = "01900000-0000-7000-8000-000000000ada"
	callback = "http://127.0.0.1:4711/callback"
	seeded   = "pulselearn"
)

func register(app *service.App) {
	authservice.Register(app, auth.New(), migrations.Files)
}

// run runs a test on the real stack in virtual time.
func run(t *testing.T, test func(b *browser)) {
	t.Helper()
	platformtest.Run(t, register, func(h *platformtest.Harness) { test(newBrowser(h)) })
}

// What the clock does to a hurried provider in hours takes others days.
const (
	idle        = 2 * time.Hour
	lifetime    = 5 * time.Hour
	keyLifetime = 8 * time.Hour
)

type hurried struct{ *auth.Service }

// Configure implements [service.Configurable].
func (h hurried) Configure(cfg *service.Config) error {
	own := *cfg
	own.Provider = service.Provider{SessionIdle: idle, SessionLifetime: lifetime, KeyLifetime: keyLifetime}
	return h.Service.Configure(&own)
}

// runHurried runs a test with sessions and keys of hours.
func runHurried(t *testing.T, test func(b *browser)) {
	t.Helper()
	register := func(app *service.App) { authservice.Register(app, hurried{auth.New()}, migrations.Files) }
	platformtest.Run(t, register, func(h *platformtest.Harness) { test(newBrowser(h)) })
}

// A browser is one person's: it keeps cookies.
type browser struct {
	*platformtest.Harness
	http *http.Client
}

func newBrowser(h *platformtest.Harness) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.T.Fatal(err)
	}
	b := &browser{Harness: h, http: h.HTTP()}
	b.http.Jar = jar
	return b
}

// An answer is a response that was read.
type answer struct {
	*http.Response
	body string
}

func (b *browser) do(r *http.Request) answer {
	b.T.Helper()
	response, err := b.http.Do(r)
	if err != nil {
		b.T.Fatal(err)
	}
	return read(b.T, response)
}

func read(t *testing.T, response *http.Response) answer {
	t.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response, string(body)}
}

func (b *browser) get(path string, header ...string) answer {
	b.T.Helper()
	return b.do(b.request(http.MethodGet, path, "", header...))
}

func (b *browser) post(path string, form url.Values, header ...string) answer {
	b.T.Helper()
	return b.do(b.request(http.MethodPost, path, form.Encode(), append(header, "Content-Type", "application/x-www-form-urlencoded")...))
}

func (b *browser) request(method, path, body string, header ...string) *http.Request {
	b.T.Helper()
	if strings.HasPrefix(path, "/") {
		path = issuer + path
	}
	r, err := http.NewRequestWithContext(b.T.Context(), method, path, strings.NewReader(body))
	if err != nil {
		b.T.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// location is where an answer leads.
func (b *browser) location(a answer) *url.URL {
	b.T.Helper()
	to, err := a.Location()
	if err != nil {
		b.T.Fatalf("%s %s leads nowhere: %s", a.Request.URL.Path, a.Status, a.body)
	}
	return to
}

// A visit is one application's request for a code.
type visit struct {
	query    url.Values
	verifier string
}

// newVisit is what the command line asks for.
func newVisit() *visit {
	verifier := rand.Text() + rand.Text()
	return &visit{verifier: verifier, query: url.Values{
		"client_id": {"cli"}, "response_type": {"code"}, "redirect_uri": {callback}, "state": {"a state"}, "nonce": {"a nonce"},
		"scope":          {"openid profile email offline_access"},
		"code_challenge": {oidc.NewSHACodeChallenge(verifier)}, "code_challenge_method": {"S256"},
	}}
}

func (v *visit) with(name, value string) *visit {
	v.query.Set(name, value)
	if value == "" {
		v.query.Del(name)
	}
	return v
}

func (b *browser) authorize(v *visit) answer {
	b.T.Helper()
	return b.get("/oauth/authorize?" + v.query.Encode())
}

var hidden = regexp.MustCompile(`name="(request|token)" value="([^"]*)"`)

// form returns the hidden fields of a page, and who logs in.
func form(page, name, typed string) url.Values {
	values := url.Values{"name": {name}, "password": {typed}}
	for _, field := range hidden.FindAllStringSubmatch(page, -1) {
		values.Set(field[1], field[2])
	}
	return values
}

// logIn goes from the application to the log-in page and types a password.
func (b *browser) logIn(v *visit, name, typed string) answer {
	b.T.Helper()
	page := b.get(b.location(b.authorize(v)).String())
	if page.StatusCode != http.StatusOK {
		b.T.Fatalf("the log-in page: %s\n%s", page.Status, page.body)
	}
	return b.post("/oauth/login", form(page.body, name, typed))
}

// code logs in and returns the code that the application gets.
func (b *browser) code(v *visit, name string) string {
	b.T.Helper()
	to := b.location(b.logIn(v, name, seeded))
	query := to.Query()
	if query.Get("code") == "" || query.Get("state") != "a state" || query.Get("iss") != issuer || !strings.HasPrefix(to.String(), callback) {
		b.T.Fatalf("the application got %s", to)
	}
	return query.Get("code")
}

// A tokens is what the token endpoint answers.
type tokens struct {
	Status      int    `json:"-"`
	Access      string `json:"access_token"`
	Refresh     string `json:"refresh_token"`
	ID          string `json:"id_token"`
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

func (b *browser) token(values url.Values) (t tokens) {
	b.T.Helper()
	a := b.post("/oauth/token", values)
	if err := json.Unmarshal([]byte(a.body), &t); err != nil {
		b.T.Fatalf("the token endpoint answered %s: %s", a.Status, a.body)
	}
	t.Status = a.StatusCode
	return t
}

func (b *browser) exchange(v *visit, code string) tokens {
	b.T.Helper()
	return b.token(url.Values{
		"grant_type": {"authorization_code"}, "client_id": {v.query.Get("client_id")}, "redirect_uri": {v.query.Get("redirect_uri")},
		"code": {code}, "code_verifier": {v.verifier},
	})
}

func (b *browser) refresh(token string) tokens {
	b.T.Helper()
	return b.token(url.Values{"grant_type": {"refresh_token"}, "client_id": {"cli"}, "refresh_token": {token}})
}

// enter logs in and returns the tokens.
func (b *browser) enter(name string) tokens {
	b.T.Helper()
	v := newVisit()
	t := b.exchange(v, b.code(v, name))
	if t.Access == "" || t.Refresh == "" || t.ID == "" {
		b.T.Fatalf("tokens %+v", t)
	}
	return t
}

// userInfo asks who a token is of, and returns the status.
func (b *browser) userInfo(token string) int {
	b.T.Helper()
	return b.get("/oauth/userinfo", "Authorization", "Bearer "+token).StatusCode
}

// claims reads a token without verifying it.
func claims(t *testing.T, token string) (c map[string]any) {
	t.Helper()
	if _, err := oidc.ParseToken(token, &c); err != nil {
		t.Fatal(err)
	}
	return c
}
