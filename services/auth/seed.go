package auth

import (
	"context"
	"fmt"
	"log/slog"

	ent "github.com/pulselearn/campus-hub/gen/ent/auth"
	"github.com/pulselearn/campus-hub/gen/ent/auth/account"
	authservice "github.com/pulselearn/campus-hub/gen/service/auth"
)

// seededPassword is that of every account of the embedded default. Whoever has
// it elsewhere cannot log in.
const seededPassword = "pulselearn"

// A seeded account has the same id everywhere, so that examples can name it.
var seeded = []struct {
	id, username, displayName string
	role                      account.Role
}{
	{"01900000-0000-7000-8000-000000000ada", "ada", "Ada", account.RoleStudent},
	{"01900000-0000-7000-8000-000000000be2", "ben", "Ben", account.RoleStudent},
	{"01900000-0000-7000-8000-000000007e55", "tess", "Tess", account.RoleTeacher},
	{"01900000-0000-7000-8000-000000004007", "root", "Root", account.RoleAdmin},
}

// seed creates the accounts of the embedded default that are not there.
func (s *Service) seed(ctx context.Context, run *authservice.Runner) error {
	present := 0
	err := run.Read(ctx, func(ctx context.Context, r *authservice.Reader) (err error) {
		present, err = r.Account.Query().Where(account.IDIn(seededIDs()...)).Count(ctx)
		return err
	})
	if err == nil && present < len(seeded) {
		err = s.addSeeded(ctx, run)
	}
	if err != nil {
		return fmt.Errorf("create the accounts of the embedded default: %w", err)
	}
	slog.InfoContext(ctx, "accounts to try it out, in this embedded default only: log in as ada or ben (students), tess (teacher) or root (admin)", "password", seededPassword)
	return nil
}

func (s *Service) addSeeded(ctx context.Context, run *authservice.Runner) error {
	hash, err := s.passwords.Hash(ctx, seededPassword)
	if err != nil {
		return err
	}
	return run.InTx(ctx, func(ctx context.Context, tx *authservice.Tx) error {
		for _, a := range seeded {
			_, err := tx.Account.Get(ctx, a.id)
			if ent.IsNotFound(err) {
				_, err = createAccount(ctx, tx, newAccount{
					id: a.id, email: a.username + "@campus.example", username: &a.username, displayName: a.displayName, role: a.role, hash: hash,
				})
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func seededIDs() []string {
	ids := make([]string, len(seeded))
	for i := range seeded {
		ids[i] = seeded[i].id
	}
	return ids
}
