package openapi

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model/modeltest"
)

// shapes is a repository whose contract has what those of this one lack:
// recursion, a oneof, every scalar, and a message that is asked and answered.
func shapes(t *testing.T) fstest.MapFS {
	t.Helper()
	options, err := os.ReadFile(top + "/contracts/proto/pl/options/v1/options.proto")
	if err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{
		"go.mod": {Data: []byte("module github.com/pulselearn/campus-hub\n")},
		"contracts/proto/pl/options/v1/options.proto": {Data: options},
		"contracts/proto/pl/shape/v1/shape.proto":     {Data: []byte(shapeProto)},
	}
}

const shapeProto = `syntax = "proto3";
package pl.shape.v1;
import "google/protobuf/duration.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "pl/options/v1/options.proto";
option go_package = "github.com/pulselearn/campus-hub/gen/proto/pl/shape/v1;shapev1";

// ShapeService has all shapes.
service ShapeService {
  option (pl.options.v1.context) = {owner: "squad-shape"};
  // Put stores. It is a command.
  rpc Put(PutRequest) returns (PutResponse) { option (pl.options.v1.access) = {allow: {public: true}};
    option (pl.options.v1.http) = {put: "/api/v1/shapes/{name}"};
  }
  // Get reads.
  rpc Get(GetRequest) returns (PutResponse) { option (pl.options.v1.access) = {allow: {public: true}};
    option idempotency_level = NO_SIDE_EFFECTS;
  }
}
// Color is a colour.
enum Color {
  COLOR_UNSPECIFIED = 0;
  // Like blood.
  COLOR_RED = 1;
}
// Node is a tree.
message Node {
  string label = 1 [(pl.options.v1.field) = {required: true max_len: 3}];
  repeated Node nodes = 2;
}
message GetRequest {}
message PutRequest {
  // The name <b>.
  string name = 1 [(pl.options.v1.field) = {required: true max_len: 5 pii: "name"}];
  Node root = 2 [(pl.options.v1.field) = {required: true}];
  Color color = 3 [(pl.options.v1.field) = {required: true}];
  repeated string tags = 4 [(pl.options.v1.field) = {max_len: 2}];
  map<string, Node> by_name = 5 [(pl.options.v1.field) = {max_len: 2}];
  int32 count = 6 [(pl.options.v1.field) = {min: 1 max: 9}];
  int64 big = 7 [(pl.options.v1.field) = {min: 0}];
  double share = 8 [(pl.options.v1.field) = {min: 0 max: 1}];
}
message PutResponse {
  Node root = 1;
  google.protobuf.Timestamp at = 2;
  google.protobuf.Duration took = 3;
  google.protobuf.Int64Value maybe = 4;
  bytes raw = 5;
  float f = 6;
  uint32 u = 7;
  fixed64 x = 8;
  sint64 s = 9;
  bool b = 10;
  map<int32, Color> colors = 11;
  map<bool, string> flags = 12;
  oneof which {
    string left = 13;
    int64 right = 14;
  }
  optional int32 perhaps = 15;
}
`

func TestRequestsAreRestricted(t *testing.T) {
	s := documents(t, modeltest.Load(t, shapes(t)))[0]
	schema := s.schema(t, "pl.shape.v1.PutRequest")
	const good = `{"name": "n", "root": {"label": "a", "nodes": [{"label": "b"}]}, "color": "COLOR_RED", "count": 1, "big": "7", "share": 0.5}`
	if err := schema.Validate(decode(t, []byte(good))); err != nil {
		t.Fatalf("a good request: %v", err)
	}
	for _, e := range []struct{ name, old, new string }{
		{"an absent field", `"name": "n", `, ``},
		{"an empty string", `"name": "n"`, `"name": ""`},
		{"a long string", `"name": "n"`, `"name": "123456"`},
		{"the zero of an enum", `COLOR_RED`, `COLOR_UNSPECIFIED`},
		{"an unknown enum value", `COLOR_RED`, `COLOR_GREEN`},
		{"a low number", `"count": 1`, `"count": 0`},
		{"a high number", `"count": 1`, `"count": 10`},
		{"a share above 1", `0.5`, `1.5`},
		{"a fraction", `"count": 1`, `"count": 1.5`},
		{"a text for a number", `"7"`, `"seven"`},
		{"too many tags", `"share"`, `"tags": ["a", "b", "c"], "share"`},
		{"a rule in a nested message", `"label": "b"`, `"label": "long"`},
		{"an absent field in a nested message", `{"label": "b"}`, `{}`},
		{"a rule in a map", `"share"`, `"byName": {"a": {"label": "long"}}, "share"`},
	} {
		if schema.Validate(decode(t, []byte(strings.Replace(good, e.old, e.new, 1)))) == nil {
			t.Errorf("%s is accepted", e.name)
		}
	}
}

func TestAnswersAreNotRestricted(t *testing.T) {
	s := documents(t, modeltest.Load(t, shapes(t)))[0]
	schema := s.schema(t, "pl.shape.v1.PutResponse")
	if err := schema.Validate(decode(t, []byte(`{"root": {"nodes": [{"label": "far longer"}]}, "perhaps": 0}`))); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{
		`{"left": "l", "right": "1"}`, `{"at": "today"}`, `{"took": "1h"}`, `{"x": 1}`, `{"colors": {"a": "COLOR_RED"}}`, `{"flags": {"1": ""}}`, `{"u": -1}`,
	} {
		if schema.Validate(decode(t, []byte(bad))) == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

func TestCallsTellCommandsFromQueries(t *testing.T) {
	var d document
	if err := json.Unmarshal(documents(t, modeltest.Load(t, shapes(t)))[0].text, &d); err != nil {
		t.Fatal(err)
	}
	put, get := d.Paths["/pl.shape.v1.ShapeService/Put"], d.Paths["/pl.shape.v1.ShapeService/Get"]
	if put == nil || put.Get != nil || !hasKey(put.Post) || put.Post.Query {
		t.Errorf("command %+v", put)
	}
	if get == nil || get.Get == nil || hasKey(get.Post) || !get.Post.Query {
		t.Errorf("query %+v", get)
	}
	if put.Post.Summary != "Put stores." {
		t.Errorf("summary %q", put.Post.Summary)
	}
	if name := d.Components.Schemas["pl.shape.v1.PutRequest"].Properties["name"]; name.PII != "name" || name.Description != "The name <b>." {
		t.Errorf("name %+v", name)
	}
}

func hasKey(o *operation) bool {
	return slices.ContainsFunc(o.Parameters, func(p parameter) bool { return strings.HasSuffix(p.Ref, idempotencyKey) })
}
