package adminserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/pulselearn/campus-hub/platform/admin"
	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/hold"
	"github.com/pulselearn/campus-hub/platform/tx"
)

func (s *server) listConsumers(_ http.ResponseWriter, r *http.Request) (any, error) {
	q := r.URL.Query()
	name := q.Get("consumer")
	if name != "" {
		if _, _, err := s.consumer(name); err != nil {
			return nil, err
		}
	}
	chosen, err := s.chosen(q.Get("context"), name)
	if err != nil {
		return nil, err
	}
	list := []admin.Consumer{}
	for _, c := range chosen {
		some, err := c.consumersNow(r.Context(), name)
		if err != nil {
			return nil, err
		}
		list = append(list, some...)
	}
	return list, nil
}

// consumersNow returns the context's consumers, or the one with a name.
func (c *Context) consumersNow(ctx context.Context, name string) ([]admin.Consumer, error) {
	positions, err := tx.Positions(ctx, c.DB)
	if err != nil {
		return nil, err
	}
	tallies, err := hold.Tallies(ctx, c.DB, name)
	if err != nil {
		return nil, err
	}
	var list []admin.Consumer
	asked := survey{broker: c.Broker}
	for i := range c.Consumers {
		if name != "" && c.Consumers[i].Consumer != name {
			continue
		}
		consumer := c.describe(&c.Consumers[i])
		extents := asked.extents(ctx, consumer.Topic)
		for _, claim := range positions {
			if claim.Consumer == consumer.Consumer && claim.Topic == consumer.Topic {
				consumer.Partitions = append(consumer.Partitions, c.position(claim, extents, tallies[claim.Position]))
			}
		}
		slices.SortFunc(consumer.Partitions, func(a, b admin.Position) int { return cmp.Compare(a.Partition, b.Partition) })
		list = append(list, consumer)
	}
	return list, nil
}

func (c *Context) describe(t *tx.Consumer) admin.Consumer {
	consumer := admin.Consumer{
		Context: c.Name, Consumer: t.Consumer, Topic: t.Type.Topic, Producer: t.Type.Context,
		Start: "EARLIEST", SkipDead: t.SkipDead, Partitions: []admin.Position{},
	}
	if t.Latest {
		consumer.Start = "LATEST"
	}
	if c.Router != nil {
		if err := c.Router.Ready(); err != nil {
			consumer.Unready = err.Error()
		}
	}
	return consumer
}

// surveyTime is how long a broker may take to say what it has of a topic.
const surveyTime = 2 * time.Second

// A survey asks the broker about topics until it does not answer.
type survey struct{ broker driver.Surveyor }

// extents returns what the broker has of a topic, by partition; nothing when it
// does not say.
func (s *survey) extents(ctx context.Context, topic string) map[int32]driver.Extent {
	found := map[int32]driver.Extent{}
	if s.broker == nil {
		return found
	}
	ctx, cancel := context.WithTimeout(ctx, surveyTime)
	defer cancel()
	list, err := s.broker.Extents(ctx, topic)
	if ctx.Err() != nil || errors.Is(err, driver.ErrUnreachable) {
		s.broker = nil
	}
	if err != nil {
		return found
	}
	for _, e := range list {
		found[e.Partition] = e
	}
	return found
}

func (c *Context) position(claim bus.Claim, extents map[int32]driver.Extent, t *hold.Tally) admin.Position {
	p := admin.Position{Partition: claim.Partition, Next: claim.Next, Epoch: claim.Epoch, Oldest: -1, End: -1, Lag: -1, Paused: c.Pauses.of(claim.Position)}
	if e, ok := extents[claim.Partition]; ok {
		p.Oldest, p.End = e.Oldest, e.End
		if claim.Next != driver.Latest {
			p.Lag = max(e.End-max(claim.Next, e.Oldest), 0)
		}
	}
	if t != nil {
		p.Held, p.Dead, p.Parked = t.States[hold.Held], t.States[hold.Dead], t.States[hold.Parked]
		if p.BlockedKeys = t.BlockedKeys; p.BlockedKeys > 0 {
			p.OldestBlocked, p.OldestLetter = t.BlockedSince, hold.ID{Position: claim.Position, Offset: t.BlockedBy}.String()
		}
	}
	return p
}

func (s *server) reset(_ http.ResponseWriter, r *http.Request) (any, error) {
	in, err := body[admin.Reset](r)
	if err != nil {
		return nil, err
	}
	if in.Reason == "" && !in.DryRun {
		return nil, errNoReason
	}
	c, consumer, err := s.consumer(in.Consumer)
	if err != nil {
		return nil, err
	}
	plan, err := c.planReset(r.Context(), consumer, in)
	if err != nil || in.DryRun {
		return moves(plan), err
	}
	for i := range plan {
		c.carryOut(r, &plan[i], in)
	}
	c.wake()
	s.Logger.InfoContext(r.Context(), "positions were reset", "consumer", in.Consumer, "to", in.To, "partitions", len(plan), "actor", actor(r))
	return moves(plan), nil
}

// wake lets this process's consumers see at once what has changed; those of
// other processes look by themselves.
func (c *Context) wake() {
	c.Store.Refresh()
	if c.Router != nil {
		c.Router.Wake()
	}
}

// A move is one position of a reset.
type move struct {
	claim bus.Claim
	admin.Moved
}

func moves(plan []move) []admin.Moved {
	list := make([]admin.Moved, len(plan))
	for i := range plan {
		list[i] = plan[i].Moved
	}
	return list
}

// planReset says where each position would go.
func (c *Context) planReset(ctx context.Context, consumer *tx.Consumer, in admin.Reset) ([]move, error) {
	target, err := c.target(ctx, consumer.Type.Topic, in)
	if err != nil {
		return nil, err
	}
	positions, err := tx.Positions(ctx, c.DB)
	if err != nil {
		return nil, err
	}
	extents := (&survey{c.Broker}).extents(ctx, consumer.Type.Topic)
	var plan []move
	for _, claim := range positions {
		if claim.Consumer != consumer.Consumer || claim.Topic != consumer.Type.Topic || len(in.Partitions) > 0 && !slices.Contains(in.Partitions, claim.Partition) {
			continue
		}
		to, ok := target(claim.Partition)
		if !ok {
			return nil, refused(http.StatusConflict, fmt.Sprintf("the topic has no partition %d", claim.Partition), "")
		}
		if e, known := extents[claim.Partition]; known && to > e.End {
			return nil, refused(http.StatusConflict, fmt.Sprintf("partition %d ends at offset %d: a consumer that is sent beyond it begins at the oldest record", claim.Partition, e.End),
				"reset to latest, or to an offset of one partition")
		}
		plan = append(plan, move{claim, admin.Moved{Partition: claim.Partition, From: claim.Next, To: to, Epoch: claim.Epoch}})
	}
	if len(plan) == 0 || len(in.Partitions) > len(plan) {
		return nil, refused(http.StatusNotFound, "the consumer has no position in those partitions yet", "a partition gets one when the consumer is first assigned it")
	}
	slices.SortFunc(plan, func(a, b move) int { return cmp.Compare(a.Partition, b.Partition) })
	return plan, nil
}

// target returns where a reset sends a partition.
func (c *Context) target(ctx context.Context, topic string, in admin.Reset) (func(partition int32) (int64, bool), error) {
	always := func(n int64) func(int32) (int64, bool) { return func(int32) (int64, bool) { return n, true } }
	switch {
	case in.To == "earliest":
		return always(driver.Earliest), nil
	case in.To == "latest":
		return always(driver.Latest), nil
	case in.To == "offset" && in.Offset >= 0:
		return always(in.Offset), nil
	case in.To != "time" || in.Time.IsZero():
		return nil, refused(http.StatusBadRequest, "the field to is none of earliest, latest, offset and time", "offset and time need the field of that name")
	case c.Broker == nil:
		return nil, refused(http.StatusNotImplemented, "this kind of broker cannot find a time", "reset to an offset")
	}
	offsets, err := c.Broker.OffsetsAt(ctx, topic, in.Time)
	if err != nil {
		return nil, err
	}
	return func(p int32) (int64, bool) {
		if int(p) >= len(offsets) {
			return 0, false
		}
		return offsets[p], true
	}, nil
}

// carryOut moves one position, unless somebody has claimed it since.
func (c *Context) carryOut(r *http.Request, m *move, in admin.Reset) {
	detail := fmt.Sprintf("%s from %d to %d", m.claim.Position, m.From, m.To)
	claim, err := tx.Reset(r.Context(), c.DB, m.claim, m.To, func(u *database.Unit) error {
		return entryOf(r, "reset", in.Consumer, in.Reason, detail).write(r.Context(), u)
	})
	switch {
	case errors.Is(err, bus.ErrClaimLost):
		m.Failed = "somebody has claimed the partition meanwhile: ask again"
	case err != nil:
		m.Failed = err.Error()
	default:
		m.Epoch = claim.Epoch
	}
}
