package auth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
)

// A loginRequest is what an application has asked for. Until the person has
// logged in it travels with the browser, sealed, so that requests of nobody
// fill no table.
type loginRequest struct {
	Client    string    `json:"client"`
	Redirect  string    `json:"redirect"`
	State     string    `json:"state,omitempty"`
	Nonce     string    `json:"nonce,omitempty"`
	Challenge string    `json:"challenge,omitempty"`
	Hint      string    `json:"hint,omitempty"`
	Scopes    []string  `json:"scopes"`
	MaxAge    *uint     `json:"max_age,omitempty"`
	At        time.Time `json:"at"`
}

// requestLifetime is how long a person may take to log in.
const requestLifetime = time.Hour

// purposeRequest is what requests are sealed for.
const purposeRequest = "log-in request"

func newLoginRequest(r *oidc.AuthRequest) *loginRequest {
	request := &loginRequest{
		Client: r.ClientID, Redirect: r.RedirectURI, State: r.State, Nonce: r.Nonce, Challenge: r.CodeChallenge,
		Hint: r.LoginHint, Scopes: r.Scopes, MaxAge: r.MaxAge, At: time.Now(),
	}
	if slices.Contains(r.Prompt, oidc.PromptSelectAccount) {
		request.MaxAge = new(uint(0))
	}
	return request
}

// fresh tells whether a log-in is recent enough for the request.
func (r *loginRequest) fresh(loggedIn, now time.Time) bool {
	return r.MaxAge == nil || now.Sub(loggedIn) < time.Duration(*r.MaxAge)*time.Second
}

func (s *Service) sealRequest(r *loginRequest) (string, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(s.box.Seal(purposeRequest, text)), nil
}

var errRequest = errors.New("the log-in was begun too long ago, or not by an application")

func (s *Service) openRequest(sealed string) (*loginRequest, error) {
	bytes, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return nil, errRequest
	}
	text, err := s.box.Open(purposeRequest, bytes)
	if err != nil {
		return nil, errRequest
	}
	r := new(loginRequest)
	if err := json.Unmarshal(text, r); err != nil || time.Since(r.At) > requestLifetime || s.clients[r.Client] == nil {
		return nil, errRequest
	}
	return r, nil
}
