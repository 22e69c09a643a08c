//go:build unix

package e2e

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"github.com/twmb/franz-go/pkg/kgo"

	authv1 "github.com/pulselearn/campus-hub/gen/proto/pl/auth/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/auth/v1/authv1connect"
	"github.com/pulselearn/campus-hub/internal/pgtest"
)

// A login is two processes of the context auth on one PostgreSQL database, as
// behind a balancer.
type login struct {
	*deployment
	instances []*program
}

const gracesPassword = "correct horse"

// newLogin starts two instances at the same time on an empty database.
func newLogin(t *testing.T) *login {
	t.Helper()
	s := newStand(t)
	d := &deployment{stand: s, t: t, services: map[string]*program{}, urls: map[string]string{"auth": pgtest.URL(t)}}
	d.broker = s.hub(t, "broker")
	d.startBroker()
	l := &login{deployment: d}
	for i := range 2 {
		l.instances = append(l.instances, l.instance(fmt.Sprintf("auth-%d", i+1), l.key(1)))
	}
	l.startAll()
	var err error
	if d.raw, err = kgo.NewClient(kgo.SeedBrokers(d.kafka())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.raw.Close)
	return l
}

// key returns a PL_AUTH_KEY.
func (l *login) key(n byte) string {
	return base64.StdEncoding.EncodeToString(append([]byte{n}, make([]byte, 31)...))
}

func (l *login) instance(name, key string) *program {
	l.t.Helper()
	p := l.service(name, "auth", filepath.Join(build(l.t, "", "auth"), "auth"))
	p.set("PL_OIDC_ISSUER=", "PL_PUBLIC_URL=http://localhost:4000", "PL_AUTH_KEY="+key)
	return p
}

func (l *login) startAll() {
	l.t.Helper()
	var runs []*process
	for _, p := range l.instances {
		runs = append(runs, p.start())
	}
	for i, p := range l.instances {
		p.awaitReady(runs[i], 30*time.Second)
	}
}

func (l *login) stopAll() {
	l.t.Helper()
	for _, p := range l.instances {
		run := p.now
		p.signal(syscall.SIGTERM)
		if code := run.exit(l.t, 20*time.Second); code != 0 {
			l.t.Errorf("%s ended with %d", p.name, code)
		}
	}
}

// A visitor is a browser that reaches the instances by one name, so that they
// share its cookies.
type visitor struct {
	*login
	http     *http.Client
	verifier string
}

func (l *login) visitor() *visitor {
	l.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		l.t.Fatal(err)
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &visitor{l, &http.Client{Jar: jar, CheckRedirect: stay, Timeout: 20 * time.Second}, rand.Text() + rand.Text()}
}

func (v *visitor) send(method, url, body string) (*http.Response, string, error) {
	r, err := http.NewRequestWithContext(v.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := v.http.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer, string(text), err
}

func (v *visitor) must(method, url, body string) (*http.Response, string) {
	v.t.Helper()
	answer, text, err := v.send(method, url, body)
	if err != nil {
		v.t.Fatal(err)
	}
	return answer, text
}

var hiddenField = regexp.MustCompile(`name="(request|token)" value="([^"]*)"`)

// page begins a log-in at an instance and returns the form of its page.
func (v *visitor) page(at *program) url.Values {
	v.t.Helper()
	challenge := sha256.Sum256([]byte(v.verifier))
	query := url.Values{
		"client_id": {"cli"}, "response_type": {"code"}, "redirect_uri": {"http://127.0.0.1:4711/callback"}, "scope": {"openid offline_access"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"}, "prompt": {"login"},
	}
	answer, text := v.must(http.MethodGet, at.url()+"/oauth/authorize?"+query.Encode(), "")
	if answer.StatusCode != http.StatusFound {
		v.t.Fatalf("%s %s", answer.Status, text)
	}
	_, text = v.must(http.MethodGet, at.url()+answer.Header.Get("Location"), "")
	values := url.Values{"name": {"grace@example.org"}, "password": {gracesPassword}}
	for _, field := range hiddenField.FindAllStringSubmatch(text, -1) {
		values.Set(field[1], field[2])
	}
	return values
}

// code begins a log-in at one instance, types the password at another, and
// returns the code.
func (v *visitor) code(begin, end *program) string {
	v.t.Helper()
	answer, text := v.must(http.MethodPost, end.url()+"/oauth/login", v.page(begin).Encode())
	to, err := answer.Location()
	if err != nil || to.Query().Get("code") == "" {
		v.t.Fatalf("%s %s", answer.Status, text)
	}
	return to.Query().Get("code")
}

// issuedTokens are what the token endpoint answers.
type issuedTokens struct {
	Refresh string `json:"refresh_token"`
	Error   string `json:"error"`
}

func (v *visitor) token(at *program, values url.Values) (t issuedTokens) {
	values.Set("client_id", "cli")
	_, text, err := v.send(http.MethodPost, at.url()+"/oauth/token", values.Encode())
	if err == nil {
		err = json.Unmarshal([]byte(text), &t)
	}
	if err != nil {
		t.Error = err.Error()
	}
	return t
}

func (v *visitor) redeem(at *program, code string) issuedTokens {
	return v.token(at, url.Values{"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {v.verifier}, "redirect_uri": {"http://127.0.0.1:4711/callback"}})
}

func (v *visitor) refresh(at *program, token string) issuedTokens {
	return v.token(at, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

// atOnce asks both instances at the same time and returns who won, of one that
// does and one that is refused.
func (l *login) atOnce(what string, ask func(at *program) issuedTokens) (won issuedTokens) {
	l.t.Helper()
	answers := make([]issuedTokens, len(l.instances))
	var asking sync.WaitGroup
	for i, p := range l.instances {
		asking.Go(func() { answers[i] = ask(p) })
	}
	asking.Wait()
	winners := 0
	for _, a := range answers {
		if a.Error == "" {
			won = a
			winners++
		} else if a.Error != "invalid_grant" {
			l.t.Errorf("%s: refused with %s", what, a.Error)
		}
	}
	if winners != 1 {
		l.t.Errorf("%s: %d of two were answered with tokens: %v", what, winners, answers)
	}
	return won
}

// TestTwoInstancesOfAuth holds two processes on one database to what one does:
// whatever is begun at one is finished at the other, and what may happen once
// happens once, however close together both are asked.
func TestTwoInstancesOfAuth(t *testing.T) {
	t.Parallel()
	l := newLogin(t)
	first, second := l.instances[0], l.instances[1]
	accounts := authv1connect.NewAuthServiceClient(connect.NewClient(connecthttp.NewTransport(http.DefaultClient, first.url())))
	if _, err := accounts.CreateAccount(t.Context(), &authv1.CreateAccountRequest{Email: "grace@example.org", DisplayName: "Grace", Password: gracesPassword}); err != nil {
		t.Fatal(err)
	}
	v := l.visitor()
	got := v.redeem(first, v.code(first, second))
	if got = v.refresh(second, got.Refresh); got.Error != "" {
		t.Fatalf("a log-in over both: %+v", got)
	}
	const rounds = 8
	for range rounds {
		v := l.visitor()
		code := v.code(second, first)
		won := l.atOnce("a code", func(at *program) issuedTokens { return v.redeem(at, code) })
		if late := v.refresh(first, won.Refresh); late.Error != "invalid_grant" {
			t.Errorf("a code that came twice left a token: %+v", late)
		}
	}
	for range rounds {
		v := l.visitor()
		got := v.redeem(second, v.code(first, second))
		won := l.atOnce("a refresh token", func(at *program) issuedTokens { return v.refresh(at, got.Refresh) })
		if late := v.refresh(second, won.Refresh); late.Error != "invalid_grant" {
			t.Errorf("a refresh token that came twice left a session: %+v", late)
		}
	}
	await(t, 20*time.Second, func() error {
		if n := l.recordsIn("pl.auth.session_expired.v1"); n != rounds {
			return fmt.Errorf("%d sessions ended by events, want %d", n, rounds)
		}
		return nil
	})
	l.triesAreShared()
	l.keysRotateOnce()
	l.otherKeysAreRefused()
}

// triesAreShared tries more wrong passwords at once than an account has.
func (l *login) triesAreShared() {
	l.t.Helper()
	const tries, allowed = 24, 10
	statuses := make([]int, tries)
	var trying sync.WaitGroup
	for i := range tries {
		v := l.visitor()
		form := v.page(l.instances[i%2])
		form.Set("password", "wrong password")
		trying.Go(func() {
			if answer, _, err := v.send(http.MethodPost, l.instances[(i+1)%2].url()+"/oauth/login", form.Encode()); err == nil {
				statuses[i] = answer.StatusCode
			}
		})
	}
	trying.Wait()
	count := map[int]int{}
	for _, s := range statuses {
		count[s]++
	}
	if count[http.StatusUnauthorized] != allowed || count[http.StatusTooManyRequests] != tries-allowed {
		l.t.Errorf("of %d tries at once: %v, want %d looked at and the others not", tries, count, allowed)
	}
}

// keysRotateOnce starts both when the key that signs is due to be replaced.
func (l *login) keysRotateOnce() {
	l.t.Helper()
	for range 3 {
		before := l.signingKeys(l.instances[0])
		l.stopAll()
		l.exec("auth", "UPDATE signing_keys SET signs_at = signs_at - interval '31 days'")
		l.startAll()
		for _, p := range l.instances {
			await(l.t, 20*time.Second, func() error {
				added := slices.DeleteFunc(l.signingKeys(p), func(id string) bool { return slices.Contains(before, id) })
				if len(added) != 1 {
					return fmt.Errorf("%s has %d new keys, want one", p.name, len(added))
				}
				return nil
			})
		}
		if a, b := l.signingKeys(l.instances[0]), l.signingKeys(l.instances[1]); !slices.Equal(a, b) {
			l.t.Errorf("the instances publish %v and %v", a, b)
		}
	}
	v := l.visitor()
	l.exec("auth", "DELETE FROM login_throttles")
	if got := v.redeem(l.instances[1], v.code(l.instances[0], l.instances[1])); got.Error != "" {
		l.t.Errorf("after the rotations: %+v", got)
	}
}

// signingKeys returns the ids of the keys that an instance publishes.
func (l *login) signingKeys(at *program) (ids []string) {
	l.t.Helper()
	_, text, err := get(l.t.Context(), at.url()+"/oauth/keys")
	var set struct {
		Keys []struct {
			ID string `json:"kid"`
		} `json:"keys"`
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &set)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	for _, k := range set.Keys {
		ids = append(ids, k.ID)
	}
	return ids
}

// otherKeysAreRefused starts instances that could not sign, or not be
// understood by the others.
func (l *login) otherKeysAreRefused() {
	l.t.Helper()
	for name, test := range map[string]struct{ key, want string }{
		"no-key":    {"", "PL_AUTH_KEY: needed, because the context's database is shared"},
		"other-key": {l.key(2), "give PL_AUTH_KEY the key that it was stored with"},
	} {
		p := l.instance(name, test.key)
		run := p.start()
		if code := run.exit(l.t, 30*time.Second); code == 0 {
			l.t.Errorf("%s: ended with 0", name)
		}
		if log := p.log.tail(10); !strings.Contains(log, test.want) {
			l.t.Errorf("%s: no line says %q:\n%s", name, test.want, log)
		}
	}
	replaced := l.instance("replaced-key", l.key(2)+","+l.key(1))
	replaced.startReady()
}
