package identity

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// ErrScheme says that an Authorization header holds something other than a
// bearer token.
var ErrScheme = errors.New("the header Authorization has to be: Bearer, a space, and an access token")

// BearerToken returns the token in the value of an Authorization header, and
// "" for an empty value. The scheme's name may be written in any case.
func BearerToken(authorization string) (string, error) {
	if authorization == "" {
		return "", nil
	}
	scheme, token, _ := strings.Cut(authorization, " ")
	token = strings.Trim(token, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", ErrScheme
	}
	return token, nil
}

// Authenticate puts the caller of each request into its context for next: the
// person whose token the Authorization header holds, or the anonymous caller.
// A request whose token is not good is answered by refused, with the error of
// [BearerToken] or [Verifier.Verify], and does not reach next. The token of a
// service is left to the calls behind next, which verify it themselves.
func Authenticate(v *Verifier, next http.Handler, refused func(w http.ResponseWriter, r *http.Request, err error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, err := BearerToken(r.Header.Get("Authorization"))
		if err == nil && OfService(token) {
			next.ServeHTTP(w, r)
			return
		}
		var c Caller
		if err == nil && token != "" {
			c, err = v.Verify(r.Context(), token)
		}
		if err != nil {
			refused(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(With(r.Context(), c)))
	})
}

// Local returns a client whose requests h answers in this process, whatever
// host they name: for an issuer that this process serves itself.
func Local(h http.Handler) *http.Client { return &http.Client{Transport: local{h}} }

type local struct{ handler http.Handler }

// RoundTrip implements [http.RoundTripper].
func (l local) RoundTrip(r *http.Request) (*http.Response, error) {
	a := &answer{header: http.Header{}, status: http.StatusOK}
	l.handler.ServeHTTP(a, r)
	return &http.Response{
		Status: fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)), StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Body: io.NopCloser(&a.body), ContentLength: int64(a.body.Len()), Request: r,
	}, nil
}

// answer collects what a handler writes.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }
