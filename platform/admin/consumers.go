package admin

import "time"

// A Service is what one process serves.
type Service struct {
	Service  string   `json:"service"`
	Contexts []string `json:"contexts"`
	// NotReady says for components that are not ready why not.
	NotReady map[string]string `json:"notReady,omitempty"`
}

// A Consumer is where a consumer is.
type Consumer struct {
	Context  string `json:"context"`
	Consumer string `json:"consumer"`
	Topic    string `json:"topic"`
	// Producer is the context that publishes the topic.
	Producer string `json:"producer"`
	// Start is "EARLIEST" or "LATEST": where a consumer without position begins.
	Start    string `json:"start"`
	SkipDead bool   `json:"skipDead,omitempty"`
	// Unready says why this process does not consume at the moment: it has not
	// joined the group, or a partition of it is not claimed.
	Unready    string     `json:"unready,omitempty"`
	Partitions []Position `json:"partitions"`
}

// A Position is where a consumer is in one partition.
type Position struct {
	Partition int32 `json:"partition"`
	// Next is the offset of the next record; -1 and -2 mean that the consumer
	// begins at new records or at the oldest. Epoch counts the claims.
	Next  int64 `json:"next"`
	Epoch int64 `json:"epoch"`
	// Oldest and End are the partition's oldest offset and the one behind its
	// newest; both are -1 when the broker did not say.
	Oldest int64 `json:"oldest"`
	End    int64 `json:"end"`
	// Lag is how many offsets are left, -1 when that is not known.
	Lag int64 `json:"lag"`
	// Paused says why the partition takes no new records.
	Paused string `json:"paused,omitempty"`
	// Held, Dead and Parked count the letters of the partition, and
	// BlockedKeys the keys whose events wait. OldestBlocked is since when the
	// longest of them does, and OldestLetter its letter.
	Held          int64     `json:"held"`
	Dead          int64     `json:"dead"`
	Parked        int64     `json:"parked"`
	BlockedKeys   int64     `json:"blockedKeys"`
	OldestBlocked time.Time `json:"oldestBlocked,omitzero"`
	OldestLetter  string    `json:"oldestLetter,omitempty"`
}

// A Reset asks for other positions of a consumer.
type Reset struct {
	Consumer string `json:"consumer"`
	// Partitions are those to move; none means all.
	Partitions []int32 `json:"partitions,omitempty"`
	// To is "earliest", "latest", "offset" or "time".
	To     string    `json:"to"`
	Offset int64     `json:"offset,omitempty"`
	Time   time.Time `json:"time,omitzero"`
	Reason string    `json:"reason"`
	// DryRun changes nothing.
	DryRun bool `json:"dryRun,omitempty"`
}

// A Moved is one position before and after a reset.
type Moved struct {
	Partition int32 `json:"partition"`
	From      int64 `json:"from"`
	To        int64 `json:"to"`
	Epoch     int64 `json:"epoch"`
	// Failed says why the position was not moved.
	Failed string `json:"failed,omitempty"`
}

// An Outbox is the state of one context's outbox.
type Outbox struct {
	Context     string `json:"context"`
	Unpublished int64  `json:"unpublished"`
	// Oldest is when the oldest unpublished event was written.
	Oldest time.Time `json:"oldest,omitzero"`
	Shards []Shard   `json:"shards"`
	// Kept is how many days of published events can be replayed.
	Kept []string `json:"kept,omitempty"`
}

// A Shard is one part of an outbox and the relay that has it.
type Shard struct {
	Shard       int       `json:"shard"`
	Unpublished int64     `json:"unpublished"`
	Oldest      time.Time `json:"oldest,omitzero"`
	Holder      string    `json:"holder,omitempty"`
	Epoch       int64     `json:"epoch,omitempty"`
	LeasedUntil time.Time `json:"leasedUntil,omitzero"`
}

// A Replay asks for events to be published again.
type Replay struct {
	Context string `json:"context"`
	// From and To bound the times at which the events were published; To is
	// exclusive.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Topics are those to replay; none means all.
	Topics []string `json:"topics,omitempty"`
	Reason string   `json:"reason"`
	DryRun bool     `json:"dryRun,omitempty"`
}

// A Replayed is the answer to a [Replay].
type Replayed struct {
	// Events is how many are to be published again, Topics how many of each
	// topic.
	Events int64            `json:"events"`
	Topics map[string]int64 `json:"topics"`
}

// An Event is what one context knows about an event.
type Event struct {
	ID string `json:"id"`
	// Outbox is set in the context that published it.
	Outbox *OutboxEvent `json:"outbox,omitempty"`
	// Applied are the consumers of the context whose inbox has the event.
	Applied []string `json:"applied,omitempty"`
	// Letters are those that hold it.
	Letters []Letter `json:"letters,omitempty"`
}

// An OutboxEvent is an event in the outbox.
type OutboxEvent struct {
	Topic string `json:"topic"`
	Key   string `json:"key,omitempty"`
	// Source and SameAs are attributes of the event.
	Source string `json:"source"`
	SameAs string `json:"sameAs,omitempty"`
	// PublishedAt is zero while the broker does not have it.
	PublishedAt time.Time `json:"publishedAt,omitzero"`
}
