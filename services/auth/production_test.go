package auth_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"

	"github.com/pulselearn/campus-hub/gen/ent/auth/account"
	authv1 "github.com/pulselearn/campus-hub/gen/proto/pl/auth/v1"
	authservice "github.com/pulselearn/campus-hub/gen/service/auth"
	"github.com/pulselearn/campus-hub/platform/platformtest"
	"github.com/pulselearn/campus-hub/platform/service"
	"github.com/pulselearn/campus-hub/platform/tx"
	"github.com/pulselearn/campus-hub/services/auth"
	"github.com/pulselearn/campus-hub/services/auth/migrations"
	"github.com/pulselearn/campus-hub/services/auth/password"
)

// production is a service that is told that its broker is elsewhere.
type production struct{ *auth.Service }

// Configure implements [service.Configurable].
func (p production) Configure(cfg *service.Config) error {
	own := *cfg
	own.KafkaBrokers, own.PublicURL = []string{"kafka.example:9092"}, "https://campus.example"
	return p.Service.Configure(&own)
}

// In production there are no accounts that everybody knows, nobody gets in with
// their password, and cookies are for TLS alone.
func TestProduction(t *testing.T) {
	register := func(app *service.App) {
		authservice.Register(app, production{auth.New()}, migrations.Files)
	}
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		b := newBrowser(h)
		visit := newVisit()
		page := b.get(strings.Replace(b.location(b.authorize(visit)).String(), issuer, "https://campus.example", 1))
		login := func(name string) answer {
			return b.post("https://campus.example/oauth/login", form(page.body, name, seeded))
		}
		if a := login("ada"); a.StatusCode != http.StatusUnauthorized {
			h.T.Errorf("ada: %s", a.Status)
		}
		hash, err := password.NewHasher(1).Hash(h.T.Context(), seeded)
		if err != nil {
			h.T.Fatal(err)
		}
		h.InTx("auth", func(ctx context.Context, core *tx.Tx) error {
			tx := authservice.NewTx(core)
			return tx.Account.Create().SetID(tx.NewID()).SetEmail("old@campus.example").SetDisplayName("Old").SetRole(account.RoleAdmin).
				SetPasswordHash(hash).SetPasswordChangedAt(tx.Now()).SetCreatedAt(tx.Now()).Exec(ctx)
		})
		if a := login("old@campus.example"); a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, "known to everybody") {
			h.T.Errorf("with the password of the embedded default: %s %s", a.Status, a.body)
		}
		for _, cookie := range page.Cookies() {
			if !cookie.Secure || !strings.HasPrefix(cookie.Name, "__Secure-") {
				h.T.Errorf("cookie %+v", cookie)
			}
		}
		_, err = handle(b, administrator, (*auth.Service).CreateAccount, &authv1.CreateAccountRequest{Email: "new@campus.example", DisplayName: "New", Password: seeded})
		if connect.CodeOf(err) != connect.CodeInvalidArgument {
			h.T.Errorf("the password is given to a new account: %v", err)
		}
	})
}

// What a service that people log in with does not start with.
func TestRefusedConfigurations(t *testing.T) {
	key := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for name, test := range map[string]struct {
		environ []string
		want    string // in the error, "" for none
	}{
		"a shared database and no key":  {[]string{"PL_DATABASE_URL=postgres://auth@db.example/auth"}, "PL_AUTH_KEY: needed"},
		"a shared database and a key":   {[]string{"PL_DATABASE_URL=postgres://auth@db.example/auth", "PL_AUTH_KEY=" + key}, ""},
		"its own database":              {nil, ""},
		"a short key":                   {[]string{"PL_AUTH_KEY=c2hvcnQ="}, "PL_AUTH_KEY: a key is not 32 bytes"},
		"a path in the public URL":      {[]string{"PL_PUBLIC_URL=https://campus.example/hub"}, "PL_PUBLIC_URL"},
		"a session of a second":         {[]string{"PL_AUTH_SESSION_IDLE=1s"}, "PL_AUTH_SESSION_IDLE"},
		"a file of clients that is not": {[]string{"PL_AUTH_CLIENTS=" + filepath.Join(t.TempDir(), "none.yaml")}, "PL_AUTH_CLIENTS"},
	} {
		cfg, err := service.LoadConfig(append(test.environ, "PL_DATA_DIR="+t.TempDir()))
		if err == nil {
			err = auth.New().Configure(cfg)
		}
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}
