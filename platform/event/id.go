package event

import "github.com/google/uuid"

// NewID returns a new event id: a UUID of version 7 in its text form. Ids of
// one process sort in the order in which they were made. Call it once an
// event: an id made again for a retry would be another event.
func NewID() string {
	return uuid.Must(uuid.NewV7()).String()
}
