package natsbus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// What a stream says about itself in its metadata.
const (
	metaTopic      = "pl-topic"
	metaPartition  = "pl-partition"
	metaPartitions = "pl-partitions"
)

// duplicateWindow is how long a stream recognizes what is sent to it twice.
const duplicateWindow = 2 * time.Minute

var errNoTopic = errors.New("does not exist; create it with `pl-gen topics apply`")

// streamName is the stream of a partition. Stream names hold no dots.
func streamName(topic string, partition int32) string {
	return strings.ReplaceAll(topic, ".", "-") + "-" + strconv.Itoa(int(partition))
}

// subject is the one subject of a partition.
func subject(topic string, partition int32) string {
	return topic + "." + strconv.Itoa(int(partition))
}

// EnsureTopics implements [driver.Conn]. A topic's first stream is created
// last: when it exists, all do.
func (c *Conn) EnsureTopics(ctx context.Context, topics []driver.Topic) error {
	var errs []error
	for _, t := range topics {
		errs = append(errs, c.ensureTopic(ctx, t))
	}
	return errors.Join(errs...)
}

func (c *Conn) ensureTopic(ctx context.Context, t driver.Topic) error {
	if err := checkName(t.Name); err != nil {
		return err
	}
	have, err := c.partitions(ctx, t.Name)
	switch {
	case errors.Is(err, errNoTopic):
		return c.createTopic(ctx, t)
	case err != nil:
		return err
	case have != t.Partitions:
		return fmt.Errorf("nats: topic %s has %d partitions and the contract says %d; a partition count never changes",
			t.Name, have, t.Partitions)
	}
	return nil
}

func (c *Conn) createTopic(ctx context.Context, t driver.Topic) error {
	if t.Partitions < 1 {
		return fmt.Errorf("nats: topic %s is to have %d partitions; it needs one", t.Name, t.Partitions)
	}
	for p := t.Partitions - 1; p >= 0; p-- {
		if err := c.createStream(ctx, t, p); err != nil {
			return err
		}
	}
	return nil
}

func (c *Conn) createStream(ctx context.Context, t driver.Topic, partition int32) error {
	var s jetstream.Stream
	err := c.call(ctx, "create topic "+t.Name, func(ctx context.Context) (err error) {
		s, err = c.js.CreateStream(ctx, c.streamConfig(t, partition))
		return err
	})
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return c.sameCount(ctx, t, partition)
	}
	if err != nil {
		return err
	}
	if !s.CachedInfo().Config.AllowAtomicPublish {
		return fmt.Errorf("nats: create topic %s: the server does not know atomic batches; it has to be nats-server 2.12 or later", t.Name)
	}
	return nil
}

// sameCount checks a stream that another process has created meanwhile.
func (c *Conn) sameCount(ctx context.Context, t driver.Topic, partition int32) error {
	info, err := c.streamInfo(ctx, t.Name, partition)
	if err != nil {
		return err
	}
	have, err := countOf(info, t.Name)
	if err == nil && have != t.Partitions {
		err = fmt.Errorf("nats: topic %s has %d partitions and the contract says %d; a partition count never changes",
			t.Name, have, t.Partitions)
	}
	return err
}

func (c *Conn) streamConfig(t driver.Topic, partition int32) jetstream.StreamConfig {
	maxAge := max(t.Retention, 0) // 0 keeps records for ever
	window := duplicateWindow
	if maxAge > 0 {
		window = min(window, maxAge)
	}
	return jetstream.StreamConfig{
		Name:     streamName(t.Name, partition),
		Subjects: []string{subject(t.Name, partition)},
		Storage:  jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld,
		MaxAge: maxAge, Duplicates: window, Replicas: c.cfg.Replicas,
		AllowAtomicPublish: true, AllowBatchPublish: c.knowsFastBatches(), AllowDirect: true,
		Metadata: map[string]string{
			metaTopic:      t.Name,
			metaPartition:  strconv.Itoa(int(partition)),
			metaPartitions: strconv.Itoa(int(t.Partitions)),
		},
	}
}

// knowsFastBatches tells whether the server has them as this package needs
// them. They came with 2.14; what happens to them at gaps and at a change of
// leader is known of 2.15. An older server may refuse a stream whose settings
// it does not know.
func (c *Conn) knowsFastBatches() bool {
	const major, minor = 2, 15
	var have [2]int
	if n, _ := fmt.Sscanf(c.nc.ConnectedServerVersion(), "%d.%d.", &have[0], &have[1]); n != len(have) {
		return false
	}
	return have[0] > major || have[0] == major && have[1] >= minor
}

// partitions returns the partition count of a topic. The error matches
// errNoTopic when there is none.
func (c *Conn) partitions(ctx context.Context, topic string) (int32, error) {
	info, err := c.streamInfo(ctx, topic, 0)
	if err != nil {
		return 0, err
	}
	n, err := countOf(info, topic)
	if err != nil {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.topics[topic] = n
	return n, nil
}

// knownPartitions is partitions, asked once.
func (c *Conn) knownPartitions(ctx context.Context, topic string) (int32, error) {
	c.mu.Lock()
	n, known := c.topics[topic]
	c.mu.Unlock()
	if known {
		return n, nil
	}
	return c.partitions(ctx, topic)
}

func (c *Conn) forgetTopic(topic string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.topics, topic)
	c.ways.forget()
}

func (c *Conn) streamInfo(ctx context.Context, topic string, partition int32) (info *jetstream.StreamInfo, err error) {
	if err := checkName(topic); err != nil {
		return nil, err
	}
	err = c.call(ctx, "describe "+subject(topic, partition), func(ctx context.Context) error {
		s, err := c.js.Stream(ctx, streamName(topic, partition))
		if err == nil {
			info = s.CachedInfo()
		}
		return err
	})
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("nats: topic %s %w", topic, errNoTopic)
	}
	return info, err
}

// countOf reads the partition count of a topic off one of its streams.
func countOf(info *jetstream.StreamInfo, topic string) (int32, error) {
	meta := info.Config.Metadata
	if meta[metaTopic] != topic {
		return 0, fmt.Errorf("nats: stream %s is not a partition of topic %s: its metadata %s says %q; rename one of them",
			info.Config.Name, topic, metaTopic, meta[metaTopic])
	}
	n, err := strconv.ParseInt(meta[metaPartitions], 10, 32)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("nats: stream %s has no partition count in its metadata %s", info.Config.Name, metaPartitions)
	}
	return int32(n), nil
}

// checkName refuses topics, groups and instances whose names cannot be subjects.
func checkName(name string) error {
	for i := range len(name) {
		b := name[i]
		switch {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '_', b == '-':
		case b == '.' && i > 0 && i < len(name)-1 && name[i-1] != '.':
		default:
			return fmt.Errorf("nats: name %q: topics, groups and instances consist of letters, digits, _, - and single dots", name)
		}
	}
	if name == "" {
		return errors.New("nats: a topic or group has no name")
	}
	return nil
}
