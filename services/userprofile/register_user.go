package userprofile

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"connectrpc.com/connect/v2"

	ent "github.com/pulselearn/campus-hub/gen/ent/userprofile"
	userprofilev1event "github.com/pulselearn/campus-hub/gen/event/userprofile/v1"
	userprofilev1 "github.com/pulselearn/campus-hub/gen/proto/pl/userprofile/v1"
	userprofileservice "github.com/pulselearn/campus-hub/gen/service/userprofile"
)

// RegisterUser creates a profile and announces the new person.
func (s *Service) RegisterUser(ctx context.Context, tx *userprofileservice.Tx, req *userprofilev1.RegisterUserRequest) (*userprofilev1.RegisterUserResponse, error) {
	email, err := parseEmail(req.GetEmail())
	if err != nil {
		return nil, err
	}
	locale, zone := cmp.Or(req.GetLocale(), defaultLocale), cmp.Or(req.GetTimeZone(), defaultTimeZone)
	if err := checkPlace(locale, zone); err != nil {
		return nil, err
	}
	if err := checkPreferences(req.GetPreferences()); err != nil {
		return nil, err
	}
	terms := tx.Now()
	if t := req.GetTermsAcceptedAt(); t != nil {
		terms = t.AsTime().Truncate(time.Microsecond)
	}
	user, err := tx.User.Create().
		SetID(tx.NewID()).
		SetDisplayName(req.GetDisplayName()).
		SetEmail(email).
		SetRole(userprofileservice.UserRole(req.GetRole())).
		SetLocale(locale).
		SetTimeZone(zone).
		SetInterests(req.GetInterests()).
		SetAttributes(req.GetAttributes()).
		SetEmailEnabled(req.GetPreferences().GetEmailEnabled()).
		SetPushEnabled(req.GetPreferences().GetPushEnabled()).
		SetNillableQuietFromMinute(quietFrom(req.GetPreferences())).
		SetNillableQuietUntilMinute(quietUntil(req.GetPreferences())).
		SetRevision(1).
		SetTermsAcceptedAt(terms).
		SetCreatedAt(tx.Now()).
		SetUpdatedAt(tx.Now()).
		Save(ctx)
	if ent.IsConstraintError(err) {
		return nil, errEmailTaken
	}
	if err != nil {
		return nil, fmt.Errorf("store new user: %w", err)
	}
	if err := tx.Publish(ctx, registered(user)); err != nil {
		return nil, err
	}
	return &userprofilev1.RegisterUserResponse{User: userprofileservice.UserProto(user)}, nil
}

var errEmailTaken = connect.NewError(connect.CodeAlreadyExists, "email: another profile has this address; sign in there, or use another address")

func registered(u *ent.User) *userprofilev1event.UserRegistered {
	return &userprofilev1event.UserRegistered{
		UserID:          u.ID,
		DisplayName:     u.DisplayName,
		Email:           u.Email,
		Role:            roleOf(u.Role),
		Locale:          u.Locale,
		TimeZone:        u.TimeZone,
		Interests:       u.Interests,
		Attributes:      u.Attributes,
		Preferences:     preferencesOf(u),
		TermsAcceptedOn: u.TermsAcceptedAt,
		OccurredAt:      u.CreatedAt,
	}
}
