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
  rpc Get(GetRequest) returns (Date) { option idempotency_level = NO_SIDE_EFFECTS; }
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
message Date {
  optional int32 perhaps = 1; uint32 small = 2; uint64 big = 3; bytes raw = 4; double share = 5; bool yes = 6;
  map<string, string> labels = 7; google.protobuf.Timestamp at = 8; Color color = 9; oneof which { string left = 10; Node right = 11; }
}
message BatchGetRequest { repeated string ids = 1 [(pl.options.v1.field).max_len = 7]; }
message BatchGetResponse { repeated Node nodes = 1; }
message ClearRequest {}
message ClearResponse {}
`

const drawnAvro = `{"type": "record", "namespace": "pl.shape.v1", "name": "Drawn", "doc": "A shape was drawn.",
  "pl": {"key": "userId", "subject": "userId", "compat": "FULL_TRANSITIVE", "partitions": 3, "retention": "1d", "realtime": "user:{userId}"},
  "fields": [
    {"name": "userId", "type": "string", "doc": "Who drew it."},
    {"name": "shapeIds", "type": {"type": "array", "items": "string"}},
    {"name": "title", "type": "string", "doc": "Its title.", "pl": {"pii": "free_text"}},
    {"name": "color", "type": {"type": "enum", "name": "Color", "symbols": ["UNKNOWN", "RED"], "default": "UNKNOWN", "symbolDocs": {"RED": "It is red."}}},
    {"name": "score", "type": ["null", "double"], "default": null},
    {"name": "count", "type": "long"}, {"name": "size", "type": "int"}, {"name": "share", "type": "float"}, {"name": "yes", "type": "boolean"},
    {"name": "raw", "type": "bytes"}, {"name": "sum", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
    {"name": "token", "type": {"type": "string", "logicalType": "uuid"}},
    {"name": "day", "type": {"type": "int", "logicalType": "date"}}, {"name": "hour", "type": {"type": "int", "logicalType": "time-millis"}},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "wall", "type": {"type": "long", "logicalType": "local-timestamp-micros"}},
    {"name": "span", "type": {"type": "fixed", "name": "Span", "size": 12, "logicalType": "duration"}},
    {"name": "labels", "type": {"type": "map", "values": "string"}},
    {"name": "mixed", "type": ["null", "string", "int"], "default": null},
    {"name": "maybe", "type": {"type": "array", "items": ["null", "int"]}},
    {"name": "node", "type": {"type": "record", "name": "Node", "doc": "A part.", "fields": [
      {"name": "nodes", "type": {"type": "array", "items": "Node"}}, {"name": "author", "type": "string", "pl": {"pii": "name"}}]}},
    {"name": "about", "type": ["null", {"type": "record", "name": "Line", "fields": [{"name": "x", "type": "int"}]},
      {"type": "record", "name": "Arc", "fields": [{"name": "r", "type": "int"}]}], "default": null},
    {"name": "nothing", "type": {"type": "record", "name": "Nothing", "fields": []}}
  ]}`

// onChannel moves the event to channels that are not those of a person.
func onChannel(text, pattern string) string {
	return strings.Replace(text, "user:{userId}", pattern, 1)
}

func TestSubscriptions(t *testing.T) {
	options, err := os.ReadFile(top + "/contracts/proto/pl/options/v1/options.proto")
	if err != nil {
		t.Fatal(err)
	}
	second := strings.NewReplacer(`"pl.shape.v1"`, `"pl.shape.v2"`, "shape was drawn", "shape was drawn again").Replace(onChannel(drawnAvro, "board:{shapeId}"))
	second = strings.Replace(second, `"fields": [`, `"fields": [{"name": "shapeId", "type": "int"},`, 1)
	files, err := Emit(modeltest.Load(t, fstest.MapFS{
		"go.mod": {Data: []byte("module github.com/pulselearn/campus-hub\n")},
		"contracts/proto/pl/options/v1/options.proto": {Data: options},
		"contracts/proto/pl/shape/v1/shape.proto":     {Data: []byte(shapeProto)},
		"contracts/avro/shape/v1/drawn.avsc":          {Data: []byte(drawnAvro)},
		"contracts/avro/shape/v2/drawn.avsc":          {Data: []byte(second)},
	}))
	if err != nil {
		t.Fatal(err)
	}
	text, table := string(files[1].Content), string(files[0].Content)
	schema, err := gqlparser.LoadSchema(&ast.Source{Input: text})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	fields := map[string]string{}
	for _, of := range []string{"Drawn", "DrawnV2", "EventNode", "EventLine"} {
		for _, f := range schema.Types[of].Fields {
			fields[of+"."+f.Name] = f.Type.String()
		}
	}
	want := map[string]string{
		"_id": "ID!", "_time": "Timestamp", "_position": "String!", "userId": "ID!", "shapeIds": "[ID!]!", "title": "String", "color": "EventColor!",
		"score": "Float", "count": "Int64!", "size": "Int!", "share": "Float!", "yes": "Boolean!", "raw": "Bytes!", "sum": "Decimal!",
		"token": "ID!", "day": "Date!", "hour": "TimeOfDay!", "at": "Timestamp!", "wall": "LocalTimestamp!", "span": "CalendarPeriod!",
		"labels": "JSON!", "mixed": "JSON", "maybe": "[Int]!", "node": "EventNode!", "about": "DrawnAbout", "nothing": "JSON!",
	}
	for name, of := range want {
		if got := fields["Drawn."+name]; got != of {
			t.Errorf("%s is %q, want %q", name, got, of)
		}
	}
	if n := len(schema.Types["Drawn"].Fields); n != len(want) {
		t.Errorf("the event has %d fields, want %d", n, len(want))
	}
	if _, there := fields["DrawnV2.title"]; there || fields["DrawnV2.shapeId"] != "Int!" || fields["EventNode.author"] != "String" || fields["EventNode.nodes"] != "[EventNode!]!" {
		t.Errorf("personal data on a channel of nobody's own, or within: %v", fields)
	}
	for name, arguments := range map[string]string{"drawn": "userId: ID, after: String", "drawnV2": "shapeId: Int!, after: String"} {
		f := schema.Subscription.Fields.ForName(name)
		if f == nil {
			t.Fatalf("there is no subscription %s", name)
		}
		var got []string
		for _, a := range f.Arguments {
			got = append(got, a.Name+": "+a.Type.String())
		}
		if strings.Join(got, ", ") != arguments || !strings.Contains(f.Description, "A shape was drawn") {
			t.Errorf("%s(%s): %s", name, strings.Join(got, ", "), f.Description)
		}
	}
	for _, part := range []string{
		`{Name: "drawn", Topic: "pl.shape.drawn.v1", Family: "user", Argument: "userId"}`,
		`{Name: "drawnV2", Topic: "pl.shape.drawn.v2", Family: "board", Argument: "shapeId"}`,
		`{Record: "pl.shape.v1.Line", Type: "EventLine"}`, `{Record: "pl.shape.v2.Arc", Type: "EventArcV2"}`,
	} {
		if !strings.Contains(table, part) {
			t.Errorf("the table lacks %s:\n%s", part, table)
		}
	}
	if !strings.Contains(text, "  \"\"\"It is red.\"\"\"\n  RED\n") || strings.Contains(text, " \n") {
		t.Error("docs are not carried over, or lines end with blanks")
	}
}

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
		"  get(id: ID!, since: Timestamp): ShapeDate\n", // Date is the schema's own
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
