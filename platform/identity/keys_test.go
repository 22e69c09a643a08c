package identity_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/identity/identitytest"
)

// A provider is an issuer in the same process that can be away, can change its
// keys, and counts how often it is asked for them.
type provider struct {
	t       *testing.T
	current atomic.Pointer[identitytest.Issuer]
	url     string
	down    atomic.Bool
	asked   atomic.Int32
}

func newProvider(t *testing.T) *provider {
	p := &provider{t: t, url: "http://campus.example"}
	p.rotate()
	return p
}

// rotate gives the provider another key in place of the one that it has.
func (p *provider) rotate() *identitytest.Issuer {
	p.t.Helper()
	i, err := identitytest.Offline(p.url)
	if err != nil {
		p.t.Fatal(err)
	}
	p.current.Store(i)
	return i
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.down.Load() {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	if r.URL.Path == "/keys" {
		p.asked.Add(1)
	}
	p.current.Load().ServeHTTP(w, r)
}

func (p *provider) verifier() *identity.Verifier {
	return identity.NewVerifier(identity.Issuer{URL: p.url, Client: identity.Local(p)})
}

func (p *provider) token() string {
	p.t.Helper()
	i := p.current.Load()
	return sign(p.t, i, i.Claims("ada", identity.Student))
}

func wantVerified(t *testing.T, v *identity.Verifier, token string) {
	t.Helper()
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Errorf("a good token: %v", err)
	}
}

func wantRefused(t *testing.T, v *identity.Verifier, token string) {
	t.Helper()
	var refused *identity.TokenError
	if _, err := v.Verify(t.Context(), token); !errors.As(err, &refused) {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestKeysAreFetchedOnceAndKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t)
		v := p.verifier()
		token := p.token()
		var calls sync.WaitGroup
		for range 20 {
			calls.Go(func() { wantVerified(t, v, token) })
		}
		calls.Wait()
		p.down.Store(true)
		time.Sleep(20 * time.Minute) // the keys are old, and nobody has others
		wantVerified(t, v, p.token())
		synctest.Wait()
		wantVerified(t, v, p.token())
		if n := p.asked.Load(); n != 1 {
			t.Errorf("the keys were fetched %d times, want once", n)
		}
	})
}

func TestANewKeyIsFoundAndAnOldOneDropped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t)
		v := p.verifier()
		old := p.token()
		wantVerified(t, v, old)
		p.rotate()
		time.Sleep(11 * time.Second)
		wantVerified(t, v, p.token()) // an unknown key is asked for at once
		wantRefused(t, v, old)        // whose key the issuer has no longer
	})
}

func TestOldKeysAreRenewedWithoutAnUnknownOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t)
		v := p.verifier()
		old := sign(t, p.current.Load(), map[string]any{
			"iss": p.url, "aud": identity.DefaultAudience, "sub": "ada", "exp": time.Now().Add(24 * time.Hour).Unix(),
		})
		wantVerified(t, v, old)
		p.rotate() // because the key was stolen
		time.Sleep(16 * time.Minute)
		wantVerified(t, v, old) // nobody waits for the renewal that this begins
		synctest.Wait()
		wantRefused(t, v, old)
	})
}

// Whoever sends tokens with invented keys makes the issuer no more work than
// one question in ten seconds.
func TestUnknownKeysAreAskedForAtABoundedRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t)
		v := p.verifier()
		wantVerified(t, v, p.token())
		stranger, err := identitytest.Offline(p.url)
		if err != nil {
			t.Fatal(err)
		}
		bad := sign(t, stranger, stranger.Claims("ada"))
		for range 600 { // a minute
			wantRefused(t, v, bad)
			wantVerified(t, v, p.token())
			time.Sleep(100 * time.Millisecond)
		}
		if n := p.asked.Load(); n < 2 || n > 8 {
			t.Errorf("the issuer was asked %d times in a minute, want about seven", n)
		}
	})
}

func TestAnIssuerThatIsAwayIsNotTheTokensFault(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t)
		p.down.Store(true)
		v := p.verifier()
		if _, err := v.Verify(t.Context(), p.token()); !errors.Is(err, identity.ErrUnavailable) || !strings.Contains(err.Error(), "503") {
			t.Errorf("got %v, want it unavailable, and why", err)
		}
		p.down.Store(false)
		time.Sleep(2 * time.Second)
		wantVerified(t, v, p.token())
	})
}

func TestACallerDoesNotWaitLongerThanItWants(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t)
		release := make(chan struct{})
		slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			<-release
			p.ServeHTTP(w, r)
		})
		v := identity.NewVerifier(identity.Issuer{URL: p.url, Client: identity.Local(slow)})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		if _, err := v.Verify(ctx, p.token()); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("got %v after %s", err, time.Since(begin))
		}
		close(release)
		wantVerified(t, v, p.token())
	})
}

func TestDiscoveryOfAnotherIssuerIsRefused(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	for name, document := range map[string]string{
		"another issuer": `{"issuer":"http://evil.example","jwks_uri":"http://campus.example/keys"}`,
		"no JSON":        `<html>`,
		"no keys":        `{"issuer":"http://campus.example","jwks_uri":"http://campus.example/none"}`,
	} {
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case strings.HasPrefix(r.URL.Path, "/.well-known/"):
				_, _ = w.Write([]byte(document))
			case r.URL.Path == "/none":
				_, _ = w.Write([]byte(`{"keys":[]}`))
			default:
				p.ServeHTTP(w, r)
			}
		})
		v := identity.NewVerifier(identity.Issuer{URL: p.url, Client: identity.Local(h)})
		if _, err := v.Verify(t.Context(), p.token()); !errors.Is(err, identity.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A token that is remembered ends when it says so.
func TestRememberedTokensExpire(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t)
		v := p.verifier()
		claims := p.current.Load().Claims("ada")
		claims["exp"] = time.Now().Add(time.Minute).Unix()
		token := sign(t, p.current.Load(), claims)
		for range 2 { // the first fetches the keys
			wantVerified(t, v, token)
		}
		time.Sleep(89 * time.Second)
		wantVerified(t, v, token)
		time.Sleep(2 * time.Second)
		wantRefused(t, v, token)
	})
}
