package notification

import (
	"context"
	"fmt"

	ent "github.com/pulselearn/campus-hub/gen/ent/notification"
	entnotification "github.com/pulselearn/campus-hub/gen/ent/notification/notification"
	notificationv1event "github.com/pulselearn/campus-hub/gen/event/notification/v1"
	notificationservice "github.com/pulselearn/campus-hub/gen/service/notification"
)

// A note is something to tell a student.
type note struct {
	studentID  string
	category   entnotification.Category
	priority   entnotification.Priority
	title      string
	body       string
	link       string
	parameters map[string]string
	sourceID   string
	about      notificationv1event.NotificationCreatedAbout
}

// tell stores a notification and announces it.
func tell(ctx context.Context, tx *notificationservice.Tx, n note) error {
	stored, err := tx.Notification.Create().
		SetID(tx.NewID()).
		SetStudentID(n.studentID).
		SetCategory(n.category).
		SetPriority(n.priority).
		SetTitle(n.title).
		SetBody(n.body).
		SetLink(n.link).
		SetParameters(n.parameters).
		SetSourceID(n.sourceID).
		SetCreatedAt(tx.Now()).
		Save(ctx)
	if err != nil {
		return fmt.Errorf("store notification about %s: %w", n.sourceID, err)
	}
	return tx.Publish(ctx, created(stored, n))
}

func created(stored *ent.Notification, n note) *notificationv1event.NotificationCreated {
	e := &notificationv1event.NotificationCreated{
		StudentID:      stored.StudentID,
		NotificationID: stored.ID,
		Category:       categoryOf(n.category),
		Priority:       priorityOf(n.priority),
		Title:          stored.Title,
		Body:           stored.Body,
		About:          n.about,
		Parameters:     stored.Parameters,
		OccurredAt:     stored.CreatedAt,
	}
	if stored.Link != "" {
		e.Link = &stored.Link
	}
	return e
}

func categoryOf(c entnotification.Category) notificationv1event.NotificationCategory {
	switch c {
	case entnotification.CategoryAccount:
		return notificationv1event.NotificationCategoryAccount
	case entnotification.CategoryAchievement:
		return notificationv1event.NotificationCategoryAchievement
	}
	return notificationv1event.NotificationCategoryUnknown
}

func priorityOf(p entnotification.Priority) notificationv1event.NotificationPriority {
	switch p {
	case entnotification.PriorityLow:
		return notificationv1event.NotificationPriorityLow
	case entnotification.PriorityHigh:
		return notificationv1event.NotificationPriorityHigh
	}
	return notificationv1event.NotificationPriorityNormal
}
