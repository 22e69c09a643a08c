// Package relayrace is a small context for the platform's own tests: a baton
// that arrives is counted and carried on.
package relayrace

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing/fstest"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/rpc"
	"github.com/pulselearn/campus-hub/platform/schema"
	"github.com/pulselearn/campus-hub/platform/service"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// A baton is what both events hold.
type baton struct {
	// Runner is who runs with it.
	Runner string
}

func batonType(name string) *event.Type {
	text := `{"type":"record","name":"` + name + `","namespace":"pl.race.v1","fields":[{"name":"runner","type":"string"}]}`
	return &event.Type{
		Topic: "pl.race." + name + ".v1", Context: "race", Schema: text, Fingerprint: schema.Fingerprint(text),
		Key: "runner", Partitions: 3,
	}
}

var (
	handedType  = batonType("handed")
	carriedType = batonType("carried")
)

func (b *baton) EventKey() string     { return b.Runner }
func (b *baton) EventSubject() string { return "" }

func (b *baton) AppendBinary(dst []byte) ([]byte, error) {
	return append(binary.AppendVarint(dst, int64(len(b.Runner))), b.Runner...), nil
}

func (b *baton) UnmarshalBinary(data []byte) error {
	n, size := binary.Varint(data)
	if size <= 0 || int(n) != len(data)-size {
		return errors.New("not a baton")
	}
	b.Runner = string(data[size:])
	return nil
}

// Handed is the event that the context consumes, and that Start publishes.
type Handed struct{ baton }

// Carried is the event that follows from it.
type Carried struct{ baton }

// NewHanded returns the event that hands the baton to a runner.
func NewHanded(runner string) *Handed { return &Handed{baton{Runner: runner}} }

// EventType implements [event.Message].
func (*Handed) EventType() *event.Type { return handedType }

// EventType implements [event.Message].
func (*Carried) EventType() *event.Type { return carriedType }

const createLegs = "CREATE TABLE legs (runner TEXT PRIMARY KEY, runs INTEGER NOT NULL)"

var migrations = fstest.MapFS{
	"sqlite/0001_legs.sql":   {Data: []byte(createLegs)},
	"postgres/0001_legs.sql": {Data: []byte(createLegs)},
}

var (
	startSpec = connect.Spec{Procedure: "/race.v1.Race/Start", StreamType: connect.StreamTypeUnary}
	runsSpec  = connect.Spec{
		Procedure: "/race.v1.Race/Runs", StreamType: connect.StreamTypeUnary,
		IdempotencyLevel: connect.IdempotencyNoSideEffects,
	}
)

// A Race is the context's handlers.
type Race struct {
	// Stumble, when set, may refuse a runner.
	Stumble func(runner string) error
}

// Register adds the context "race" to an app.
func (r *Race) Register(app *service.App) {
	app.Add(service.Definition{
		Context:   "race",
		Publishes: []*event.Type{handedType, carriedType},
		Consumers: []tx.Consumer{{
			Route: bus.Route{
				Consumer: "race.OnHanded", Type: handedType,
				New: func() event.Message { return &Handed{} },
			},
			Handle: r.onHanded,
		}},
		Migrations: migrations,
		Access: rpc.Access{
			startSpec.Procedure: {{Role: identity.Admin}},
			runsSpec.Procedure:  {{Public: true}},
		},
		Methods: r.methods,
	})
}

func (r *Race) onHanded(ctx context.Context, t *tx.Tx, m event.Message) error {
	runner := m.(*Handed).Runner
	if r.Stumble != nil {
		if err := r.Stumble(runner); err != nil {
			return err
		}
	}
	_, err := t.Conn().ExecContext(ctx,
		"INSERT INTO legs VALUES ($1, 1) ON CONFLICT (runner) DO UPDATE SET runs = legs.runs + 1", runner)
	if err != nil {
		return fmt.Errorf("count the leg: %w", err)
	}
	return t.Publish(ctx, &Carried{baton{Runner: runner}})
}

func (r *Race) methods(server *connect.Server, core *rpc.Core, _ *rpc.Directory) {
	server.Register(
		connect.Method{Spec: startSpec, Handler: func(ctx context.Context, _ connect.Spec, stream connect.ServerStream) error {
			var req wrapperspb.StringValue
			if err := stream.Receive(&req); err != nil {
				return err
			}
			res, err := core.Command(ctx, startSpec.Procedure, &req, new(wrapperspb.StringValue),
				func(ctx context.Context, t *tx.Tx) (proto.Message, error) {
					return wrapperspb.String(t.NewID()), t.Publish(ctx, NewHanded(req.GetValue()))
				})
			if err != nil {
				return err
			}
			return stream.Send(res)
		}},
		connect.Method{Spec: runsSpec, Handler: func(ctx context.Context, _ connect.Spec, stream connect.ServerStream) error {
			var req wrapperspb.StringValue
			if err := stream.Receive(&req); err != nil {
				return err
			}
			res, err := core.Query(ctx, runsSpec.Procedure, func(ctx context.Context, r *tx.Reader) (proto.Message, error) {
				return countRuns(ctx, r.Conn(), req.GetValue())
			})
			if err != nil {
				return err
			}
			return stream.Send(res)
		}},
	)
}

// Start calls the command that hands the baton to a runner.
func Start(ctx context.Context, c *connect.Client, runner string) error {
	return c.CallUnary(ctx, startSpec, wrapperspb.String(runner), new(wrapperspb.StringValue))
}

// Runs calls the query that returns how often a runner has carried the baton.
func Runs(ctx context.Context, c *connect.Client, runner string) (int64, error) {
	var res wrapperspb.Int64Value
	err := c.CallUnary(ctx, runsSpec, wrapperspb.String(runner), &res)
	return res.GetValue(), err
}

func countRuns(ctx context.Context, c database.Conn, runner string) (proto.Message, error) {
	rows, err := c.QueryContext(ctx, "SELECT runs FROM legs WHERE runner = $1", runner)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var runs int64
	for rows.Next() {
		if err := rows.Scan(&runs); err != nil {
			return nil, err
		}
	}
	return wrapperspb.Int64(runs), rows.Err()
}
