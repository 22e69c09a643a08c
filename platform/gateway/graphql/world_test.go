package graphql

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect/v2"
	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/pulselearn/campus-hub/platform/gateway"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

const campusProto = `syntax = "proto3";
package test.v1;
import "google/protobuf/timestamp.proto";
enum Kind { KIND_UNSPECIFIED = 0; KIND_ACE = 1; }
message User { string id = 1; string name = 2; string mentor_id = 3; }
message Badge {
  string id = 1; string student_id = 2; string awarded_by = 3; repeated string witness_ids = 4;
  Kind kind = 5; int64 points = 6; double share = 7; optional string note = 8;
  google.protobuf.Timestamp awarded_at = 9; map<string, int32> counts = 10; bytes seal = 11;
}
message ListBadgesRequest { string student_id = 1; int32 page_size = 2; string page_token = 3; }
message ListBadgesResponse { repeated Badge badges = 1; string next_page_token = 2; }
message BatchGetUsersRequest { repeated string user_ids = 1; }
message BatchGetUsersResponse { repeated User users = 1; }
message AwardRequest { string student_id = 1; Kind kind = 2; google.protobuf.Timestamp at = 3; int64 points = 4; }
message AwardResponse { Badge badge = 1; }
message Empty {}
service Campus {
  rpc ListBadges(ListBadgesRequest) returns (ListBadgesResponse);
  rpc BatchGetUsers(BatchGetUsersRequest) returns (BatchGetUsersResponse);
  rpc Award(AwardRequest) returns (AwardResponse);
  rpc Clear(Empty) returns (Empty);
}`

const campusSDL = `
scalar Timestamp
scalar Int64
scalar Bytes
scalar JSON
scalar Date
type Query { listBadges(studentId: ID!, pageSize: Int, pageToken: String): ListBadgesResponse }
type Mutation { award(input: AwardInput!): AwardResponse clear: Empty }
type Subscription {
  noted(userId: ID, after: String): Noted!
  said(courseId: ID!, after: String): Said!
}
type Noted {
  _id: ID! _time: Timestamp _position: String!
  userId: ID! secret: String kind: EventKind! big: Int64! share: Float! small: Int! flag: Boolean! on: Date labels: JSON!
  list: [EventPart!]! about: NotedAbout tags: [String]
}
type EventPart { n: Int! parts: [EventPart!]! }
type EventLeft { left: String! }
type EventRight { right: Int! }
union NotedAbout = EventLeft | EventRight
enum EventKind { GOOD BAD }
type Said { _id: ID! _position: String! text: String! }
type Empty { ok: Boolean! }
type ListBadgesResponse { badges: [Badge!]! nextPageToken: String! }
type AwardResponse { badge: Badge }
type User { id: ID! name: String! mentorId: ID! mentor: User }
type Badge {
  id: ID! studentId: ID! student: User awardedBy: ID! awardedByUser: User witnessIds: [ID!]! witnesses: [User!]!
  kind: Kind! points: Int64! share: Float! note: String awardedAt: Timestamp counts: JSON! seal: Bytes!
}
input AwardInput { studentId: ID! kind: Kind at: Timestamp points: Int64 }
enum Kind { KIND_UNSPECIFIED KIND_ACE }
`

var campus = sync.OnceValue(func() protoreflect.FileDescriptor {
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
		Accessor: protocompile.SourceAccessorFromMap(map[string]string{"campus.proto": campusProto}),
	})}
	files, err := compiler.Compile(context.Background(), "campus.proto")
	if err != nil {
		panic(err)
	}
	return files[0]
})

func maker(name protoreflect.Name) func() proto.Message {
	return func() proto.Message { return dynamicpb.NewMessage(campus().Messages().ByName(name)) }
}

func method(name, in, out string, query bool) gateway.Method {
	return gateway.Method{
		Procedure: "/test.v1.Campus/" + name, Query: query,
		Request: maker(protoreflect.Name(in)), Response: maker(protoreflect.Name(out)),
	}
}

var campusAPI = gateway.API{Context: "campus", Methods: []gateway.Method{
	method("ListBadges", "ListBadgesRequest", "ListBadgesResponse", true),
	method("BatchGetUsers", "BatchGetUsersRequest", "BatchGetUsersResponse", true),
	method("Award", "AwardRequest", "AwardResponse", false),
	method("Clear", "Empty", "Empty", false),
}}

func relationTo(of, field, from string) gateway.Relation {
	return gateway.Relation{
		Type: of, Field: field, From: from, Batch: "/test.v1.Campus/BatchGetUsers", Max: 3,
		IDs: "userIds", Items: "users", Key: "id",
	}
}

var campusGraph = gateway.Graph{
	SDL: campusSDL,
	Roots: []gateway.Root{
		{Type: "Query", Name: "listBadges", Procedure: "/test.v1.Campus/ListBadges"},
		{Type: "Mutation", Name: "award", Procedure: "/test.v1.Campus/Award"},
		{Type: "Mutation", Name: "clear", Procedure: "/test.v1.Campus/Clear"},
	},
	Relations: []gateway.Relation{
		relationTo("Badge", "student", "studentId"), relationTo("Badge", "awardedByUser", "awardedBy"),
		relationTo("Badge", "witnesses", "witnessIds"), relationTo("User", "mentor", "mentorId"),
	},
	Subscriptions: []gateway.Subscription{
		{Name: "noted", Topic: "pl.test.noted.v1", Family: "user", Argument: "userId"},
		{Name: "said", Topic: "pl.test.said.v1", Family: "course", Argument: "courseId"},
	},
	Variants: []gateway.Variant{{Record: "pl.test.v1.Left", Type: "EventLeft"}, {Record: "pl.test.v1.Right", Type: "EventRight"}},
}

// A world is a campus behind GraphQL. Its calls answer with JSON, or fail.
type world struct {
	handler *Handler
	mu      sync.Mutex
	calls   []string // "ListBadges", as they come
	keys    []string
	answer  func(call string, request proto.Message) (string, error)
}

func newWorld(t *testing.T, c Config) *world {
	t.Helper()
	w := &world{answer: campusAnswers}
	server := rpc.NewServer(slog.New(slog.DiscardHandler))
	for _, m := range campusAPI.Methods {
		server.Register(connect.Method{Spec: connect.Spec{Procedure: m.Procedure, StreamType: connect.StreamTypeUnary}, Handler: w.serve(m)})
	}
	calls := rpc.NewDirectory(server, nil)
	calls.AddLocal("campus")
	var err error
	w.handler, err = New(campusGraph, gateway.NewInvoker(calls, campusAPI), c)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) serve(m gateway.Method) connect.ServerFunc {
	return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
		request, answer := m.Request(), m.Response()
		if err := stream.Receive(request); err != nil {
			return err
		}
		info, _ := connect.CallInfoForServerContext(ctx)
		w.mu.Lock()
		name := strings.TrimPrefix(spec.Procedure, "/test.v1.Campus/")
		w.calls = append(w.calls, name)
		w.keys = append(w.keys, info.RequestHeader().Get(rpc.HeaderIdempotencyKey))
		text, err := w.answer(name, request)
		w.mu.Unlock()
		if err != nil {
			return err
		}
		if err := protojson.Unmarshal([]byte(text), answer); err != nil {
			return err
		}
		return stream.Send(answer)
	}
}

// campusAnswers are three badges of two students, and all users but "gone".
func campusAnswers(call string, request proto.Message) (string, error) {
	switch call {
	case "ListBadges":
		return `{"badges":[
			{"id":"b1","studentId":"ada","awardedBy":"tess","witnessIds":["ben","gone"],"kind":"KIND_ACE","points":"9007199254740993","share":0.5,"note":"n","awardedAt":"2026-05-01T12:00:00Z","counts":{"b":2,"a":1},"seal":"AQI="},
			{"id":"b2","studentId":"ada","awardedBy":"gone"},
			{"id":"b3","studentId":"ben"}],"nextPageToken":"t"}`, nil
	case "Award":
		return `{"badge":{"id":"b4","studentId":"ada"}}`, nil
	case "Clear":
		return `{}`, nil
	}
	var users []string
	ids := request.ProtoReflect().Get(request.ProtoReflect().Descriptor().Fields().ByName("user_ids")).List()
	for i := range ids.Len() {
		if id := ids.Get(i).String(); id != "gone" {
			mentor := map[string]string{"ada": "tess", "ben": "tess"}[id]
			users = append(users, `{"id":"`+id+`","name":"`+strings.ToUpper(id)+`","mentorId":"`+mentor+`"}`)
		}
	}
	return `{"users":[` + strings.Join(users, ",") + `]}`, nil
}

// post sends an operation; headers are names and values in turn.
func (w *world) post(query string, variables map[string]any, headers ...string) *httptest.ResponseRecorder {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		panic(err)
	}
	return w.send(http.MethodPost, "/graphql", string(body), append([]string{"Content-Type", "application/json", "Accept", mediaGraphQL}, headers...)...)
}

func (w *world) send(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer := httptest.NewRecorder()
	w.handler.ServeHTTP(answer, r)
	return answer
}
