package graphql

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model/modeltest"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan/plantest"
)

const top = "../../../../.."

// TestCommitted holds the committed schema and its table, which the build
// compiles, against what is emitted.
func TestCommitted(t *testing.T) {
	files, err := Emit(modeltest.Load(t, os.DirFS(top)))
	if err != nil || len(files) != 2 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		plantest.Committed(t, top, f)
	}
}

const shapeProto = `syntax = "proto3";
package pl.shape.v1;
import "google/protobuf/timestamp.proto";
import "pl/options/v1/options.proto";
option go_package = "github.com/pulselearn/campus-hub/gen/proto/pl/shape/v1;shapev1";

// ShapeService says """quotes""".
service ShapeService {
  option (pl.options.v1.context) = {owner: "squad-shape"};
  // Put stores "it"
  rpc Put(PutRequest) returns (PutResponse);
  // Get reads.
  rpc Get(GetRequest) returns (Event) { option idempotency_level = NO_SIDE_EFFECTS; }
  // BatchGet reads many.
  rpc BatchGet(BatchGetRequest) returns (BatchGetResponse) { option idempotency_level = NO_SIDE_EFFECTS; }
  // Clear clears.
  rpc Clear(ClearRequest) returns (ClearResponse);
}
// Color is a colour.
enum Color { COLOR_UNSPECIFIED = 0; COLOR_RED = 1; }
// Node is a tree.
message Node {
  string id = 1;
  repeated Node nodes = 2;
  string parent_id = 3 [(pl.options.v1.field).references = "shape.BatchGet"];
  repeated string friend_ids = 4 [(pl.options.v1.field).references = "shape.BatchGet"];
  string made_by = 5 [(pl.options.v1.field).references = "shape.BatchGet"];
}
message PutRequest {
  Node root = 1 [(pl.options.v1.field).required = true];
  Color color = 2;
  map<string, Node> by_name = 3;
  repeated int64 numbers = 4 [(pl.options.v1.field).required = true];
}
message PutResponse { Node root = 1; }
message GetRequest { string id = 1 [(pl.options.v1.field).required = true]; google.protobuf.Timestamp since = 2; }
message Event {
  optional int32 perhaps = 1; uint32 small = 2; uint64 big = 3; bytes raw = 4; double share = 5; bool yes = 6;
  map<string, string> labels = 7; google.protobuf.Timestamp at = 8; Color color = 9; oneof which { string left = 10; Node right = 11; }
}
message BatchGetRequest { repeated string ids = 1 [(pl.options.v1.field).max_len = 7]; }
message BatchGetResponse { repeated Node nodes = 1; }
message ClearRequest {}
message ClearResponse {}
`

func TestSchema(t *testing.T) {
	options, err := os.ReadFile(top + "/contracts/proto/pl/options/v1/options.proto")
	if err != nil {
		t.Fatal(err)
	}
	files, err := Emit(modeltest.Load(t, fstest.MapFS{
		"go.mod": {Data: []byte("module github.com/pulselearn/campus-hub\n")},
		"contracts/proto/pl/options/v1/options.proto": {Data: options},
		"contracts/proto/pl/shape/v1/shape.proto":     {Data: []byte(shapeProto)},
	}))
	if err != nil {
		t.Fatal(err)
	}
	text, table := string(files[1].Content), string(files[0].Content)
	if _, err := gqlparser.LoadSchema(&ast.Source{Input: text}); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, line := range []string{
		"  get(id: ID!, since: Timestamp): ShapeEvent\n", // Event is the schema's own
		"  put(input: PutInput!): PutResponse\n",
		"  batchGet(ids: [ID!]): BatchGetResponse\n",
		"  clear: ClearResponse\n", "  ok: Boolean!\n",
		"  root: NodeInput!\n", "  numbers: [Int64!]!\n", "  byName: JSON\n", "  color: Color\n",
		"  perhaps: Int\n", "  small: UInt32!\n", "  big: UInt64!\n", "  raw: Bytes!\n", "  share: Float!\n", "  yes: Boolean!\n",
		"  labels: JSON!\n", "  at: Timestamp\n", "  color: Color!\n", "  left: String\n", "  right: Node\n",
		"  nodes: [Node!]!\n", "  parentId: ID!\n", "  parent: Node\n", "  friends: [Node!]!\n", "  madeByNode: Node\n",
		"  COLOR_RED\n",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("the schema lacks %q", line)
		}
	}
	if strings.Contains(text, "Query {\n") && strings.Index(text, "type Mutation") < strings.Index(text, "type Query") {
		t.Error("Query does not go first")
	}
	if n := strings.Count(table, "Max: 7"); n != 3 {
		t.Errorf("the table has %d relations of at most 7 ids:\n%s", n, table)
	}
	if t.Failed() {
		t.Log(text)
	}
}
