package tx_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/event"
)

// A broker keeps what is published in memory. Only Publish is used by a relay.
type broker struct {
	driver.Conn
	mu      sync.Mutex
	records []*driver.Record
	// before is called at each publish; an error fails it after the first
	// half of the records was written.
	before func(records []*driver.Record) error
	// blocked is called at each publish and may wait for its context.
	blocked func(ctx context.Context)
	came    chan struct{} // gets a value after a publish, when it has room
}

func newBroker() *broker { return &broker{came: make(chan struct{}, 1)} }

func (b *broker) Publish(ctx context.Context, records []*driver.Record) error {
	if b.blocked != nil {
		b.blocked(ctx)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	var err error
	if b.before != nil {
		if err = b.before(records); err != nil {
			records = records[:len(records)/2]
		}
	}
	b.mu.Lock()
	for _, r := range records {
		b.records = append(b.records, cloneRecord(r))
	}
	b.mu.Unlock()
	select {
	case b.came <- struct{}{}:
	default:
	}
	return err
}

// cloneRecord copies a record: after a publish that succeeds its memory is the
// relay's again.
func cloneRecord(r *driver.Record) *driver.Record {
	c := *r
	c.Key, c.Value, c.Headers = bytes.Clone(r.Key), bytes.Clone(r.Value), slices.Clone(r.Headers)
	for i := range c.Headers {
		c.Headers[i].Value = bytes.Clone(c.Headers[i].Value)
	}
	return &c
}

// texts returns the texts of the notes in the order of the broker, those of
// one key only when key is not "".
func (b *broker) texts(key string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	texts := []string{}
	for _, r := range b.records {
		if key == "" || string(r.Key) == key {
			texts = append(texts, string(r.Value[6:]))
		}
	}
	return texts
}

// firsts removes all but the first of equal texts.
func firsts(texts []string) []string {
	seen := make(map[string]bool)
	once := []string{}
	for _, s := range texts {
		if !seen[s] {
			once = append(once, s)
		}
		seen[s] = true
	}
	return once
}

// A fixedRegistry knows the schemas of the suite.
type fixedRegistry struct{}

func (fixedRegistry) SchemaID(_ context.Context, fingerprint uint64, subject, text string) (int, error) {
	if subject != noted.Topic+"-value" && subject != notedV2.Topic+"-value" && subject != copied.Topic+"-value" || text != noted.Schema {
		return 0, fmt.Errorf("unknown subject %s", subject)
	}
	return int(fingerprint % 1000), nil
}

var errBroker = errors.New("broker is down")

func header(r *driver.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

var _ event.Message = (*note)(nil)
