package topics

import (
	"fmt"
	"slices"
)

// An Action is what a change does.
type Action string

// The actions of changes. They are also the words that the hub knows.
const (
	Create    Action = "create"
	Configure Action = "configure"
	Delete    Action = "delete"
)

// A Change is one difference between the contracts and the broker.
type Change struct {
	Action Action `json:"action"`
	// Topic is the topic's name.
	Topic string `json:"topic"`
	// Setting is what differs of a topic that exists: partitions,
	// retention.ms, cleanup.policy or the platform's own settings. It is empty
	// for other actions.
	Setting string `json:"setting,omitempty"`
	// From and To are values of the setting, or describe the topic.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Refused says why the change is not made, and Fix what to do. Both are
	// empty for a change that is.
	Refused string `json:"refused,omitempty"`
	Fix     string `json:"fix,omitempty"`
}

// A Plan is how a broker differs from the contracts.
type Plan struct {
	Changes []Change
	// Same is how many topics are as they should be.
	Same int
	// requests are the changes that are not refused, as the hub makes them.
	requests []Request
}

// A Request is one change as the hub makes it.
type Request struct {
	Action Action `json:"action"`
	Topic  Topic  `json:"topic"`
}

// Requests returns what has to be done for the changes that are not refused.
func (p *Plan) Requests() []Request { return p.requests }

// Refused is how many changes are refused.
func (p *Plan) Refused() int {
	return p.count(func(c Change) bool { return c.Refused != "" })
}

func (p *Plan) count(is func(Change) bool) int {
	n := 0
	for _, c := range p.Changes {
		if is(c) {
			n++
		}
	}
	return n
}

// Losing says for which topics data may be lost: for none, for some or for all.
type Losing struct {
	All    bool
	Topics []string
}

func (l Losing) allows(topic string) bool { return l.All || slices.Contains(l.Topics, topic) }

// MakePlan compares what the contracts want with what was found. Changes that
// lose records are refused unless losing allows them for that topic; another
// partition count is always refused.
func MakePlan(wanted, found []Topic, losing Losing) *Plan {
	p := &Plan{}
	have := map[string]Topic{}
	for _, t := range found {
		have[t.Name] = t
	}
	for _, want := range wanted {
		t, ok := have[want.Name]
		delete(have, want.Name)
		if ok {
			p.compare(want, t, losing)
			continue
		}
		p.add(Change{Action: Create, Topic: want.Name, To: want.String()}, want)
	}
	for _, t := range found {
		if _, ok := have[t.Name]; ok {
			p.remove(t, losing)
		}
	}
	return p
}

func (p *Plan) add(c Change, t Topic) {
	p.Changes = append(p.Changes, c)
	if c.Refused == "" {
		p.requests = append(p.requests, Request{c.Action, t})
	}
}

func (p *Plan) remove(t Topic, losing Losing) {
	c := Change{Action: Delete, Topic: t.Name, From: t.String()}
	if !losing.allows(t.Name) {
		c.Refused = "no contract has the topic, and deleting it loses all its records"
		c.Fix = allow(t.Name) + ", once nobody needs them"
	}
	p.add(c, t)
}

func allow(topic string) string { return "give --allow-data-loss=" + topic }

// compare plans the changes of a topic that exists. All that are made are one
// request.
func (p *Plan) compare(want, have Topic, losing Losing) {
	changes := differences(want, have)
	target := have
	for i := range changes {
		c := &changes[i]
		c.refuse(want, have, losing)
		switch {
		case c.Refused != "":
		case c.Setting == settingRetention:
			target.RetentionMillis = want.RetentionMillis
		case c.Setting == settingCleanup:
			target.Cleanup = want.Cleanup
		case c.Setting == settingOwn:
			target.Outdated = want.Outdated
		}
	}
	p.Changes = append(p.Changes, changes...)
	if target != have {
		p.requests = append(p.requests, Request{Configure, target})
	}
	if len(changes) == 0 {
		p.Same++
	}
}

const (
	settingPartitions = "partitions"
	settingRetention  = "retention.ms"
	settingCleanup    = "cleanup.policy"
	settingOwn        = "settings"
)

func differences(want, have Topic) []Change {
	var changes []Change
	differ := func(setting, from, to string) {
		if from != to {
			changes = append(changes, Change{Action: Configure, Topic: want.Name, Setting: setting, From: from, To: to})
		}
	}
	differ(settingPartitions, fmt.Sprint(have.Partitions), fmt.Sprint(want.Partitions))
	differ(settingRetention, duration(have.RetentionMillis), duration(want.RetentionMillis))
	differ(settingCleanup, have.Cleanup, want.Cleanup)
	if have.Outdated != want.Outdated {
		differ(settingOwn, have.Outdated, "as a new topic has them")
	}
	return changes
}

func (c *Change) refuse(want, have Topic, losing Losing) {
	switch {
	case c.Setting == settingPartitions:
		c.Refused = "the partition of a key follows from the count: after a change, later events of a key are in another partition than earlier ones, and their order is lost"
		c.Fix = fmt.Sprintf("write \"partitions\": %d in the contract, or publish a new version of the event, which is a new topic", have.Partitions)
	case losing.allows(c.Topic):
	case c.Setting == settingRetention && shorter(want.RetentionMillis, have.RetentionMillis):
		c.Refused = "the broker deletes all records that are older than the shorter retention"
		c.Fix = allow(c.Topic) + ", or restore the retention in the contract"
	case c.Setting == settingCleanup && have.Cleanup == "compact":
		c.Refused = "the topic keeps the last record of each key for ever, and would delete those that are old"
		c.Fix = allow(c.Topic)
	}
}

func shorter(a, b int64) bool { return a >= 0 && (b < 0 || a < b) }
