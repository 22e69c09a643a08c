package rest

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect/v2"
	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/pulselearn/campus-hub/platform/gateway"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

// The API under test has every shape that a request can have. Its calls answer
// as a test says.
const shapesProto = `syntax = "proto3";
package test.v1;
import "google/protobuf/duration.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
enum Color { COLOR_UNSPECIFIED = 0; COLOR_RED = 1; COLOR_BLUE = -2; }
message Inner {
  string note = 1;
  int32 count = 2;
  Inner deeper = 3;
  repeated Color colors = 4;
}
message Shape {
  string name = 1;
  int64 number = 2;
  string text = 3;
  bool yes = 4;
  int32 small = 5;
  uint32 unsigned_small = 6;
  uint64 unsigned_big = 7;
  sint64 zigzag = 8;
  fixed32 fixed = 9;
  float single_float = 10;
  double double_float = 11;
  bytes raw = 12;
  Color color = 13;
  google.protobuf.Timestamp begins_at = 14;
  google.protobuf.Duration lasts = 15;
  google.protobuf.Int64Value maybe = 16;
  google.protobuf.BoolValue truth = 17;
  google.protobuf.BytesValue blob = 18;
  Inner inner = 19;
  repeated string tags = 20;
  repeated double ratios = 21;
  repeated google.protobuf.Timestamp times = 22;
  optional string perhaps = 23;
  optional bool surely = 24;
  oneof which { string left = 25; int64 right = 26; }
  int32 page_size = 27;
  string page_token = 28;
  repeated Inner inners = 29;
  map<string, int32> counts = 30;
  map<int64, Inner> by_number = 31;
}
message Answer {
  Shape shape = 1;
  string next_page_token = 2;
}
service Shapes {
  rpc Get(Shape) returns (Answer);
}`

var shapes = sync.OnceValue(func() protoreflect.FileDescriptor {
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
		Accessor: protocompile.SourceAccessorFromMap(map[string]string{"shapes.proto": shapesProto}),
	})}
	files, err := compiler.Compile(context.Background(), "shapes.proto")
	if err != nil {
		panic(err)
	}
	return files[0]
})

func shapeType() protoreflect.MessageDescriptor  { return shapes().Messages().ByName("Shape") }
func answerType() protoreflect.MessageDescriptor { return shapes().Messages().ByName("Answer") }

func newShape() proto.Message  { return dynamicpb.NewMessage(shapeType()) }
func newAnswer() proto.Message { return dynamicpb.NewMessage(answerType()) }

// shapesAPI has two routes on one path, and one whose last segment is a field
// where another has a literal.
var shapesAPI = gateway.API{Context: "shapes", Methods: []gateway.Method{
	{Procedure: "/test.v1.Shapes/Get", Query: true, Request: newShape, Response: newAnswer, Route: gateway.Route{Verb: "GET", Path: "/api/v1/shapes/{name}/of/{number}"}},
	{Procedure: "/test.v1.Shapes/Put", Request: newShape, Response: newAnswer, Route: gateway.Route{Verb: "PUT", Path: "/api/v1/shapes/{name}/of/{number}"}},
	{Procedure: "/test.v1.Shapes/Drop", Request: newShape, Response: newAnswer, Route: gateway.Route{Verb: "DELETE", Path: "/api/v1/shapes/{name}"}},
	{Procedure: "/test.v1.Shapes/Count", Query: true, Request: newShape, Response: newAnswer, Route: gateway.Route{Verb: "GET", Path: "/api/v1/shapes/count"}},
	{Procedure: "/test.v1.Shapes/Hidden", Request: newShape, Response: newAnswer},
}}

// A world is the API behind its handler.
type world struct {
	handler *Handler
	// answer is what every call does. It is set before the first request.
	answer func(ctx context.Context, procedure string, shape proto.Message) (proto.Message, error)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{answer: func(_ context.Context, _ string, shape proto.Message) (proto.Message, error) {
		return answerWith(shape, ""), nil
	}}
	server := rpc.NewServer(slog.New(slog.DiscardHandler))
	for _, m := range shapesAPI.Methods {
		spec := connect.Spec{Procedure: m.Procedure, StreamType: connect.StreamTypeUnary}
		server.Register(connect.Method{Spec: spec, Handler: func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			shape := newShape()
			if err := stream.Receive(shape); err != nil {
				return err
			}
			answer, err := w.answer(ctx, spec.Procedure, shape)
			if err != nil {
				return err
			}
			return stream.Send(answer)
		}})
	}
	calls := rpc.NewDirectory(server, nil)
	calls.AddLocal("shapes")
	var err error
	w.handler, err = New(gateway.NewInvoker(calls, shapesAPI), Config{Log: slog.New(slog.DiscardHandler)}, shapesAPI)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// answerWith is the answer that repeats a shape.
func answerWith(shape proto.Message, nextPage string) proto.Message {
	m := dynamicpb.NewMessage(answerType())
	m.Set(answerType().Fields().ByName("shape"), protoreflect.ValueOfMessage(shape.ProtoReflect()))
	m.Set(answerType().Fields().ByName("next_page_token"), protoreflect.ValueOfString(nextPage))
	return m
}

// do makes a request; headers are names and values in turn.
func (w *world) do(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer := httptest.NewRecorder()
	w.handler.ServeHTTP(answer, r)
	return answer
}

func get(name string) *route {
	var root node
	for _, m := range shapesAPI.Methods {
		if m.Route.Path == "" {
			continue
		}
		if err := root.add(m); err != nil {
			panic(err)
		}
	}
	place, _ := root.find("/api/v1/shapes/x/of/1")
	return place.routes[name]
}
