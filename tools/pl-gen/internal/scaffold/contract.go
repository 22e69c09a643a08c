package scaffold

import (
	"fmt"
	"strings"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// A spec is what somebody wants a context to have.
type spec struct {
	context  string
	owner    string
	events   []string // snake case
	rpcs     []string // upper camel case
	entities []string // upper camel case
	consumes []string // topics
}

func (s *spec) service() string { return title(s.context) + "Service" }

func title(name string) string { return strings.ToUpper(name[:1]) + name[1:] }

// pascal turns snake case into upper camel case.
func pascal(name string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(name, "_") {
		b.WriteString(title(word))
	}
	return b.String()
}

func topicOf(context, event string) string { return "pl." + context + "." + event + ".v1" }

func protoPath(context string) string {
	return "contracts/proto/pl/" + context + "/v1/" + context + ".proto"
}

func avroPath(context, event string) string {
	return "contracts/avro/" + context + "/v1/" + event + ".avsc"
}

// proto returns the proto of a new context.
func (s *spec) proto(module string) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("syntax = \"proto3\";\n")
	p("// What the context %s is for: one sentence that everybody understands.", s.context)
	p("package pl.%s.v1;\n", s.context)
	if len(s.entities) > 0 {
		p("import %q;", timestampProto)
	}
	p("import %q;\n", "pl/options/v1/options.proto")
	p("option go_package = \"%s/gen/proto/pl/%s/v1;%sv1\";\n", module, s.context, s.context)
	p("// %s is the API of %s.", s.service(), s.context)
	p("service %s {", s.service())
	p("  option (pl.options.v1.context) = {")
	p("    owner: %q", s.owner)
	for _, e := range s.events {
		p("    publishes: %q", topicOf(s.context, e))
	}
	for _, t := range s.consumes {
		p("    consumes: {topic: %q}", t)
	}
	p("  };")
	for _, r := range s.rpcs {
		b.WriteString("\n" + rpcText(r, s.entities))
	}
	p("}")
	for _, e := range s.entities {
		b.WriteString("\n" + entityText(e))
	}
	for _, r := range s.rpcs {
		b.WriteString("\n" + messagesText(r, s.entities))
	}
	return b.String()
}

const timestampProto = "google/protobuf/timestamp.proto"

// A purpose is what a call's name says that it does to an entity.
type purpose struct {
	kind   shapeKind
	entity string
}

// purposeOf reads a call's name.
func purposeOf(rpc string, entities []string) purpose {
	for _, e := range entities {
		switch rpc {
		case "Get" + e:
			return purpose{getter, e}
		case "List" + model.Plural(e):
			return purpose{lister, e}
		case "Create" + e:
			return purpose{creator, e}
		}
	}
	return purpose{}
}

// queryVerbs begin the names of calls that change nothing.
var queryVerbs = []string{"Get", "List", "Find", "Search", "Count", "Lookup", "Check", "Describe"}

func isQuery(rpc string) bool {
	for _, v := range queryVerbs {
		if rest, ok := strings.CutPrefix(rpc, v); ok && (rest == "" || isUpper(rest[0])) {
			return true
		}
	}
	return false
}

func rpcText(rpc string, entities []string) string {
	doc := rpc + " is to be described here: what it does, and which errors it has."
	switch p := purposeOf(rpc, entities); p.kind {
	case getter:
		doc = fmt.Sprintf("%s returns one %s, or NotFound.", rpc, words(p.entity))
	case lister:
		doc = fmt.Sprintf("%s returns %s in the order of their creation, a page at a time.", rpc, words(model.Plural(p.entity)))
	case creator:
		doc = fmt.Sprintf("%s stores a new %s.", rpc, words(p.entity))
	}
	text := fmt.Sprintf("  // %s\n  rpc %s(%sRequest) returns (%sResponse) {\n", doc, rpc, rpc, rpc)
	if !isQuery(rpc) {
		return text + accessText("teacher", "admin") + "  }\n"
	}
	return text + "    option idempotency_level = NO_SIDE_EFFECTS;\n" + accessText(model.Roles()...) + "  }\n"
}

// accessText lets people with the roles make a call.
func accessText(roles ...string) string {
	text := "    option (pl.options.v1.access) = {\n"
	for _, r := range roles {
		text += fmt.Sprintf("      allow: {role: %q}\n", r)
	}
	return text + "    };\n"
}

func messagesText(rpc string, entities []string) string {
	p := purposeOf(rpc, entities)
	e := p.entity
	request, response := "", ""
	switch p.kind {
	case getter:
		request = fmt.Sprintf("  // The id of the %s.\n  string %s_id = 1 [(pl.options.v1.field) = {\n    required: true\n    max_len: 64\n  }];\n", words(e), snake(e))
		response = fmt.Sprintf("  // The %s.\n  %s %s = 1;\n", words(e), e, snake(e))
	case lister:
		request = "  // How many to return. 0 means 50.\n  int32 page_size = 1 [(pl.options.v1.field) = {\n    min: 0\n    max: 200\n  }];\n" +
			"  // The next_page_token of the page before. Empty means the first page.\n  string page_token = 2 [(pl.options.v1.field) = {max_len: 512}];\n"
		response = fmt.Sprintf("  // The %s of this page.\n  repeated %s %s = 1;\n", words(model.Plural(e)), e, snake(model.Plural(e))) +
			"  // What to ask for the next page with. Empty means that this was the last.\n  string next_page_token = 2;\n"
	case creator:
		response = fmt.Sprintf("  // The %s as it was stored.\n  %s %s = 1;\n", words(e), e, snake(e))
	}
	return message(rpc+"Request", "is what "+rpc+" takes.", request) + "\n" + message(rpc+"Response", "is what "+rpc+" returns.", response)
}

func message(name, doc, fields string) string {
	if fields == "" {
		return fmt.Sprintf("// %s %s\nmessage %s {}\n", name, doc, name)
	}
	return fmt.Sprintf("// %s %s\nmessage %s {\n%s}\n", name, doc, name, fields)
}

func entityText(e string) string {
	return fmt.Sprintf(`// %[1]s is one %[2]s.
message %[1]s {
  option (pl.options.v1.entity) = {};

  // The id of the %[2]s.
  string id = 1 [(pl.options.v1.field).primary_key = true];
  // When the %[2]s was created.
  google.protobuf.Timestamp created_at = 2 [(pl.options.v1.field).immutable = true];
}
`, e, words(e))
}

// avsc returns the schema of a new event. subject is the entity that it is
// about, or "".
func avsc(context, event, subject string) []byte {
	key, doc := "id", "What the event is about."
	if subject != "" {
		key, doc = idName(subject), "The id of the "+words(subject)+"."
	}
	return fmt.Appendf(nil, `{
  "type": "record",
  "namespace": "pl.%s.v1",
  "name": %q,
  "doc": "What has happened when this event is published: one sentence that other contexts understand.",
  "pl": { "key": %[3]q, "subject": %[3]q, "compat": "FULL_TRANSITIVE", "partitions": 6, "retention": "30d" },
  "fields": [
    { "name": %[3]q, "type": { "type": "string", "logicalType": "uuid" }, "doc": %[4]q },
    { "name": "%[5]s", "type": { "type": "long", "logicalType": "timestamp-micros" }, "doc": "When it happened." }
  ]
}
`, context, pascal(event), key, doc, occurredAt)
}
