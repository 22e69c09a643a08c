package auth

import (
	"context"
	"net/mail"
	"regexp"
	"strings"
	"unicode/utf8"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/types/known/timestamppb"

	ent "github.com/pulselearn/campus-hub/gen/ent/auth"
	"github.com/pulselearn/campus-hub/gen/ent/auth/account"
	authv1event "github.com/pulselearn/campus-hub/gen/event/auth/v1"
	authv1 "github.com/pulselearn/campus-hub/gen/proto/pl/auth/v1"
	authservice "github.com/pulselearn/campus-hub/gen/service/auth"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

// The bounds of what people type.
const (
	minPassword = 10
	maxPassword = 256
	maxName     = 254
)

type newAccount struct {
	id, email         string
	username          *string
	displayName, hash string
	role              account.Role
}

// createAccount stores an account and publishes that.
func createAccount(ctx context.Context, tx *authservice.Tx, a newAccount) (*ent.Account, error) {
	stored, err := tx.Account.Create().SetID(a.id).SetEmail(a.email).SetNillableUsername(a.username).SetDisplayName(a.displayName).
		SetRole(a.role).SetPasswordHash(a.hash).SetPasswordChangedAt(tx.Now()).SetCreatedAt(tx.Now()).Save(ctx)
	if ent.IsConstraintError(err) {
		return nil, connect.NewError(connect.CodeAlreadyExists, "another account has this e-mail address or user name; log in there, or use another")
	}
	if err != nil {
		return nil, err
	}
	return stored, tx.Publish(ctx, &authv1event.AccountCreated{
		UserID: stored.ID, Role: publishedRoles[stored.Role], DisplayName: stored.DisplayName, Email: stored.Email, OccurredAt: tx.Now(),
	})
}

// publishedRoles is how events name the roles.
var publishedRoles = map[account.Role]authv1event.Role{
	account.RoleStudent: authv1event.RoleStudent,
	account.RoleTeacher: authv1event.RoleTeacher,
	account.RoleAdmin:   authv1event.RoleAdmin,
}

// view is an account as people see it: without the hash of its password.
func view(a *ent.Account) *authv1.AccountView {
	v := &authv1.AccountView{
		Id: a.ID, Email: a.Email, DisplayName: a.DisplayName, Role: authservice.AccountRoleProto(a.Role),
		Disabled: a.DisabledAt != nil, CreatedAt: timestamppb.New(a.CreatedAt),
	}
	if a.Username != nil {
		v.Username = *a.Username
	}
	return v
}

// parseEmail returns an address as it is stored: bare and in lower case.
func parseEmail(text string) (string, error) {
	parsed, err := mail.ParseAddress(text)
	if err != nil || parsed.Address != strings.TrimSpace(text) {
		return "", rpc.Invalid("email", "is not an address like ada@example.org")
	}
	return strings.ToLower(parsed.Address), nil
}

var usernames = regexp.MustCompile(`^[a-z][a-z0-9._-]{1,31}$`)

func parseUsername(text string) (*string, error) {
	switch {
	case text == "":
		return nil, nil
	case !usernames.MatchString(text):
		return nil, rpc.Invalid("username", "has 2 to 32 lower-case letters, digits, dots, dashes and underscores, and begins with a letter")
	}
	return &text, nil
}

// checkPassword refuses what is easily guessed.
func (s *Service) checkPassword(field, typed string) error {
	if reason := s.weakness(typed); reason != "" {
		return rpc.Invalid(field, reason)
	}
	return nil
}

// weakness says what is wrong with a new password, or "".
func (s *Service) weakness(typed string) string {
	switch {
	case utf8.RuneCountInString(typed) < minPassword:
		return "has fewer than 10 characters"
	case len(typed) > maxPassword:
		return "has more than 256 bytes"
	case typed == seededPassword && !s.embedded:
		return "is known to everybody"
	}
	return ""
}
