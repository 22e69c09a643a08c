package userprofile

import (
	"context"
	"errors"
	"fmt"

	ent "github.com/pulselearn/campus-hub/gen/ent/userprofile"
	"github.com/pulselearn/campus-hub/gen/ent/userprofile/user"
	authv1event "github.com/pulselearn/campus-hub/gen/event/auth/v1"
	userprofileservice "github.com/pulselearn/campus-hub/gen/service/userprofile"
	"github.com/pulselearn/campus-hub/platform/bus"
)

// OnAccountCreated creates the profile of somebody who has got an account,
// with the account's id, and announces the new person.
func (s *Service) OnAccountCreated(ctx context.Context, tx *userprofileservice.Tx, e *authv1event.AccountCreated) error {
	role, ok := accountRoles[e.Role]
	if !ok {
		return bus.Reject(errors.New("the account has a role that this version does not know; redrive the event with a newer one"))
	}
	created, err := tx.User.Create().
		SetID(e.UserID).
		SetDisplayName(e.DisplayName).
		SetEmail(e.Email).
		SetRole(role).
		SetLocale(defaultLocale).
		SetTimeZone(defaultTimeZone).
		SetRevision(1).
		SetTermsAcceptedAt(e.OccurredAt).
		SetCreatedAt(tx.Now()).
		SetUpdatedAt(tx.Now()).
		Save(ctx)
	if ent.IsConstraintError(err) {
		return bus.Reject(fmt.Errorf("another profile has the account's id or address; change that one's address, and redrive the event: %w", err))
	}
	if err != nil {
		return fmt.Errorf("store the profile of account %s: %w", e.UserID, err)
	}
	return tx.Publish(ctx, registered(created))
}

var accountRoles = map[authv1event.Role]user.Role{
	authv1event.RoleStudent: user.RoleStudent,
	authv1event.RoleTeacher: user.RoleTeacher,
	authv1event.RoleAdmin:   user.RoleAdmin,
}
