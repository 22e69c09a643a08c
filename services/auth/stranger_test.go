package auth_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/pkg/client/rp"
	"github.com/zitadel/oidc/v3/pkg/oidc"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/kafkabus"
	"github.com/pulselearn/campus-hub/platform/database/postgres"
	"github.com/pulselearn/campus-hub/platform/database/sqlite"
	"github.com/pulselearn/campus-hub/platform/embedded/kafka"
	"github.com/pulselearn/campus-hub/platform/service"
)

// start runs a process with auth on real ports, and returns its issuer.
func start(t *testing.T, change func(cfg *service.Config)) (string, error) {
	t.Helper()
	cfg, err := service.LoadConfig([]string{
		"PL_HTTP_ADDR=127.0.0.1:0", "PL_ADMIN_ADDR=off", "PL_EMBEDDED_KAFKA_ADDR=127.0.0.1:0", "PL_EMBEDDED_REGISTRY_ADDR=127.0.0.1:0", "PL_DATA_DIR=" + t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg.PublicURL = strings.Replace("http://"+l.Addr().String(), "127.0.0.1", "localhost", 1)
	change(cfg)
	app := service.New("test")
	register(app)
	process, err := service.Start(t.Context(), app, cfg, service.Engines{
		OpenSQLite: sqlite.Open, OpenPostgres: postgres.Open,
		DialKafka: func(_ context.Context, to service.Kafka) (driver.Conn, error) {
			return kafkabus.Open(kafkabus.Config{Brokers: to.Brokers, ClientID: to.Client, Logger: to.Log})
		},
		EmbedBroker: func(ctx context.Context, dir, addr string, log *slog.Logger) (service.Broker, error) {
			return kafka.Start(ctx, kafka.Options{Addr: addr, DataDir: dir, Logger: log})
		},
		Listen: func(network, addr string) (net.Listener, error) {
			if addr == cfg.HTTPAddr && l != nil {
				defer func() { l = nil }()
				return l, nil
			}
			return net.Listen(network, addr)
		},
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		return "", err
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := process.Drain(ctx); err != nil {
			t.Error(err)
		}
	})
	return cfg.PublicURL, process.AwaitReady(t.Context())
}

// A relying party that others wrote goes through the whole of it over a
// network: discovery, code with PKCE, id token, user info, refresh, revocation,
// log-out.
func TestStranger(t *testing.T) {
	at, err := start(t, func(*service.Config) {})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	party, err := rp.NewRelyingPartyOIDC(ctx, at, "cli", "", callback, []string{oidc.ScopeOpenID, oidc.ScopeProfile, oidc.ScopeEmail, oidc.ScopeOfflineAccess})
	if err != nil {
		t.Fatal(err)
	}
	verifier := strings.Repeat("verifier", 6)
	begin := rp.AuthURL("a state", party, rp.WithCodeChallenge(oidc.NewSHACodeChallenge(verifier)))
	tokens, err := rp.CodeExchange[*oidc.IDTokenClaims](ctx, walk(t, begin), party, rp.WithCodeVerifier(verifier))
	if err != nil {
		t.Fatal(err)
	}
	if tokens.IDTokenClaims.Subject != adaID || tokens.IDTokenClaims.SessionID == "" {
		t.Errorf("id token %+v", tokens.IDTokenClaims)
	}
	who, err := rp.Userinfo[*oidc.UserInfo](ctx, tokens.AccessToken, tokens.TokenType, adaID, party)
	if err != nil || who.Email != "ada@campus.example" || who.PreferredUsername != "ada" {
		t.Errorf("userinfo %+v, %v", who, err)
	}
	next, err := rp.RefreshTokens[*oidc.IDTokenClaims](ctx, party, tokens.RefreshToken, "", "")
	if err != nil || next.RefreshToken == tokens.RefreshToken {
		t.Fatalf("refresh: %v", err)
	}
	if err := rp.RevokeToken(ctx, party, next.RefreshToken, "refresh_token"); err != nil {
		t.Errorf("revoke: %v", err)
	}
	if _, err := rp.RefreshTokens[*oidc.IDTokenClaims](ctx, party, next.RefreshToken, "", ""); err == nil {
		t.Error("a revoked token was refreshed")
	}
	if _, err := rp.EndSession(ctx, party, next.IDToken, "", "", "", nil); err != nil {
		t.Errorf("log-out: %v", err)
	}
}

// walk is what ada's browser does, and returns the code that it is sent to the
// application with.
func walk(t *testing.T, begin string) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	person := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), callback) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	page := fetch(t, person, begin, nil)
	to, err := fetch(t, person, page.Request.URL.Scheme+"://"+page.Request.URL.Host+"/oauth/login", form(page.body, "ada", seeded)).Location()
	if err != nil {
		t.Fatal(err)
	}
	return to.Query().Get("code")
}

func fetch(t *testing.T, person *http.Client, at string, values url.Values) answer {
	t.Helper()
	method := http.MethodGet
	if values != nil {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(t.Context(), method, at, strings.NewReader(values.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := person.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, response)
}
