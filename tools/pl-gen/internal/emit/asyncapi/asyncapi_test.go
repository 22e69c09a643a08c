package asyncapi

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model/modeltest"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
)

// official is the JSON Schema that the AsyncAPI initiative publishes.
func official(t *testing.T) *jsonschema.Schema {
	t.Helper()
	packed, err := os.ReadFile("testdata/asyncapi-3.1.0.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	text, err := jsonschema.UnmarshalJSON(r)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("mem:///asyncapi.json", text); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("mem:///asyncapi.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func emitAll(t *testing.T, m *model.Model) []plan.File {
	t.Helper()
	files, err := EmitHub(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range m.Contexts {
		more, err := Emit(c)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, more...)
	}
	return files
}

func decode(t *testing.T, text []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const top = "../../../../.."

func TestTheOfficialSchemaAcceptsEveryDocument(t *testing.T) {
	schema := official(t)
	files := emitAll(t, modeltest.Load(t, os.DirFS(top)))
	if len(files) < 6 {
		t.Fatalf("only %d documents", len(files))
	}
	for _, f := range files {
		if err := schema.Validate(decode(t, f.Content)); err != nil {
			t.Errorf("%s: %#v", f.Path, err)
		}
	}
}

// TestTheOfficialSchemaRefusesFaults shows that the check above can fail.
func TestTheOfficialSchemaRefusesFaults(t *testing.T) {
	schema := official(t)
	hub := string(emitAll(t, modeltest.Load(t, os.DirFS(top)))[0].Content)
	for old, new := range map[string]string{
		`"asyncapi": "3.1.0"`:   `"asyncapi": "3.2.9"`,
		`"action": "receive"`:   `"action": "consume"`,
		`"partitions": 12`:      `"partitions": "12"`,
		`"type": "record"`:      `"type": "recordd"`,
		`"x-registry-subject":`: `"registry-subject":`,
	} {
		if !strings.Contains(hub, old) {
			t.Errorf("the document lacks %s", old)
		}
		if schema.Validate(decode(t, []byte(strings.Replace(hub, old, new, 1)))) == nil {
			t.Errorf("%s is accepted", new)
		}
	}
}

// TestReferencesResolve follows every $ref of every document.
func TestReferencesResolve(t *testing.T) {
	for _, f := range emitAll(t, modeltest.Load(t, os.DirFS(top))) {
		root := decode(t, f.Content)
		refs := 0
		walk(root, func(ref string) {
			refs++
			if !resolves(root, ref) {
				t.Errorf("%s: %s leads nowhere", f.Path, ref)
			}
		})
		if refs == 0 {
			t.Errorf("%s has no references", f.Path)
		}
	}
}

func walk(v any, visit func(ref string)) {
	switch v := v.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok {
			visit(ref)
		}
		for _, inner := range v {
			walk(inner, visit)
		}
	case []any:
		for _, inner := range v {
			walk(inner, visit)
		}
	}
}

func resolves(v any, ref string) bool {
	for _, name := range strings.Split(ref, "/")[1:] {
		object, _ := v.(map[string]any)
		if v = object[name]; v == nil {
			return false
		}
	}
	return true
}

// library has two versions of one event, a key of its own, aliases, recursion
// and an event without a service.
func library() fstest.MapFS {
	return fstest.MapFS{
		"go.mod": {Data: []byte("module example.com/school\n")},
		"contracts/avro/library/v1/book_lost.avsc": {Data: []byte(`{ "type": "record", "namespace": "pl.library.v1", "name": "BookLost",
  "doc": "A <b>book</b> & more.", "aliases": ["BookGone"],
  "pl": { "key": "kind", "partitions": 3, "retention": "36h", "compat": "BACKWARD" },
  "fields": [
    { "name": "kind", "type": { "type": "enum", "name": "Kind", "symbols": ["A", "B"] }, "doc": "The kind." },
    { "name": "name", "type": ["null", "string"], "default": null, "doc": "Who.", "pl": { "pii": "name" } },
    { "name": "parts", "type": { "type": "array", "items": "BookLost" }, "default": [], "doc": "Its parts." },
    { "name": "sum", "type": { "type": "fixed", "name": "Sum", "size": 16 }, "doc": "A sum." },
    { "name": "price", "type": { "type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2 }, "doc": "The price." } ] }`)},
		"contracts/avro/library/v2/book_lost.avsc": {Data: []byte(`{ "type": "record", "namespace": "pl.library.v2", "name": "BookLost",
  "doc": "A book.", "pl": { "key": "" }, "fields": [ { "name": "at", "type": "long", "doc": "When." } ] }`)},
	}
}

func TestShapes(t *testing.T) {
	files := emitAll(t, modeltest.Load(t, library()))
	if err := official(t).Validate(decode(t, files[0].Content)); err != nil {
		t.Errorf("%#v", err)
	}
	var d document
	if err := json.Unmarshal(files[0].Content, &d); err != nil {
		t.Fatal(err)
	}
	v1, v2 := d.Channels["pl.library.book_lost.v1"], d.Channels["pl.library.book_lost.v2"]
	if v1 == nil || v2 == nil {
		t.Fatalf("channels %v", d.Channels)
	}
	kafka := v1.Bindings.Kafka
	if kafka.Partitions != 3 || kafka.Configuration.Retention != 129_600_000 || v1.Compat != "BACKWARD" {
		t.Errorf("channel %+v", v1)
	}
	m1, m2 := d.Components.Messages["pl.library.book_lost.v1"], d.Components.Messages["pl.library.book_lost.v2"]
	if k := m1.Bindings.Kafka.Key; k == nil || !slices.Equal(k.Enum, []string{"A", "B"}) {
		t.Errorf("key %+v", k)
	}
	if m1.PII["name"] != "name" || len(m1.PII) != 1 {
		t.Errorf("personal data %v", m1.PII)
	}
	if m2.Bindings.Kafka.Key != nil || slices.Contains(m2.Headers.AllOf[1].Required, "ce_partitionkey") {
		t.Errorf("an unordered event has a key: %+v", m2.Bindings.Kafka)
	}
	if !bytes.Contains(files[0].Content, []byte("A <b>book</b> & more.")) {
		t.Error("text is escaped for HTML")
	}
}

func TestWiring(t *testing.T) {
	m := modeltest.Load(t, os.DirFS(top))
	var d document
	i := slices.IndexFunc(m.Contexts, func(c *model.Context) bool { return c.Name == "achievement" })
	files, err := Emit(m.Contexts[i])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(files[0].Content, &d); err != nil {
		t.Fatal(err)
	}
	got := d.Operations["OnQuizCompleted"]
	if got == nil || got.Action != "receive" || got.Consumer != "achievement.OnQuizCompleted" ||
		got.DeadLetters != "pl.quiz.quiz_completed.v1.achievement.dlq" ||
		!slices.Equal(got.Bindings.Kafka.Group.Enum, []string{"pl.achievement"}) {
		t.Errorf("consumer %+v", got)
	}
	if sent := d.Operations["publish.pl.achievement.badge_awarded.v1"]; sent == nil || sent.Action != "send" {
		t.Errorf("operations %v", d.Operations)
	}
}

// TestDeadLetters holds the document against the headers that the runtime
// writes.
func TestDeadLetters(t *testing.T) {
	m := modeltest.Load(t, os.DirFS(top))
	i := slices.IndexFunc(m.Contexts, func(c *model.Context) bool { return c.Name == "achievement" })
	files, err := Emit(m.Contexts[i])
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(files[0].Content, &d); err != nil {
		t.Fatal(err)
	}
	const topic = "pl.quiz.quiz_completed.v1.achievement.dlq"
	letters, event := d.Channels[topic], d.Channels["pl.quiz.quiz_completed.v1"]
	if letters == nil || letters.Bindings.Kafka.Partitions != event.Bindings.Kafka.Partitions ||
		letters.Bindings.Kafka.Configuration.Retention < event.Bindings.Kafka.Configuration.Retention {
		t.Errorf("channel %+v", letters)
	}
	if sent := d.Operations["deadletter.OnQuizCompleted"]; sent == nil || sent.Action != "send" || sent.Channel.Ref != "#/channels/"+topic {
		t.Errorf("operations %v", d.Operations)
	}
	headers := d.Components.Schemas[deadLettersName].Properties
	for _, name := range []string{"pl-cause", "pl-consumer", "pl-partition", "pl-offset", "pl-attempts", "pl-failed-at", "pl-omitted"} {
		if headers[name].Description == "" {
			t.Errorf("the header %s is not described", name)
		}
	}
	if d.Components.Messages[topic].Name != "QuizCompletedDeadLetter" || d.Components.Messages["pl.quiz.quiz_completed.v1"].Name != "QuizCompleted" {
		t.Errorf("messages %v", d.Components.Messages)
	}
}

func TestEmittingTwiceGivesTheSame(t *testing.T) {
	first, second := emitAll(t, modeltest.Load(t, os.DirFS(top))), emitAll(t, modeltest.Load(t, os.DirFS(top)))
	for i := range first {
		if !bytes.Equal(first[i].Content, second[i].Content) {
			t.Errorf("%s differs", first[i].Path)
		}
	}
}
