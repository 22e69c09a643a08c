package notification

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	entnotification "github.com/pulselearn/campus-hub/gen/ent/notification/notification"
	achievementv1event "github.com/pulselearn/campus-hub/gen/event/achievement/v1"
	notificationv1event "github.com/pulselearn/campus-hub/gen/event/notification/v1"
	notificationservice "github.com/pulselearn/campus-hub/gen/service/notification"
)

// OnBadgeAwarded congratulates the student.
func (s *Service) OnBadgeAwarded(ctx context.Context, tx *notificationservice.Tx, e *achievementv1event.BadgeAwarded) error {
	return tell(ctx, tx, note{
		studentID: e.StudentID,
		category:  entnotification.CategoryAchievement,
		priority:  entnotification.PriorityNormal,
		title:     "New badge: " + e.Title,
		body:      congratulation(e),
		link:      "/badges/" + e.BadgeID,
		parameters: map[string]string{
			"badgeId": e.BadgeID,
			"kind":    string(e.Kind),
			"points":  strconv.Itoa(int(e.Points)),
		},
		sourceID: e.BadgeID,
		about: notificationv1event.NotificationCreatedAboutOfAboutBadge(&notificationv1event.AboutBadge{
			BadgeID: e.BadgeID, Points: e.Points, Course: e.Course,
		}),
	})
}

// congratulation is the text for a badge, for example: You earned the badge
// "Ace" in Algebra I with a score of 95%. It is worth 50 points.
func congratulation(e *achievementv1event.BadgeAwarded) string {
	var b strings.Builder
	verb := "earned"
	if e.AwardedBy != nil {
		verb = "were given"
	}
	fmt.Fprintf(&b, "You %s the badge %q", verb, e.Title)
	if e.Course != nil && e.Course.Title != "" {
		fmt.Fprintf(&b, " in %s", e.Course.Title)
	}
	if e.Score != nil {
		fmt.Fprintf(&b, " with a score of %.0f%%", *e.Score*100)
	}
	b.WriteString(".")
	if e.Reason != nil {
		fmt.Fprintf(&b, " Your teacher wrote: %q", *e.Reason)
	}
	if e.Points > 0 {
		fmt.Fprintf(&b, " It is worth %d points.", e.Points)
	}
	return b.String()
}
