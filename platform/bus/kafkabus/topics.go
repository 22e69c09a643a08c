package kafkabus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// askAgain is between two questions to a broker that does not know yet.
const askAgain = 100 * time.Millisecond

// EnsureTopics implements [driver.Conn]. The replication factor is the
// cluster's default.
func (c *Conn) EnsureTopics(ctx context.Context, topics []driver.Topic) error {
	missing, err := c.missing(ctx, c.any(), topics)
	if err != nil {
		return err
	}
	var errs []error
	for _, t := range missing {
		errs = append(errs, c.createTopic(ctx, t))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return c.awaitTopics(ctx, missing)
}

// awaitTopics waits until created topics are visible. Another process may have
// created one of them at the same time, with another partition count.
func (c *Conn) awaitTopics(ctx context.Context, topics []driver.Topic) error {
	return c.await(ctx, "see the topics that were created", func(from kmsg.Requestor) (bool, error) {
		left, err := c.missing(ctx, from, topics)
		return len(left) == 0, err
	})
}

// await asks until every broker says yes: a broker answers for what it knows,
// which is what the cluster decided a moment before.
func (c *Conn) await(ctx context.Context, what string, done func(from kmsg.Requestor) (bool, error)) error {
	for deadline := time.Now().Add(unreachableAfter); ; {
		if ok, err := c.everywhere(done); ok || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("kafka: %s: not after %v; the brokers do not follow their controller", what, unreachableAfter)
		}
		select {
		case <-time.After(askAgain):
		case <-ctx.Done():
			return fmt.Errorf("kafka: %s: %w", what, ctx.Err())
		}
	}
}

// everywhere tells whether something holds at every broker that answers.
func (c *Conn) everywhere(holds func(from kmsg.Requestor) (bool, error)) (bool, error) {
	answers := 0
	for _, broker := range c.out.DiscoveredBrokers() {
		ok, err := holds(broker)
		if errors.Is(err, driver.ErrUnreachable) {
			continue // it will have followed when it answers again
		}
		if !ok || err != nil {
			return false, err
		}
		answers++
	}
	if answers == 0 {
		return holds(c.any())
	}
	return true, nil
}

func (c *Conn) createTopic(ctx context.Context, t driver.Topic) error {
	configs := map[string]*string{}
	if t.Retention > 0 {
		ms := strconv.FormatInt(t.Retention.Milliseconds(), 10)
		configs["retention.ms"] = &ms
	}
	_, err := c.admin.CreateTopic(ctx, t.Partitions, -1, configs, t.Name)
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return c.explain("create topic "+t.Name, err)
	}
	return nil
}

// missing returns the topics that do not exist, and an error that names every
// one that exists with another partition count.
func (c *Conn) missing(ctx context.Context, from kmsg.Requestor, topics []driver.Topic) ([]driver.Topic, error) {
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = t.Name
	}
	found, err := c.partitions(ctx, from, names)
	if err != nil {
		return nil, err
	}
	var missing []driver.Topic
	var errs []error
	for _, t := range topics {
		have, ok := found[t.Name]
		switch {
		case !ok:
			missing = append(missing, t)
		case have != int(t.Partitions):
			errs = append(errs, fmt.Errorf("kafka: topic %s has %d partitions and the contract says %d; a partition count never changes",
				t.Name, have, t.Partitions))
		}
	}
	return missing, errors.Join(errs...)
}

// partitions returns the partition counts of the topics that exist. It asks a
// broker each time: the client's own metadata may be older than a creation.
func (c *Conn) partitions(ctx context.Context, from kmsg.Requestor, names []string) (map[string]int, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{} // none, where nil would be all
	for _, name := range names {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, from)
	if err != nil {
		return nil, c.explain("describe topics", err)
	}
	found := make(map[string]int, len(names))
	for _, t := range resp.Topics {
		err := kerr.ErrorForCode(t.ErrorCode)
		switch {
		case errors.Is(err, kerr.UnknownTopicOrPartition) || t.Topic == nil:
		case errors.Is(err, kerr.LeaderNotAvailable): // created a moment ago
		case err != nil:
			return nil, c.explain("describe topic "+*t.Topic, err)
		default:
			found[*t.Topic] = len(t.Partitions)
		}
	}
	return found, nil
}

// requireTopics fails when one of the topics does not exist.
func (c *Conn) requireTopics(ctx context.Context, names []string) error {
	found, err := c.partitions(ctx, c.any(), names)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range slices.Sorted(slices.Values(names)) {
		if _, ok := found[name]; !ok {
			errs = append(errs, fmt.Errorf("kafka: topic %s does not exist; create it with `pl-gen topics apply`", name))
		}
	}
	return errors.Join(errs...)
}
