// Package token gets an access token from an OpenID Connect provider as a
// browser does: authorization code with PKCE, the log-in page's form, cookies
// and redirects. Nothing listens for the last redirect; its address has the
// code.
package token

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
)

// A Request says who logs in, where.
type Request struct {
	// Issuer is the provider's base URL, and Client the application for whose
	// name the token is.
	Issuer, Client string
	User, Password string
	// Scopes are what the token is for.
	Scopes []string
}

// A Response is what the provider answered, by its names.
type Response struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	RefreshToken string `json:"refresh_token,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
	Scope        string `json:"scope,omitempty"`
}

// redirect is where nobody listens.
const redirect = "http://127.0.0.1/callback"

// maxAnswer is the most that is read of an answer.
const maxAnswer = 1 << 20

// A flow is one log-in.
type flow struct {
	Request
	http     *http.Client
	config   configuration
	verifier string
	state    string
}

// A configuration is what the provider says of itself.
type configuration struct {
	Issuer    string `json:"issuer"`
	Authorize string `json:"authorization_endpoint"`
	Token     string `json:"token_endpoint"`
}

// Get logs in and returns the tokens. Its errors say what to do; they hold
// neither password nor token.
func Get(ctx context.Context, r Request) (*Response, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	f := &flow{Request: r, verifier: secret(), state: secret(), http: &http.Client{
		Jar:           jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if err := f.discover(ctx); err != nil {
		return nil, err
	}
	page, err := f.begin(ctx)
	if err != nil {
		return nil, err
	}
	code, err := f.logIn(ctx, page)
	if err != nil {
		return nil, err
	}
	return f.exchange(ctx, code)
}

func secret() string {
	bytes := make([]byte, 32)
	_, _ = rand.Read(bytes) // never fails
	return base64.RawURLEncoding.EncodeToString(bytes)
}

// discover asks the provider where it does what.
func (f *flow) discover(ctx context.Context) error {
	at := strings.TrimSuffix(f.Issuer, "/") + "/.well-known/openid-configuration"
	answer, err := f.get(ctx, at)
	switch {
	case err != nil:
		return fmt.Errorf("nobody answers at %s: start the hub (make run), or give its address with --issuer: %w", f.Issuer, err)
	case answer.StatusCode == http.StatusServiceUnavailable:
		return fmt.Errorf("%s is still starting: try again in a moment", f.Issuer)
	case answer.StatusCode != http.StatusOK:
		return fmt.Errorf("%s is no OpenID Connect provider: %s answered %s", f.Issuer, at, answer.Status)
	}
	if err := json.Unmarshal(answer.body, &f.config); err != nil || f.config.Authorize == "" || f.config.Token == "" {
		return fmt.Errorf("%s is no OpenID Connect provider: %s does not describe one", f.Issuer, at)
	}
	if f.config.Issuer != strings.TrimSuffix(f.Issuer, "/") {
		return fmt.Errorf("the provider at %s calls itself %s: use --issuer %s", f.Issuer, f.config.Issuer, f.config.Issuer)
	}
	return nil
}

// begin asks for a code, and returns the address of the log-in page.
func (f *flow) begin(ctx context.Context) (*url.URL, error) {
	challenge := sha256.Sum256([]byte(f.verifier))
	query := url.Values{
		"response_type": {"code"}, "client_id": {f.Client}, "redirect_uri": {redirect}, "state": {f.state},
		"scope": {strings.Join(f.Scopes, " ")}, "login_hint": {f.User},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	answer, err := f.get(ctx, f.config.Authorize+"?"+query.Encode())
	if err != nil {
		return nil, fmt.Errorf("ask for a code: %w", err)
	}
	page, err := answer.Location()
	if err != nil {
		return nil, fmt.Errorf("ask for a code: %s", answer.refusal())
	}
	if strings.HasPrefix(page.String(), redirect) {
		return nil, fmt.Errorf("the provider refused: %s", described(page.Query()))
	}
	return page, nil
}

// logIn fills in the form of the log-in page, and returns the code.
func (f *flow) logIn(ctx context.Context, page *url.URL) (string, error) {
	answer, err := f.get(ctx, page.String())
	if err != nil {
		return "", fmt.Errorf("open the log-in page: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("open the log-in page: %s", answer.refusal())
	}
	form, err := findForm(answer.body, page)
	if err != nil {
		return "", err
	}
	form.values.Set(form.name, f.User)
	form.values.Set(form.password, f.Password)
	answer, err = f.post(ctx, form.action, form.values)
	if err != nil {
		return "", fmt.Errorf("log in: %w", err)
	}
	to, err := answer.Location()
	if err != nil {
		return "", fmt.Errorf("%s is not logged in: %s", f.User, answer.refusal())
	}
	query := to.Query()
	switch {
	case query.Get("state") != f.state:
		return "", errors.New("log in: the provider's answer belongs to another request")
	case query.Get("code") == "":
		return "", fmt.Errorf("%s is not logged in: %s", f.User, described(query))
	}
	return query.Get("code"), nil
}

// exchange turns the code into tokens.
func (f *flow) exchange(ctx context.Context, code string) (*Response, error) {
	answer, err := f.post(ctx, f.config.Token, url.Values{
		"grant_type": {"authorization_code"}, "client_id": {f.Client}, "redirect_uri": {redirect},
		"code": {code}, "code_verifier": {f.verifier},
	})
	if err != nil {
		return nil, fmt.Errorf("exchange the code: %w", err)
	}
	tokens := new(Response)
	if err := json.Unmarshal(answer.body, tokens); err != nil || answer.StatusCode != http.StatusOK || tokens.AccessToken == "" {
		return nil, fmt.Errorf("exchange the code: %s", answer.refusal())
	}
	return tokens, nil
}

func (f *flow) get(ctx context.Context, at string) (*answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	return f.do(r)
}

func (f *flow) post(ctx context.Context, at string, form url.Values) (*answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return f.do(r)
}

// do sends a request and reads the answer. Its error leaves the URL out, whose
// query may hold secrets.
func (f *flow) do(r *http.Request) (*answer, error) {
	response, err := f.http.Do(r)
	if err != nil {
		var sent *url.Error
		if errors.As(err, &sent) {
			err = sent.Err
		}
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return &answer{response, body}, err
}

// An answer is a response whose body has been read, and is closed.
type answer struct {
	*http.Response
	body []byte
}

// refusal is what an answer says about why it is not what was asked for.
func (a *answer) refusal() string {
	var problem struct {
		Kind string `json:"error"`
		Text string `json:"error_description"`
	}
	if json.Unmarshal(a.body, &problem) == nil && problem.Kind != "" {
		return described(url.Values{"error": {problem.Kind}, "error_description": {problem.Text}})
	}
	if text := alert(a.body); text != "" {
		return text
	}
	return "the provider answered " + a.Status
}

func described(answer url.Values) string {
	if text := answer.Get("error_description"); text != "" {
		return fmt.Sprintf("%s (%s)", text, answer.Get("error"))
	}
	return answer.Get("error")
}
