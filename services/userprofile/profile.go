package userprofile

import (
	"net/mail"
	"regexp"
	"strings"
	"time"
	_ "time/tzdata" // zones are known where the system has no database of them

	ent "github.com/pulselearn/campus-hub/gen/ent/userprofile"
	"github.com/pulselearn/campus-hub/gen/ent/userprofile/user"
	commonv1event "github.com/pulselearn/campus-hub/gen/event/common/v1"
	userprofilev1event "github.com/pulselearn/campus-hub/gen/event/userprofile/v1"
	userprofilev1 "github.com/pulselearn/campus-hub/gen/proto/pl/userprofile/v1"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

// What is taken for granted of people who do not say where they live.
const (
	defaultLocale   = "en"
	defaultTimeZone = "UTC"
)

// parseEmail returns an address as it is stored: bare and in lower case.
func parseEmail(text string) (string, error) {
	address, err := mail.ParseAddress(text)
	if err != nil || address.Address != strings.TrimSpace(text) {
		return "", rpc.Invalid("email", "is not an address like ada@example.org")
	}
	return strings.ToLower(address.Address), nil
}

// language has the form of a BCP 47 tag: a language, and subtags.
var language = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`)

// checkPlace checks where and in which language a person lives.
func checkPlace(locale, zone string) error {
	if !language.MatchString(locale) {
		return rpc.Invalid("locale", "is not a language tag like de-CH")
	}
	if _, err := time.LoadLocation(zone); err != nil || zone == "Local" {
		return rpc.Invalid("time_zone", "is not an IANA name like Europe/Zurich")
	}
	return nil
}

func checkPreferences(p *userprofilev1.ContactPreferences) error {
	if (quietFrom(p) == nil) != (quietUntil(p) == nil) {
		return rpc.Invalid("preferences.quiet_until_minute", "is set together with quiet_from_minute, or not at all")
	}
	return nil
}

func quietFrom(p *userprofilev1.ContactPreferences) *int32 {
	if p == nil {
		return nil
	}
	return p.QuietFromMinute
}

func quietUntil(p *userprofilev1.ContactPreferences) *int32 {
	if p == nil {
		return nil
	}
	return p.QuietUntilMinute
}

// preferencesOf returns the preferences as events show them.
func preferencesOf(u *ent.User) commonv1event.ContactPreferences {
	channels := []commonv1event.Channel{commonv1event.ChannelInApp}
	if u.EmailEnabled {
		channels = append(channels, commonv1event.ChannelEmail)
	}
	if u.PushEnabled {
		channels = append(channels, commonv1event.ChannelPush)
	}
	return commonv1event.ContactPreferences{
		Channels:   channels,
		QuietFrom:  minuteOfDay(u.QuietFromMinute),
		QuietUntil: minuteOfDay(u.QuietUntilMinute),
	}
}

func minuteOfDay(minute *int32) *time.Duration {
	if minute == nil {
		return nil
	}
	return new(time.Duration(*minute) * time.Minute)
}

// roleOf returns the role as events show it.
func roleOf(r user.Role) userprofilev1event.UserRole {
	switch r {
	case user.RoleStudent:
		return userprofilev1event.UserRoleStudent
	case user.RoleTeacher:
		return userprofilev1event.UserRoleTeacher
	case user.RoleAdmin:
		return userprofilev1event.UserRoleAdmin
	}
	return userprofilev1event.UserRoleUnknown
}
