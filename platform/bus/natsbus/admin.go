package natsbus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

var _ driver.TopicAdmin = (*Conn)(nil)

// cleanupDelete is the one way in which streams drop records: by age.
const cleanupDelete = "delete"

// Topics implements [driver.TopicAdmin]. A topic's retention is the shortest
// of its streams', and it is outdated when one of them is.
func (c *Conn) Topics(ctx context.Context, prefix string) ([]driver.TopicState, error) {
	var topics map[string]driver.TopicState
	err := c.call(ctx, "list topics", func(ctx context.Context) error {
		topics = map[string]driver.TopicState{}
		streams := c.js.ListStreams(ctx)
		for info := range streams.Info() {
			if name := info.Config.Metadata[metaTopic]; name != "" && strings.HasPrefix(name, prefix) {
				if err := c.addStream(topics, name, info); err != nil {
					return err
				}
			}
		}
		return streams.Err()
	})
	if err != nil {
		return nil, err
	}
	return slices.SortedFunc(maps.Values(topics), func(a, b driver.TopicState) int { return cmp.Compare(a.Name, b.Name) }), nil
}

func (c *Conn) addStream(topics map[string]driver.TopicState, name string, info *jetstream.StreamInfo) error {
	count, err := countOf(info, name)
	if err != nil {
		return err
	}
	state, seen := topics[name]
	retention := retentionOf(info)
	if !seen {
		state = driver.TopicState{Name: name, Partitions: count, Retention: retention, Cleanup: cleanupDelete}
	}
	if state.Retention == driver.Forever || (retention != driver.Forever && retention < state.Retention) {
		state.Retention = retention
	}
	if c.knowsFastBatches() && !info.Config.AllowBatchPublish {
		state.Outdated = "no fast batches"
	}
	topics[name] = state
	return nil
}

func retentionOf(info *jetstream.StreamInfo) time.Duration {
	if info.Config.MaxAge == 0 {
		return driver.Forever
	}
	return info.Config.MaxAge
}

// CreateTopic implements [driver.TopicAdmin].
func (c *Conn) CreateTopic(ctx context.Context, t driver.TopicState) error {
	if err := checkCleanup(t); err != nil {
		return err
	}
	switch _, err := c.partitions(ctx, t.Name); {
	case err == nil:
		return fmt.Errorf("nats: create topic %s: it exists", t.Name)
	case !errors.Is(err, errNoTopic):
		return err
	}
	return c.createTopic(ctx, driver.Topic{Name: t.Name, Partitions: t.Partitions, Retention: t.Retention})
}

// ConfigureTopic implements [driver.TopicAdmin].
func (c *Conn) ConfigureTopic(ctx context.Context, t driver.TopicState) error {
	if err := checkCleanup(t); err != nil {
		return err
	}
	count, err := c.partitions(ctx, t.Name)
	if err != nil {
		return err
	}
	for p := range count {
		if err := c.configureStream(ctx, t, p); err != nil {
			return err
		}
	}
	return nil
}

// configureStream changes what the contract and the driver decide about, and
// leaves the rest of the stream as operators have set it.
func (c *Conn) configureStream(ctx context.Context, t driver.TopicState, partition int32) error {
	info, err := c.streamInfo(ctx, t.Name, partition)
	if err != nil {
		return err
	}
	config := info.Config
	config.MaxAge = max(t.Retention, 0) // 0 keeps records for ever
	if config.MaxAge > 0 {
		config.Duplicates = min(config.Duplicates, config.MaxAge)
	}
	return c.call(ctx, "configure topic "+t.Name, func(ctx context.Context) error {
		config.AllowBatchPublish = c.knowsFastBatches()
		_, err := c.js.UpdateStream(ctx, config)
		return err
	})
}

// DeleteTopic implements [driver.TopicAdmin]. The first stream goes first:
// without it there is no topic, and a creation makes what is missing.
func (c *Conn) DeleteTopic(ctx context.Context, name string) error {
	count, err := c.partitions(ctx, name)
	if err != nil {
		return err
	}
	defer c.forgetTopic(name)
	for p := range count {
		err := c.call(ctx, "delete topic "+name, func(ctx context.Context) error {
			return c.js.DeleteStream(ctx, streamName(name, p))
		})
		if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
			return err
		}
	}
	return nil
}

func checkCleanup(t driver.TopicState) error {
	if t.Cleanup != "" && t.Cleanup != cleanupDelete {
		return fmt.Errorf("nats: topic %s: a stream drops records by age (%q) and knows no %q", t.Name, cleanupDelete, t.Cleanup)
	}
	return nil
}
