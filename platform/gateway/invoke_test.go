package gateway_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/pulselearn/campus-hub/platform/gateway"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

const addProcedure = "/test.v1.Notes/Add"

var notesAPI = gateway.API{Context: "notes", Methods: []gateway.Method{{
	Procedure: addProcedure,
	Request:   func() proto.Message { return new(wrapperspb.StringValue) },
	Response:  func() proto.Message { return new(wrapperspb.Int64Value) },
}}}

// notesServer answers Add with the length of the note, and tells keys of the
// Idempotency-Key of each call.
func notesServer(keys chan<- string) *connect.Server {
	server := rpc.NewServer(slog.New(slog.DiscardHandler))
	spec := connect.Spec{Procedure: addProcedure, StreamType: connect.StreamTypeUnary}
	server.Register(connect.Method{Spec: spec, Handler: func(ctx context.Context, _ connect.Spec, stream connect.ServerStream) error {
		info, _ := connect.CallInfoForServerContext(ctx)
		keys <- info.RequestHeader().Get(rpc.HeaderIdempotencyKey)
		var note wrapperspb.StringValue
		if err := stream.Receive(&note); err != nil {
			return err
		}
		if note.GetValue() == "" {
			return rpc.Invalid("value", "is missing")
		}
		return stream.Send(wrapperspb.Int64(int64(len(note.GetValue()))))
	}})
	return server
}

// forEachWay runs a test with a context in this process and in another one.
func forEachWay(t *testing.T, test func(t *testing.T, i *gateway.Invoker, keys <-chan string)) {
	t.Helper()
	keys := make(chan string, 8)
	server := notesServer(keys)
	t.Run("here", func(t *testing.T) {
		calls := rpc.NewDirectory(server, nil)
		calls.AddLocal("notes")
		test(t, gateway.NewInvoker(calls, notesAPI), keys)
	})
	t.Run("there", func(t *testing.T) {
		mux := http.NewServeMux()
		connecthttp.Mount(mux, server)
		remote := httptest.NewServer(mux)
		defer remote.Close()
		test(t, gateway.NewInvoker(rpc.NewDirectory(connect.NewServer(), map[string]string{"notes": remote.URL}), notesAPI), keys)
	})
}

func TestInvoke(t *testing.T) {
	t.Parallel()
	forEachWay(t, func(t *testing.T, i *gateway.Invoker, keys <-chan string) {
		answer, err := i.Invoke(t.Context(), addProcedure, wrapperspb.String("hello"))
		if err != nil || answer.(*wrapperspb.Int64Value).GetValue() != 5 {
			t.Errorf("got %v, %v; want 5", answer, err)
		}
		if key := <-keys; key == "" {
			t.Error("the command was sent without a key")
		}
	})
}

func TestInvokePassesTheKeyOn(t *testing.T) {
	t.Parallel()
	forEachWay(t, func(t *testing.T, i *gateway.Invoker, keys <-chan string) {
		ctx, info := connect.NewClientContext(t.Context())
		info.RequestHeader().Set(rpc.HeaderIdempotencyKey, "mine")
		if _, err := i.Invoke(ctx, addProcedure, wrapperspb.String("hello")); err != nil {
			t.Fatal(err)
		}
		if key := <-keys; key != "mine" {
			t.Errorf("the command was sent with the key %q", key)
		}
	})
}

func TestInvokeFails(t *testing.T) {
	t.Parallel()
	forEachWay(t, func(t *testing.T, i *gateway.Invoker, keys <-chan string) {
		if _, err := i.Invoke(t.Context(), addProcedure, wrapperspb.String("")); connect.CodeOf(err) != connect.CodeInvalidArgument {
			t.Errorf("the call's own error: got %v", err)
		}
		<-keys
		if _, err := i.Invoke(t.Context(), "/test.v1.Notes/Sing", wrapperspb.String("")); connect.CodeOf(err) != connect.CodeUnimplemented {
			t.Errorf("a call that there is not: got %v", err)
		}
	})
}
