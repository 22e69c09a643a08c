package identity_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pulselearn/campus-hub/platform/identity"
)

const secret = "no secret at all, and long enough for one"

func newServices(t *testing.T, secret string) *identity.Services {
	t.Helper()
	s, err := identity.NewServices(secret)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func serviceToken(t *testing.T, from, to string) string {
	t.Helper()
	token, err := newServices(t, secret).Token(from, to)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestServicesKnowEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServices(t, secret)
		token, err := s.Token("enrollment", "course")
		if err != nil || !identity.OfService(token) {
			t.Fatal(token, err)
		}
		there := newServices(t, secret)
		c, err := there.Verify(token, "course")
		if err != nil || c.Name() != "service:enrollment" || c.Subject != "" {
			t.Errorf("got %+v, %v", c, err)
		}
		time.Sleep(39 * time.Second)
		if again, _ := s.Token("enrollment", "course"); again != token {
			t.Error("a token that is valid for a while is not used again")
		}
		time.Sleep(2 * time.Second)
		if again, _ := s.Token("enrollment", "course"); again == token {
			t.Error("a token is used until its end")
		}
		time.Sleep(time.Minute)
		if _, err := there.Verify(token, "course"); err == nil {
			t.Error("a token of a minute is taken after two")
		}
	})
}

func TestServicesRefuse(t *testing.T) {
	t.Parallel()
	i, s := newProvider(t).current.Load(), newServices(t, secret)
	good := serviceToken(t, "enrollment", "course")
	for name, test := range map[string]struct {
		services *identity.Services
		token    string
		to       string
		says     string
	}{
		"another context's token":  {s, good, "billing", "audience"},
		"another secret":           {newServices(t, strings.Repeat("x", 32)), good, "course", "secret"},
		"a person's token":         {s, sign(t, i, i.Claims("ada")), "course", "service"},
		"a token that was changed": {s, good[:len(good)-2] + "AA", "course", "secret"},
		"no secret":                {nil, good, "course", "PL_SERVICE_SECRET"},
		"nothing":                  {s, "", "course", "parts"},
	} {
		c, err := test.services.Verify(test.token, test.to)
		var refused *identity.TokenError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), test.says) || !c.Anonymous() {
			t.Errorf("%s: %+v, %v; want a refusal that says %q", name, c, err, test.says)
		}
	}
	if _, err := identity.NewServices(strings.Repeat("x", 31)); err == nil {
		t.Error("a secret of 31 bytes is taken")
	}
}
