package auth

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"

	ent "github.com/pulselearn/campus-hub/gen/ent/auth"
	"github.com/pulselearn/campus-hub/gen/ent/auth/signingkey"
	authservice "github.com/pulselearn/campus-hub/gen/service/auth"
)

const (
	// algorithm is the one that every OpenID Connect client knows.
	algorithm = jose.RS256
	keyBits   = 2048
	// keyLead is how long a key is published before it signs, so that whoever
	// caches the published keys has it by then.
	keyLead = time.Hour
	// purposeKey is what signing keys are sealed for.
	purposeKey = "signing key"
)

// signingKeys are the stored keys, the newest first.
type signingKeys []*ent.SigningKey

// signing returns the key that signs now: the newest that may, or else the
// oldest.
func (keys signingKeys) signing(now time.Time) *ent.SigningKey {
	for _, k := range keys {
		if !k.SignsAt.After(now) {
			return k
		}
	}
	return keys[len(keys)-1]
}

// retired returns the keys whose last tokens nobody needs to verify any more:
// the next one has signed for longer than a session lives.
func (keys signingKeys) retired(now time.Time, lifetime time.Duration) (ids []string) {
	for i, k := range keys {
		if i > 0 && keys[i-1].SignsAt.Add(lifetime+accessLifetime).Before(now) {
			ids = append(ids, k.ID)
		}
	}
	return ids
}

func (s *Service) loadKeys(ctx context.Context, query *ent.SigningKeyQuery) (signingKeys, error) {
	keys, err := query.Order(ent.Desc(signingkey.FieldSignsAt)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the signing keys: %w", err)
	}
	return keys, nil
}

// rotateKeys makes the first key, and the next one when the newest has signed
// for long enough.
func (s *Service) rotateKeys(ctx context.Context, run *authservice.Runner) error {
	var keys signingKeys
	var now time.Time
	err := run.Read(ctx, func(ctx context.Context, r *authservice.Reader) (err error) {
		now = r.Now()
		keys, err = s.loadKeys(ctx, r.SigningKey.Query())
		return err
	})
	switch {
	case err != nil:
		return err
	case len(keys) == 0:
		return s.addKey(ctx, run, "", now)
	case !now.Before(keys[0].SignsAt.Add(s.settings.KeyLifetime - keyLead)):
		return s.addKey(ctx, run, keys[0].ID, now.Add(keyLead))
	}
	return run.InTx(ctx, func(ctx context.Context, tx *authservice.Tx) error {
		_, err := tx.SigningKey.Delete().Where(signingkey.IDIn(keys.retired(tx.Now(), s.settings.SessionLifetime)...)).Exec(ctx)
		return err
	})
}

// addKey stores a new key, unless another process has stored the successor of
// the same one.
func (s *Service) addKey(ctx context.Context, run *authservice.Runner, replaced string, signsAt time.Time) error {
	private, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return fmt.Errorf("make a signing key: %w", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return fmt.Errorf("encode a signing key: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		return fmt.Errorf("encode a signing key: %w", err)
	}
	id := stableID("signing key " + string(public))
	err = run.InTx(ctx, func(ctx context.Context, tx *authservice.Tx) error {
		return tx.SigningKey.Create().SetID(id).SetSealed(s.box.Seal(purposeKey+id, secret)).SetPublicKey(public).
			SetCreatedAt(tx.Now()).SetSignsAt(signsAt).SetReplaces(replaced).
			OnConflictColumns(signingkey.FieldReplaces).DoNothing().Exec(ctx)
	})
	if err != nil && !errors.Is(err, sql.ErrNoRows) { // which Ent returns for an insert that did nothing
		return fmt.Errorf("store a signing key: %w", err)
	}
	return nil
}

// checkKeys fails with [seal.ErrOpen] when this process cannot open the key
// that signs now, and says so beforehand of the one that will.
func (s *Service) checkKeys(ctx context.Context, run *authservice.Runner) error {
	return run.Read(ctx, func(ctx context.Context, r *authservice.Reader) error {
		keys, err := s.loadKeys(ctx, r.SigningKey.Query())
		if err != nil || len(keys) == 0 {
			return err
		}
		if _, err := s.unseal(keys[0]); err != nil {
			slog.ErrorContext(ctx, "the next signing key cannot be used in this process, which will end when it signs", "at", keys[0].SignsAt, "error", err)
		}
		_, err = s.unseal(keys.signing(r.Now()))
		return err
	})
}

// unseal returns the private key of a stored one.
func (s *Service) unseal(k *ent.SigningKey) (*rsa.PrivateKey, error) {
	if key := s.unsealed(k.ID); key != nil {
		return key, nil
	}
	secret, err := s.box.Open(purposeKey+k.ID, k.Sealed)
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w; give PL_AUTH_KEY the key that it was stored with, behind a comma if it has been replaced", k.ID, err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(secret)
	if err != nil {
		return nil, fmt.Errorf("decode signing key %s: %w", k.ID, err)
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("signing key %s is not of RSA", k.ID)
	}
	s.keys.Store(k.ID, key)
	return key, nil
}

// published returns the keys that verify tokens.
func (keys signingKeys) published() (*jose.JSONWebKeySet, error) {
	set := &jose.JSONWebKeySet{Keys: make([]jose.JSONWebKey, 0, len(keys))}
	for _, k := range keys {
		public, err := x509.ParsePKIXPublicKey(k.PublicKey)
		if err != nil {
			return nil, fmt.Errorf("decode signing key %s: %w", k.ID, err)
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: public, KeyID: k.ID, Algorithm: string(algorithm), Use: "sig"})
	}
	return set, nil
}

// ids makes UUIDs from names.
var ids = uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://pulselearn.org/auth"))

// stableID returns the same UUID for the same name.
func stableID(name string) string { return uuid.NewSHA1(ids, []byte(name)).String() }
