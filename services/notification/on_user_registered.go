package notification

import (
	"context"
	"fmt"

	entnotification "github.com/pulselearn/campus-hub/gen/ent/notification/notification"
	notificationv1event "github.com/pulselearn/campus-hub/gen/event/notification/v1"
	userprofilev1event "github.com/pulselearn/campus-hub/gen/event/userprofile/v1"
	notificationservice "github.com/pulselearn/campus-hub/gen/service/notification"
)

// OnUserRegistered welcomes a new person.
func (s *Service) OnUserRegistered(ctx context.Context, tx *notificationservice.Tx, e *userprofilev1event.UserRegistered) error {
	return tell(ctx, tx, note{
		studentID: e.UserID,
		category:  entnotification.CategoryAccount,
		priority:  entnotification.PriorityLow,
		title:     "Welcome to PulseLearn",
		body:      fmt.Sprintf("Hello %s! %s", e.DisplayName, firstStep(e.Role)),
		link:      "/profile",
		sourceID:  e.UserID,
		about:     notificationv1event.NotificationCreatedAboutOfAboutAccount(&notificationv1event.AboutAccount{UserID: e.UserID}),
	})
}

// firstStep says what a person may want to do first.
func firstStep(r userprofilev1event.UserRole) string {
	switch r {
	case userprofilev1event.UserRoleTeacher:
		return "Draft your first course and publish it when it is ready."
	case userprofilev1event.UserRoleAdmin:
		return "The campus is yours to run."
	}
	return "Find a course, take its first quiz, and earn your first badge."
}
