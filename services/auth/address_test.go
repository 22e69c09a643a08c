package auth_test

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	authservice "github.com/pulselearn/campus-hub/gen/service/auth"
	"github.com/pulselearn/campus-hub/platform/gateway/door"
	"github.com/pulselearn/campus-hub/platform/platformtest"
	"github.com/pulselearn/campus-hub/platform/service"
	"github.com/pulselearn/campus-hub/platform/tx"
	"github.com/pulselearn/campus-hub/services/auth"
	"github.com/pulselearn/campus-hub/services/auth/migrations"
)

// behind is the service with a front door that trusts proxies.
type behind struct {
	*auth.Service
	proxies []netip.Prefix
}

// HTTP puts the door in front of the provider, as the process does.
func (s behind) HTTP(run *authservice.Runner) http.Handler {
	return door.New(door.Config{Proxies: s.proxies}).Guard(s.Service.HTTP(run))
}

// tryFrom tries a log-in with a header that says where it comes from.
func (b *browser) tryFrom(forwarded, name, typed string) int {
	b.T.Helper()
	page := b.get(b.location(b.authorize(newVisit())).String())
	return b.post("/oauth/login", form(page.body, name, typed), "X-Forwarded-For", forwarded).StatusCode
}

// counted sets what was counted for every account and address that has tried
// something, and returns how many there are.
func (b *browser) counted(tries int64) (n int) {
	b.T.Helper()
	b.InTx("auth", func(ctx context.Context, core *tx.Tx) (err error) {
		n, err = authservice.NewTx(core).LoginThrottle.Update().SetTries(tries).Save(ctx)
		return err
	})
	return n
}

// Behind a proxy that is trusted, whoever tries too often keeps nobody else
// out; and nobody gets further tries by saying that he is somebody else.
func TestTriesAreThoseOfTheClientsAddress(t *testing.T) {
	for name, test := range map[string]struct {
		proxies []netip.Prefix
		others  map[string]int // by what the header says, once the first address has no more tries
	}{
		"a trusted proxy": {[]netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}, map[string]int{
			"203.0.113.7": http.StatusTooManyRequests, "198.51.100.9, 203.0.113.7": http.StatusTooManyRequests, "203.0.113.8": http.StatusSeeOther,
		}},
		"no trusted proxy": {nil, map[string]int{
			"203.0.113.7": http.StatusTooManyRequests, "203.0.113.8": http.StatusTooManyRequests, "127.0.0.1": http.StatusTooManyRequests,
		}},
		"another trusted proxy": {[]netip.Prefix{netip.MustParsePrefix("192.0.2.2/32")}, map[string]int{
			"203.0.113.8": http.StatusTooManyRequests,
		}},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			register := func(app *service.App) { authservice.Register(app, behind{auth.New(), test.proxies}, migrations.Files) }
			platformtest.Run(t, register, func(h *platformtest.Harness) {
				if status := newBrowser(h).tryFrom("203.0.113.7", "", ""); status != http.StatusUnprocessableEntity {
					t.Fatalf("nothing typed: %d", status)
				}
				if status := newBrowser(h).tryFrom("203.0.113.7", "ben", "wrong password"); status != http.StatusUnauthorized {
					t.Fatalf("a wrong password: %d", status)
				}
				if n := newBrowser(h).counted(300); n != 2 { // the account and the address
					t.Fatalf("%d counts", n)
				}
				for header, want := range test.others {
					if status := newBrowser(h).tryFrom(header, "ada", seeded); status != want {
						t.Errorf("from %s: %d, want %d", header, status, want)
					}
				}
			})
		})
	}
}
