// Package auth keeps the accounts that people log in with and their sessions,
// and is the OpenID Connect provider that gives out their tokens.
package auth

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	authservice "github.com/pulselearn/campus-hub/gen/service/auth"
	"github.com/pulselearn/campus-hub/platform/mail"
	"github.com/pulselearn/campus-hub/platform/service"
	"github.com/pulselearn/campus-hub/services/auth/password"
	"github.com/pulselearn/campus-hub/services/auth/seal"
)

// contextName is the context's name, by which its database is known.
const contextName = "auth"

// keyFile is the file in the data directory that holds the key of secrets when
// none is configured.
const keyFile = "auth.key"

// Service implements the handlers of the context.
type Service struct {
	passwords *password.Hasher
	box       *seal.Box
	clients   map[string]*client
	keys      sync.Map // *rsa.PrivateKey by kid, as they were unsealed

	issuer   string
	embedded bool                // accounts that everybody knows the password of are welcome
	mail     mail.Sender         // nil where no mail goes out
	run      *authservice.Runner // from Prepare on
	settings service.Provider
}

// New returns the service.
func New() *Service {
	return &Service{passwords: password.NewHasher(runtime.GOMAXPROCS(0))}
}

// Configure takes the settings of the log-in. The key of its secrets comes
// from PL_AUTH_KEY, or is made in the data directory when the database is
// there as well, because then no other machine needs it.
func (s *Service) Configure(cfg *service.Config) (err error) {
	s.issuer, s.embedded, s.settings = cfg.PublicURL, cfg.Embedded(), cfg.Provider
	if s.settings.SessionIdle == 0 || s.settings.SessionLifetime == 0 || s.settings.KeyLifetime == 0 {
		s.settings.SessionIdle, s.settings.SessionLifetime, s.settings.KeyLifetime = defaultIdle, defaultLifetime, defaultKeyLifetime
	}
	keys := s.settings.Keys
	if len(keys) == 0 {
		key, err := ownKey(cfg)
		if err != nil {
			return fmt.Errorf("PL_AUTH_KEY: %w", err)
		}
		keys = [][]byte{key}
	}
	if s.box, err = seal.New(keys...); err != nil {
		return fmt.Errorf("PL_AUTH_KEY: %w", err)
	}
	s.clients, err = loadClients(s.settings.Clients, s.issuer, s.embedded)
	if err != nil {
		return fmt.Errorf("PL_AUTH_CLIENTS: %w", err)
	}
	s.mail, err = newMail(cfg)
	return err
}

// newMail returns where mail goes: to a server, or to a directory of the
// embedded default. Elsewhere there is no mail without a server, because
// whoever can read a directory could set everybody's password.
func newMail(cfg *service.Config) (mail.Sender, error) {
	if cfg.SMTPAddr == "" && !cfg.Embedded() {
		slog.Info("there is no mail server (PL_SMTP_ADDR): people who forget their password need an administrator")
		return nil, nil
	}
	return mail.New(mail.Config{
		Addr: cfg.SMTPAddr, User: cfg.SMTPUser, Password: cfg.SMTPPassword, From: cfg.MailFrom,
		Dir: filepath.Join(cfg.DataDir, "mail"),
	})
}

// The defaults of settings, for a configuration that was not loaded.
const (
	defaultIdle        = 24 * time.Hour
	defaultLifetime    = 14 * 24 * time.Hour
	defaultKeyLifetime = 30 * 24 * time.Hour
)

func ownKey(cfg *service.Config) ([]byte, error) {
	if !cfg.OwnDatabase(contextName) {
		return nil, errors.New("needed, because the context's database is shared: give every process that serves auth the same 32 bytes in base64, as \"openssl rand -base64 32\" makes them")
	}
	if err := os.MkdirAll(cfg.DataDir, 0o750); err != nil {
		return nil, err
	}
	return seal.LoadKey(filepath.Join(cfg.DataDir, keyFile))
}

// secure tells whether people reach the provider over TLS.
func (s *Service) secure() bool { return strings.HasPrefix(s.issuer, "https://") }

// HTTP returns the provider and its log-in page.
func (s *Service) HTTP(run *authservice.Runner) http.Handler { return newProvider(s, run).handler() }

// Prepare makes sure that the stored signing keys can be used, and that the
// accounts of the embedded default are there.
func (s *Service) Prepare(ctx context.Context, run *authservice.Runner) error {
	s.run = run
	if err := s.checkKeys(ctx, run); err != nil || !s.embedded {
		return err
	}
	return s.seed(ctx, run)
}

// unsealed returns a private key that was unsealed before.
func (s *Service) unsealed(kid string) *rsa.PrivateKey {
	if key, ok := s.keys.Load(kid); ok {
		return key.(*rsa.PrivateKey)
	}
	return nil
}
