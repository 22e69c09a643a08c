package adminserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/pulselearn/campus-hub/platform/admin"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/hold"
	"github.com/pulselearn/campus-hub/platform/outbox"
	"github.com/pulselearn/campus-hub/platform/tx"
)

func (s *server) outbox(_ http.ResponseWriter, r *http.Request) (any, error) {
	c, err := s.context(r.URL.Query().Get("context"))
	if err != nil {
		return nil, err
	}
	shards, err := outbox.Status(r.Context(), c.DB)
	if err != nil {
		return nil, err
	}
	answer := admin.Outbox{Context: c.Name}
	for _, shard := range shards {
		answer.Unpublished += shard.Unpublished
		if !shard.Oldest.IsZero() && (answer.Oldest.IsZero() || shard.Oldest.Before(answer.Oldest)) {
			answer.Oldest = shard.Oldest
		}
		answer.Shards = append(answer.Shards, admin.Shard{
			Shard: shard.Shard, Unpublished: shard.Unpublished, Oldest: shard.Oldest,
			Holder: shard.Holder, Epoch: shard.Epoch, LeasedUntil: shard.LeasedUntil.UTC(),
		})
	}
	return answer, nil
}

func (s *server) replay(_ http.ResponseWriter, r *http.Request) (any, error) {
	in, err := body[admin.Replay](r)
	if err != nil {
		return nil, err
	}
	c, err := s.context(in.Context)
	if err != nil {
		return nil, err
	}
	if in.From.IsZero() || !in.From.Before(in.To) {
		return nil, refused(http.StatusBadRequest, "the fields from and to are no span of time", "from has to be before to")
	}
	if in.Reason == "" && !in.DryRun {
		return nil, errNoReason
	}
	chosen := outbox.Replay{From: in.From, To: in.To, Topics: in.Topics}
	var topics map[string]int64
	if in.DryRun {
		topics, err = chosen.Count(r.Context(), c.DB)
	} else {
		topics, err = c.replay(r, chosen, in)
	}
	if err != nil {
		return nil, err
	}
	answer := admin.Replayed{Topics: topics}
	for _, n := range topics {
		answer.Events += n
	}
	s.Logger.InfoContext(r.Context(), "replay of the outbox", "context", c.Name, "events", answer.Events, "dry_run", in.DryRun, "actor", actor(r))
	return answer, nil
}

// replay outlasts a client that goes away: half of a replay helps nobody.
func (c *Context) replay(r *http.Request, chosen outbox.Replay, in admin.Replay) (map[string]int64, error) {
	ctx := context.WithoutCancel(r.Context())
	detail := fmt.Sprintf("published from %s until %s, topics %s", in.From.UTC().Format(time.RFC3339Nano), in.To.UTC().Format(time.RFC3339Nano), strings.Join(in.Topics, ","))
	topics, err := chosen.Run(ctx, c.DB, func(u *database.Unit) error {
		return entryOf(r, "replay", c.Name, in.Reason, detail).write(ctx, u)
	})
	if errors.Is(err, outbox.ErrInFuture) {
		return nil, refused(http.StatusBadRequest, "the field to is in the future", "events that are being published now need no replay")
	}
	return topics, err
}

// event says what the context knows about an event.
func (s *server) event(_ http.ResponseWriter, r *http.Request) (any, error) {
	q := r.URL.Query()
	c, err := s.context(q.Get("context"))
	if err != nil {
		return nil, err
	}
	id := r.PathValue("id")
	at, err := madeAt(id)
	if err != nil {
		return nil, err
	}
	answer := admin.Event{ID: id}
	source, same := q.Get("source"), q.Get("sameAs")
	written, err := outbox.Find(r.Context(), c.DB, id, at)
	if err != nil {
		return nil, err
	}
	if written != nil {
		answer.Outbox = &admin.OutboxEvent{
			Topic: written.Topic, Key: string(written.Key), Source: written.Envelope.Source,
			SameAs: written.Envelope.Extension(event.ExtSameAs), PublishedAt: written.PublishedAt,
		}
		source, same = written.Envelope.Source, answer.Outbox.SameAs
	}
	if same == "" {
		same = id
	}
	for i := range c.Consumers {
		if err := c.applied(r.Context(), &c.Consumers[i], source, same, at, &answer); err != nil {
			return nil, err
		}
	}
	answer.Letters, err = lettersOf(r.Context(), []*Context{c}, hold.Filter{EventID: id}, defaultLetters)
	return answer, err
}

func (c *Context) applied(ctx context.Context, consumer *tx.Consumer, source, id string, at time.Time, answer *admin.Event) error {
	if source == "" {
		source = consumer.Type.Source()
	}
	yes, err := tx.Applied(ctx, c.DB, consumer.Consumer, source, id, at)
	if yes {
		answer.Applied = append(answer.Applied, consumer.Consumer)
	}
	return err
}

// madeAt reads the time off an id: the platform's are UUIDs of version 7.
func madeAt(id string) (time.Time, error) {
	u, err := uuid.Parse(id)
	if err != nil || u.Version() != 7 {
		return time.Time{}, refused(http.StatusBadRequest, "\""+id+"\" is not the id of an event of the platform, a UUID of version 7", "the header ce_id of the record has it")
	}
	sec, nsec := u.Time().UnixTime()
	return time.Unix(sec, nsec).UTC(), nil
}
