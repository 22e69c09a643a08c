package service

import (
	"context"
	"fmt"
	"time"

	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/hold"
	"github.com/pulselearn/campus-hub/platform/outbox"
	"github.com/pulselearn/campus-hub/platform/telemetry"
)

const (
	// backlogEvery is the time between two looks at what waits in a database.
	backlogEvery = 15 * time.Second
	// backlogShare bounds the part of the time that looking may take, where
	// millions of deliveries are held.
	backlogShare = 50
)

// watchBacklog shows in the metrics what waits in the context's database,
// until ctx ends.
func (p *Process) watchBacklog(ctx context.Context, u *unit) error {
	consumers := make([]string, len(u.Consumers))
	for i := range u.Consumers {
		consumers[i] = u.Consumers[i].Consumer
	}
	for {
		began := time.Now()
		b, err := backlogOf(ctx, u.db)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			u.log.Warn("the metrics do not show what waits in the database", "retry_in", backlogEvery, "error", err)
		default:
			p.telemetry.ShowBacklog(u.Context, consumers, b)
		}
		database.Await(ctx, nil, max(backlogEvery, backlogShare*time.Since(began)))
	}
}

func backlogOf(ctx context.Context, db *database.DB) (telemetry.Backlog, error) {
	b := telemetry.Backlog{Held: map[string]telemetry.Held{}}
	shards, err := outbox.Status(ctx, db)
	if err != nil {
		return b, fmt.Errorf("outbox: %w", err)
	}
	for _, s := range shards {
		b.Unpublished += s.Unpublished
		if !s.Oldest.IsZero() {
			b.OldestUnpublished = max(b.OldestUnpublished, time.Since(s.Oldest))
		}
	}
	tallies, err := hold.Tallies(ctx, db, "")
	if err != nil {
		return b, fmt.Errorf("hold: %w", err)
	}
	for _, t := range tallies {
		held, ok := b.Held[t.Consumer]
		if !ok {
			held.States = map[string]int64{}
		}
		for state, n := range t.States {
			held.States[string(state)] += n
		}
		held.BlockedKeys += t.BlockedKeys
		if !t.BlockedSince.IsZero() {
			held.OldestBlocked = max(held.OldestBlocked, time.Since(t.BlockedSince))
		}
		b.Held[t.Consumer] = held
	}
	return b, nil
}
