package userprofile

import (
	"context"
	"fmt"
	"slices"

	"connectrpc.com/connect/v2"

	ent "github.com/pulselearn/campus-hub/gen/ent/userprofile"
	"github.com/pulselearn/campus-hub/gen/ent/userprofile/user"
	userprofilev1event "github.com/pulselearn/campus-hub/gen/event/userprofile/v1"
	userprofilev1 "github.com/pulselearn/campus-hub/gen/proto/pl/userprofile/v1"
	userprofileservice "github.com/pulselearn/campus-hub/gen/service/userprofile"
)

// UpdateProfile changes the fields that the request carries. A request that
// changes nothing publishes nothing.
func (s *Service) UpdateProfile(ctx context.Context, tx *userprofileservice.Tx, req *userprofilev1.UpdateProfileRequest) (*userprofilev1.UpdateProfileResponse, error) {
	before, err := tx.User.Get(ctx, req.GetUserId())
	if err != nil {
		return nil, fmt.Errorf("find user: %w", err)
	}
	if req.ExpectedRevision != nil && before.Revision != req.GetExpectedRevision() {
		return nil, connect.Errorf(connect.CodeFailedPrecondition,
			"expected_revision: the profile has revision %d; read it again and repeat the change", before.Revision)
	}
	c := &changes{before: before, update: tx.User.UpdateOne(before).Where(user.Revision(before.Revision))}
	if err := c.apply(req); err != nil {
		return nil, err
	}
	if len(c.changed) == 0 {
		return &userprofilev1.UpdateProfileResponse{User: userprofileservice.UserProto(before)}, nil
	}
	after, err := c.update.SetRevision(before.Revision + 1).SetUpdatedAt(tx.Now()).Save(ctx)
	switch {
	case ent.IsConstraintError(err):
		return nil, errEmailTaken
	case ent.IsNotFound(err):
		return nil, connect.NewError(connect.CodeAborted, "the profile was changed at the same time; send the request again")
	case err != nil:
		return nil, fmt.Errorf("update user %s: %w", before.ID, err)
	}
	if err := tx.Publish(ctx, updated(after, c.changed)); err != nil {
		return nil, err
	}
	return &userprofilev1.UpdateProfileResponse{User: userprofileservice.UserProto(after)}, nil
}

// changes collects what differs from the profile as it was.
type changes struct {
	before  *ent.User
	update  *ent.UserUpdateOne
	changed []userprofilev1event.ProfileField
}

func (c *changes) apply(req *userprofilev1.UpdateProfileRequest) error {
	if err := c.email(req.Email); err != nil {
		return err
	}
	c.text(req.DisplayName, c.before.DisplayName, userprofilev1event.ProfileFieldDisplayName, c.update.SetDisplayName)
	c.text(req.Bio, c.before.Bio, userprofilev1event.ProfileFieldBio, c.update.SetBio)
	c.text(req.Locale, c.before.Locale, userprofilev1event.ProfileFieldLocale, c.update.SetLocale)
	c.text(req.TimeZone, c.before.TimeZone, userprofilev1event.ProfileFieldTimeZone, c.update.SetTimeZone)
	if err := c.checkPlace(req); err != nil {
		return err
	}
	c.interests(req.GetInterests())
	return c.preferences(req.GetPreferences())
}

func (c *changes) text(value *string, before string, field userprofilev1event.ProfileField, set func(string) *ent.UserUpdateOne) {
	if value != nil && *value != before {
		set(*value)
		c.changed = append(c.changed, field)
	}
}

func (c *changes) email(value *string) error {
	if value == nil {
		return nil
	}
	address, err := parseEmail(*value)
	if err != nil {
		return err
	}
	c.text(&address, c.before.Email, userprofilev1event.ProfileFieldEmail, c.update.SetEmail)
	return nil
}

func (c *changes) checkPlace(req *userprofilev1.UpdateProfileRequest) error {
	locale, zone := c.before.Locale, c.before.TimeZone
	if req.Locale != nil {
		locale = req.GetLocale()
	}
	if req.TimeZone != nil {
		zone = req.GetTimeZone()
	}
	return checkPlace(locale, zone)
}

func (c *changes) interests(list *userprofilev1.Interests) {
	if list != nil && !slices.Equal(list.GetSubjects(), c.before.Interests) {
		c.update.SetInterests(list.GetSubjects())
		c.changed = append(c.changed, userprofilev1event.ProfileFieldInterests)
	}
}

func (c *changes) preferences(p *userprofilev1.ContactPreferences) error {
	if p == nil {
		return nil
	}
	if err := checkPreferences(p); err != nil {
		return err
	}
	c.update.SetEmailEnabled(p.GetEmailEnabled()).SetPushEnabled(p.GetPushEnabled())
	if p.QuietFromMinute == nil {
		c.update.ClearQuietFromMinute().ClearQuietUntilMinute()
	} else {
		c.update.SetQuietFromMinute(p.GetQuietFromMinute()).SetQuietUntilMinute(p.GetQuietUntilMinute())
	}
	if !samePreferences(c.before, p) {
		c.changed = append(c.changed, userprofilev1event.ProfileFieldPreferences)
	}
	return nil
}

func samePreferences(u *ent.User, p *userprofilev1.ContactPreferences) bool {
	return u.EmailEnabled == p.GetEmailEnabled() && u.PushEnabled == p.GetPushEnabled() &&
		sameMinute(u.QuietFromMinute, p.QuietFromMinute) && sameMinute(u.QuietUntilMinute, p.QuietUntilMinute)
}

func sameMinute(a, b *int32) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

func updated(u *ent.User, changed []userprofilev1event.ProfileField) *userprofilev1event.ProfileUpdated {
	e := &userprofilev1event.ProfileUpdated{
		UserID:      u.ID,
		Revision:    u.Revision,
		Changed:     changed,
		DisplayName: u.DisplayName,
		Email:       u.Email,
		Locale:      u.Locale,
		TimeZone:    u.TimeZone,
		Interests:   u.Interests,
		Preferences: preferencesOf(u),
		OccurredAt:  u.UpdatedAt,
	}
	if u.Bio != "" {
		e.Bio = &u.Bio
	}
	return e
}
