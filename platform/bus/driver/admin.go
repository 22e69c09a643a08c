package driver

import (
	"context"
	"time"
)

// Forever is the retention of a topic that never drops a record.
const Forever time.Duration = -1

// A TopicState is a topic as a broker has it, or is to have it.
type TopicState struct {
	Name       string
	Partitions int32
	// Retention is how long records are kept, in whole milliseconds, or
	// Forever.
	Retention time.Duration
	// Cleanup is how old records go: "delete", "compact" or "compact,delete",
	// as Kafka calls it.
	Cleanup string
	// Outdated says what else the driver sets otherwise today, in words for
	// people: the topic works, and ConfigureTopic sets it. It is "" for a topic
	// as the driver would create it now.
	Outdated string
}

// A TopicAdmin administers the topics of a broker. It is an optional part of a
// [Conn] for the tools that people run; a process at work needs
// Conn.EnsureTopics alone. It is safe for concurrent use. What a call changed,
// the calls after it see.
type TopicAdmin interface {
	// Topics returns the topics whose names begin with prefix, by name.
	Topics(ctx context.Context, prefix string) ([]TopicState, error)
	// CreateTopic creates a topic and fails when it exists.
	CreateTopic(ctx context.Context, t TopicState) error
	// ConfigureTopic sets retention and cleanup of a topic that exists, and
	// what is outdated. The partition count is ignored: it never changes.
	ConfigureTopic(ctx context.Context, t TopicState) error
	// DeleteTopic deletes a topic with all its records.
	DeleteTopic(ctx context.Context, name string) error
}
