package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// A topicsRequest is what the command "topics" reads from its standard input,
// as JSON. pl-gen makes it: it knows the contracts, and the hub the broker.
type topicsRequest struct {
	// Prefix is that of the topics to describe.
	Prefix string `json:"prefix"`
	// Changes are made in order; one that fails does not stop the others.
	Changes []topicChange `json:"changes"`
}

type topicChange struct {
	// Action is create, configure or delete.
	Action string    `json:"action"`
	Topic  topicJSON `json:"topic"`
}

type topicJSON struct {
	Name       string `json:"name"`
	Partitions int32  `json:"partitions"`
	// RetentionMillis is -1 for records that are kept for ever.
	RetentionMillis int64  `json:"retentionMillis"`
	Cleanup         string `json:"cleanup"`
	// Outdated says what a configure changes besides, "" when nothing.
	Outdated string `json:"outdated,omitempty"`
}

// A topicsAnswer is what the command writes.
type topicsAnswer struct {
	// Topics are the topics with the prefix as they were before the changes.
	Topics []topicJSON `json:"topics"`
	// Errors has one text a change, "" for one that was made.
	Errors []string `json:"errors"`
}

// topics describes and changes the topics of the broker for pl-gen.
func (c *cli) topics(cfg *Config) error { return c.serveTopics(cfg, os.Stdin) }

func (c *cli) serveTopics(cfg *Config, in io.Reader) error {
	if cfg.embedsBroker() {
		return &ConfigError{errors.New("PL_KAFKA_BROKERS or PL_NATS_SERVERS: needed: the brokers whose topics are meant")}
	}
	var request topicsRequest
	if err := json.NewDecoder(in).Decode(&request); err != nil {
		return fmt.Errorf("read the request; \"pl-gen topics\" makes it: %w", err)
	}
	log := c.logger(cfg)
	ctx, cancel := c.untilSignal(log)
	defer cancel()
	conn, err := c.engines.dialBroker(ctx, cfg, cfg.KafkaBrokers, "pl."+c.app.name, log)
	if err != nil {
		return err
	}
	admin, ok := conn.(driver.TopicAdmin)
	if !ok {
		return errors.Join(errors.New("topics of this kind of broker cannot be administered"), conn.Close())
	}
	answer, err := request.carryOut(ctx, admin)
	if err := errors.Join(err, conn.Close()); err != nil {
		return err
	}
	return json.NewEncoder(c.stdout).Encode(answer)
}

func (r *topicsRequest) carryOut(ctx context.Context, admin driver.TopicAdmin) (*topicsAnswer, error) {
	found, err := admin.Topics(ctx, r.Prefix)
	if err != nil {
		return nil, err
	}
	answer := &topicsAnswer{Topics: []topicJSON{}, Errors: []string{}}
	for _, t := range found {
		answer.Topics = append(answer.Topics, topicJSON{t.Name, t.Partitions, millis(t.Retention), t.Cleanup, t.Outdated})
	}
	for _, change := range r.Changes {
		text := ""
		if err := change.make(ctx, admin); err != nil {
			text = err.Error()
		}
		answer.Errors = append(answer.Errors, text)
	}
	return answer, nil
}

func (c *topicChange) make(ctx context.Context, admin driver.TopicAdmin) error {
	switch c.Action {
	case "create":
		return admin.CreateTopic(ctx, c.Topic.state())
	case "configure":
		return admin.ConfigureTopic(ctx, c.Topic.state())
	case "delete":
		return admin.DeleteTopic(ctx, c.Topic.Name)
	}
	return fmt.Errorf("there is no action %q", c.Action)
}

func (t topicJSON) state() driver.TopicState {
	retention := time.Duration(t.RetentionMillis) * time.Millisecond
	if t.RetentionMillis < 0 {
		retention = driver.Forever
	}
	return driver.TopicState{Name: t.Name, Partitions: t.Partitions, Retention: retention, Cleanup: t.Cleanup}
}

func millis(d time.Duration) int64 {
	if d < 0 {
		return -1
	}
	return d.Milliseconds()
}
