package kafkabus

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

var _ driver.TopicAdmin = (*Conn)(nil)

// The topic settings that contracts decide about.
const (
	retentionSetting = "retention.ms"
	cleanupSetting   = "cleanup.policy"
)

// Topics implements [driver.TopicAdmin].
func (c *Conn) Topics(ctx context.Context, prefix string) ([]driver.TopicState, error) {
	// The client's own metadata may be older than a creation.
	answer, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, c.any())
	if err != nil {
		return nil, c.explain("list topics", err)
	}
	var topics []driver.TopicState
	for _, t := range answer.Topics {
		if t.Topic == nil || !strings.HasPrefix(*t.Topic, prefix) {
			continue
		}
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return nil, c.explain("describe topic "+*t.Topic, err)
		}
		topics = append(topics, driver.TopicState{Name: *t.Topic, Partitions: int32(len(t.Partitions))})
	}
	slices.SortFunc(topics, func(a, b driver.TopicState) int { return cmp.Compare(a.Name, b.Name) })
	return topics, c.readSettings(ctx, c.any(), topics)
}

// readSettings fills in what the metadata of topics, which are sorted by name,
// does not tell.
func (c *Conn) readSettings(ctx context.Context, from kmsg.Requestor, topics []driver.TopicState) error {
	if len(topics) == 0 {
		return nil
	}
	req := kmsg.NewPtrDescribeConfigsRequest()
	for _, t := range topics {
		r := kmsg.NewDescribeConfigsRequestResource()
		r.ResourceType, r.ResourceName, r.ConfigNames = kmsg.ConfigResourceTypeTopic, t.Name, []string{retentionSetting, cleanupSetting}
		req.Resources = append(req.Resources, r)
	}
	answer, err := req.RequestWith(ctx, from)
	if err != nil {
		return c.explain("describe the settings of topics", err)
	}
	for _, r := range answer.Resources {
		i, ok := slices.BinarySearchFunc(topics, r.ResourceName, func(t driver.TopicState, name string) int { return cmp.Compare(t.Name, name) })
		if !ok {
			continue
		}
		if err := kerr.ErrorForCode(r.ErrorCode); err != nil {
			return c.explain("describe the settings of topic "+r.ResourceName, err)
		}
		if err := readTopic(&topics[i], r.Configs); err != nil {
			return err
		}
	}
	return nil
}

func readTopic(t *driver.TopicState, configs []kmsg.DescribeConfigsResponseResourceConfig) error {
	for _, config := range configs {
		if config.Value == nil {
			continue
		}
		switch config.Name {
		case cleanupSetting:
			t.Cleanup = *config.Value
		case retentionSetting:
			ms, err := strconv.ParseInt(*config.Value, 10, 64)
			if err != nil {
				return fmt.Errorf("kafka: topic %s has the %s %q, which is no number", t.Name, retentionSetting, *config.Value)
			}
			t.Retention = fromMillis(ms)
		}
	}
	return nil
}

// fromMillis keeps retentions that no Duration holds as long as one can be.
func fromMillis(ms int64) time.Duration {
	const most = int64(1<<63-1) / int64(time.Millisecond)
	if ms < 0 {
		return driver.Forever
	}
	return time.Duration(min(ms, most)) * time.Millisecond
}

func settingsOf(t driver.TopicState) map[string]*string {
	ms := strconv.FormatInt(t.Retention.Milliseconds(), 10)
	if t.Retention < 0 {
		ms = "-1"
	}
	return map[string]*string{retentionSetting: &ms, cleanupSetting: kadm.StringPtr(t.Cleanup)}
}

// CreateTopic implements [driver.TopicAdmin]. The replication factor is the
// cluster's default.
func (c *Conn) CreateTopic(ctx context.Context, t driver.TopicState) error {
	if _, err := c.admin.CreateTopic(ctx, t.Partitions, -1, settingsOf(t), t.Name); err != nil {
		return c.explain("create topic "+t.Name, err)
	}
	return c.awaitTopics(ctx, []driver.Topic{{Name: t.Name, Partitions: t.Partitions}})
}

// ConfigureTopic implements [driver.TopicAdmin].
func (c *Conn) ConfigureTopic(ctx context.Context, t driver.TopicState) error {
	var alterations []kadm.AlterConfig
	for name, value := range settingsOf(t) {
		alterations = append(alterations, kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: value})
	}
	answers, err := c.admin.AlterTopicConfigs(ctx, alterations, t.Name)
	if err != nil {
		return c.explain("configure topic "+t.Name, err)
	}
	for _, answer := range answers {
		if answer.Err != nil {
			return c.explain("configure topic "+t.Name+": "+answer.ErrMessage, answer.Err)
		}
	}
	return c.await(ctx, "see the settings of topic "+t.Name, func(from kmsg.Requestor) (bool, error) { return c.hasSettings(ctx, from, t) })
}

func (c *Conn) hasSettings(ctx context.Context, from kmsg.Requestor, t driver.TopicState) (bool, error) {
	seen := []driver.TopicState{{Name: t.Name}}
	err := c.readSettings(ctx, from, seen)
	return seen[0].Retention == t.Retention && seen[0].Cleanup == t.Cleanup, err
}

// DeleteTopic implements [driver.TopicAdmin].
func (c *Conn) DeleteTopic(ctx context.Context, name string) error {
	if _, err := c.admin.DeleteTopic(ctx, name); err != nil {
		return c.explain("delete topic "+name, err)
	}
	return c.await(ctx, "see that topic "+name+" is gone", func(from kmsg.Requestor) (bool, error) {
		found, err := c.partitions(ctx, from, []string{name})
		return len(found) == 0, err
	})
}
