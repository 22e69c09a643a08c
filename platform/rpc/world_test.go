package rpc_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectinprocess"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/database/sqlite"
	"github.com/pulselearn/campus-hub/platform/rpc"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// The API under test keeps notes: Add stores one and says how many there are,
// Count only says it.
var (
	addSpec   = connect.Spec{Procedure: "/test.v1.Notes/Add", StreamType: connect.StreamTypeUnary}
	countSpec = connect.Spec{
		Procedure: "/test.v1.Notes/Count", StreamType: connect.StreamTypeUnary,
		IdempotencyLevel: connect.IdempotencyNoSideEffects,
	}
)

var notesMigrations = fstest.MapFS{
	"sqlite/0001_notes.sql": {Data: []byte("CREATE TABLE notes (id TEXT PRIMARY KEY, body TEXT NOT NULL)")},
}

// notes is one context with a real database behind a real server.
type notes struct {
	server *connect.Server
	core   *rpc.Core
	log    *lockedBuffer
	// before runs inside the command, ahead of the insert. It may be nil.
	before func(ctx context.Context, body string) error
	// runs counts the runs of the command's handler.
	runs int
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func newNotes(t *testing.T, interceptors ...connect.ServerInterceptor) *notes {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "notes.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := db.Migrate(t.Context(), notesMigrations); err != nil {
		t.Fatal(err)
	}
	n := &notes{log: &lockedBuffer{}}
	n.core = rpc.NewCore(tx.NewStore(db, tx.Service{Context: "notes"}), nil)
	n.server = rpc.NewServer(slog.New(slog.NewTextHandler(n.log, nil)), interceptors...)
	n.server.Register(
		connect.Method{Spec: addSpec, Handler: unary(n.add)},
		connect.Method{Spec: countSpec, Handler: unary(n.count)},
	)
	return n
}

func unary(call func(context.Context, *wrapperspb.StringValue) (proto.Message, error)) connect.ServerFunc {
	return func(ctx context.Context, _ connect.Spec, stream connect.ServerStream) error {
		var req wrapperspb.StringValue
		if err := stream.Receive(&req); err != nil {
			return err
		}
		res, err := call(ctx, &req)
		if err != nil {
			return err
		}
		return stream.Send(res)
	}
}

func (n *notes) add(ctx context.Context, req *wrapperspb.StringValue) (proto.Message, error) {
	return n.core.Command(ctx, addSpec.Procedure, req, new(wrapperspb.Int64Value),
		func(ctx context.Context, t *tx.Tx) (proto.Message, error) {
			n.runs++
			if n.before != nil {
				if err := n.before(ctx, req.GetValue()); err != nil {
					return nil, err
				}
			}
			if _, err := t.Conn().ExecContext(ctx, "INSERT INTO notes VALUES ($1, $2)", t.NewID(), req.GetValue()); err != nil {
				return nil, fmt.Errorf("store the note: %w", err)
			}
			return countNotes(ctx, t.Conn())
		})
}

func (n *notes) count(ctx context.Context, _ *wrapperspb.StringValue) (proto.Message, error) {
	return n.core.Query(ctx, countSpec.Procedure, func(ctx context.Context, r *tx.Reader) (proto.Message, error) {
		return countNotes(ctx, r.Conn())
	})
}

func countNotes(ctx context.Context, c database.Conn) (proto.Message, error) {
	rows, err := c.QueryContext(ctx, "SELECT count(*) FROM notes")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var count int64
	for rows.Next() {
		if err := rows.Scan(&count); err != nil {
			return nil, err
		}
	}
	return wrapperspb.Int64(count), rows.Err()
}

// A wire is one way for a client to reach the server.
type wire struct {
	name string
	open func(t *testing.T, n *notes) connect.Transport
}

var wires = []wire{
	{"in process", func(_ *testing.T, n *notes) connect.Transport { return connectinprocess.New(n.server) }},
	{"connect", overHTTP()},
	{"connect with JSON", overHTTP(connecthttp.WithProtoJSON())},
	{"gRPC", overHTTP(connecthttp.WithGRPC())},
	{"gRPC-Web", overHTTP(connecthttp.WithGRPCWeb())},
}

func overHTTP(options ...connecthttp.Option) func(*testing.T, *notes) connect.Transport {
	return func(t *testing.T, n *notes) connect.Transport {
		mux := http.NewServeMux()
		connecthttp.Mount(mux, n.server)
		server := httptest.NewUnstartedServer(mux)
		server.EnableHTTP2 = true
		server.StartTLS()
		t.Cleanup(server.Close)
		return connecthttp.NewTransport(server.Client(), server.URL, options...)
	}
}

// forEachWire runs the test over every protocol, on a fresh server each.
func forEachWire(t *testing.T, test func(t *testing.T, n *notes, c *connect.Client)) {
	for _, w := range wires {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			n := newNotes(t)
			test(t, n, connect.NewClient(w.open(t, n)))
		})
	}
}

func withKey(ctx context.Context, key string) context.Context {
	ctx, info := connect.NewClientContext(ctx)
	info.RequestHeader().Set(rpc.HeaderIdempotencyKey, key)
	return ctx
}

func add(ctx context.Context, c *connect.Client, body string) (int64, error) {
	var res wrapperspb.Int64Value
	err := c.CallUnary(ctx, addSpec, wrapperspb.String(body), &res)
	return res.GetValue(), err
}

func count(t *testing.T, c *connect.Client) int64 {
	t.Helper()
	var res wrapperspb.Int64Value
	if err := c.CallUnary(t.Context(), countSpec, wrapperspb.String(""), &res); err != nil {
		t.Fatal(err)
	}
	return res.GetValue()
}
