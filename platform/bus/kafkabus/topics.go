package kafkabus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// EnsureTopics implements [driver.Conn]. The replication factor is the
// cluster's default.
func (c *Conn) EnsureTopics(ctx context.Context, topics []driver.Topic) error {
	missing, err := c.missing(ctx, topics)
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
	if len(missing) == 0 {
		return nil
	}
	left, err := c.missing(ctx, missing) // another process may have created it with another count
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("kafka: topic %s was created and is not visible yet; try again", left[0].Name)
	}
	return err
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
func (c *Conn) missing(ctx context.Context, topics []driver.Topic) ([]driver.Topic, error) {
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = t.Name
	}
	found, err := c.details(ctx, names)
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
		case len(have.Partitions) != int(t.Partitions):
			errs = append(errs, fmt.Errorf("kafka: topic %s has %d partitions and the contract says %d; a partition count never changes",
				t.Name, len(have.Partitions), t.Partitions))
		}
	}
	return missing, errors.Join(errs...)
}

// details returns the topics that exist.
func (c *Conn) details(ctx context.Context, names []string) (kadm.TopicDetails, error) {
	found, err := c.admin.ListTopics(ctx, names...)
	if err != nil {
		return nil, c.explain("list topics", err)
	}
	for name, t := range found {
		switch {
		case errors.Is(t.Err, kerr.UnknownTopicOrPartition):
			delete(found, name)
		case t.Err != nil:
			return nil, c.explain("describe topic "+name, t.Err)
		}
	}
	return found, nil
}

// requireTopics fails when one of the topics does not exist.
func (c *Conn) requireTopics(ctx context.Context, names []string) error {
	found, err := c.details(ctx, names)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range slices.Sorted(slices.Values(names)) {
		if !found.Has(name) {
			errs = append(errs, fmt.Errorf("kafka: topic %s does not exist; create it with `pl-gen topics apply`", name))
		}
	}
	return errors.Join(errs...)
}
