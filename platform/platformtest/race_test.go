package platformtest_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing/fstest"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/rpc"
	"github.com/pulselearn/campus-hub/platform/schema"
	"github.com/pulselearn/campus-hub/platform/service"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// The context under test passes a baton on: every baton that arrives is
// counted and published again under another name, and the call Start publishes
// the first one.
type baton struct{ runner string }

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

func (b *baton) EventKey() string     { return b.runner }
func (b *baton) EventSubject() string { return "" }

func (b *baton) AppendBinary(dst []byte) ([]byte, error) {
	return append(binary.AppendVarint(dst, int64(len(b.runner))), b.runner...), nil
}

func (b *baton) UnmarshalBinary(data []byte) error {
	n, size := binary.Varint(data)
	if size <= 0 || int(n) != len(data)-size {
		return errors.New("not a baton")
	}
	b.runner = string(data[size:])
	return nil
}

// The baton's two events.
type (
	handed  struct{ baton }
	carried struct{ baton }
)

func (*handed) EventType() *event.Type  { return handedType }
func (*carried) EventType() *event.Type { return carriedType }

func newHanded(runner string) *handed { return &handed{baton{runner}} }

var raceMigrations = fstest.MapFS{
	"sqlite/0001_legs.sql": {Data: []byte("CREATE TABLE legs (runner TEXT PRIMARY KEY, runs INTEGER NOT NULL)")},
}

var (
	startSpec = connect.Spec{Procedure: "/race.v1.Race/Start", StreamType: connect.StreamTypeUnary}
	runsSpec  = connect.Spec{
		Procedure: "/race.v1.Race/Runs", StreamType: connect.StreamTypeUnary,
		IdempotencyLevel: connect.IdempotencyNoSideEffects,
	}
)

// A race is the context's handlers. stumble, when set, may refuse a runner.
type race struct {
	stumble func(runner string) error
}

func (r *race) register(app *service.App) {
	app.Add(service.Definition{
		Context:   "race",
		Publishes: []*event.Type{handedType, carriedType},
		Consumers: []tx.Consumer{{
			Route:  routeOf("race.OnHanded", handedType, func() event.Message { return &handed{} }),
			Handle: r.onHanded,
		}},
		Migrations: raceMigrations,
		Methods:    r.methods,
	})
}

func (r *race) onHanded(ctx context.Context, t *tx.Tx, m event.Message) error {
	runner := m.(*handed).runner
	if r.stumble != nil {
		if err := r.stumble(runner); err != nil {
			return err
		}
	}
	_, err := t.Conn().ExecContext(ctx,
		"INSERT INTO legs VALUES ($1, 1) ON CONFLICT (runner) DO UPDATE SET runs = runs + 1", runner)
	if err != nil {
		return fmt.Errorf("count the leg: %w", err)
	}
	return t.Publish(ctx, &carried{baton{runner}})
}

func (r *race) methods(server *connect.Server, core *rpc.Core, _ *rpc.Directory) {
	server.Register(
		connect.Method{Spec: startSpec, Handler: func(ctx context.Context, _ connect.Spec, stream connect.ServerStream) error {
			var req wrapperspb.StringValue
			if err := stream.Receive(&req); err != nil {
				return err
			}
			res, err := core.Command(ctx, startSpec.Procedure, &req, new(wrapperspb.StringValue),
				func(ctx context.Context, t *tx.Tx) (proto.Message, error) {
					return wrapperspb.String(t.NewID()), t.Publish(ctx, newHanded(req.GetValue()))
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

func countRuns(ctx context.Context, c tx.Conn, runner string) (proto.Message, error) {
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
