package registry_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/pulselearn/campus-hub/platform/registry"
)

// conflicts registers a schema that has to be refused for a reason.
func conflicts(t testing.TB, h http.Handler, path string, body any, reason string) {
	t.Helper()
	status, answer := send(t, h, "POST", path, body)
	if status != http.StatusConflict || !strings.Contains(answer, `"error_code":409,`) || !strings.Contains(answer, reason) {
		t.Errorf("%s: %d %s, want 409 and %s", path, status, answer, reason)
	}
}

func fields(list string) map[string]any {
	return map[string]any{"schema": `{"type":"record","name":"R","fields":[` + list + `]}`}
}

const (
	oneField    = `{"name":"a","type":"int"}`
	withDefault = oneField + `,{"name":"b","type":"int","default":0}`
	required    = oneField + `,{"name":"b","type":"int"}`
	wider       = `{"name":"a","type":"long"}`
)

// TestLevels asks for every level what it allows, as a question and as a
// registration.
func TestLevels(t *testing.T) {
	for level, want := range map[string]map[string]bool{
		"NONE":     {oneField: true, withDefault: true, required: true, wider: true},
		"BACKWARD": {oneField: true, withDefault: true, required: false, wider: true},
		"FORWARD":  {oneField: true, withDefault: true, required: true, wider: false},
		"FULL":     {oneField: true, withDefault: true, required: false, wider: false},
	} {
		for next, compatible := range want {
			t.Run(level+"/"+next, func(t *testing.T) {
				h := open(t, "", registry.Options{}).Handler()
				must(t, h, "PUT", "/config/s", map[string]any{"compatibility": level})
				must(t, h, "POST", "/subjects/s/versions", fields(oneField))
				for _, path := range []string{"latest", "1", ""} {
					got := must(t, h, "POST", strings.TrimSuffix("/compatibility/subjects/s/versions/"+path, "/"), fields(next))
					if got != fmt.Sprintf(`{"is_compatible":%v}`, compatible) {
						t.Errorf("%s: %s", path, got)
					}
				}
				if !compatible {
					conflicts(t, h, "/subjects/s/versions", fields(next), "compatibility: '"+level+"'")
					return
				}
				must(t, h, "POST", "/subjects/s/versions", fields(next))
			})
		}
	}
}

// TestTransitiveLevels: the version before last counts under a transitive
// level alone, and versions that are deleted under none.
func TestTransitiveLevels(t *testing.T) {
	h := open(t, "", registry.Options{}).Handler()
	must(t, h, "PUT", "/config/s", map[string]any{"compatibility": "NONE"})
	must(t, h, "POST", "/subjects/s/versions", fields(`{"name":"a","type":"string"}`))
	must(t, h, "POST", "/subjects/s/versions", fields(oneField))
	must(t, h, "PUT", "/config/s", map[string]any{"compatibility": "BACKWARD_TRANSITIVE"})
	conflicts(t, h, "/subjects/s/versions", fields(wider), "oldSchemaVersion: 1")
	must(t, h, "DELETE", "/subjects/s/versions/1", nil)
	must(t, h, "POST", "/subjects/s/versions", fields(wider))
	must(t, h, "PUT", "/config/s", map[string]any{"compatibility": "FORWARD"})
	conflicts(t, h, "/subjects/s/versions", fields(`{"name":"a","type":"string"}`), "oldSchemaVersion: 3")
}

// TestMessages holds the messages against those of Confluent's registry.
func TestMessages(t *testing.T) {
	h := open(t, "", registry.Options{}).Handler()
	before := `{"type":"record","name":"R","fields":[{"name":"u","type":["int","string"]},{"name":"t","type":"int"},` +
		`{"name":"f","type":{"type":"fixed","name":"F","size":1}},{"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]}}]}`
	must(t, h, "POST", "/subjects/s/versions", map[string]any{"schema": before})
	after := map[string]any{"schema": `{"type":"record","name":"S","fields":[{"name":"u","type":["int"]},{"name":"t","type":"string"},` +
		`{"name":"f","type":{"type":"fixed","name":"F","size":2}},{"name":"e","type":{"type":"enum","name":"E","symbols":["A"]}},{"name":"n","type":"int"}]}`}
	want := []string{
		"{errorType:'NAME_MISMATCH', description:'The name of the schema has changed (path '/name')', additionalInfo:'expected: R'}",
		"{errorType:'MISSING_UNION_BRANCH', description:'The new schema is missing a type inside a union field at path '/fields/0/type/1' in the old schema', additionalInfo:'reader union lacking writer type: STRING'}",
		"{errorType:'TYPE_MISMATCH', description:'The type (path '/fields/1/type') of a field in the new schema does not match with the old schema', additionalInfo:'reader type: STRING not compatible with writer type: INT'}",
		"{errorType:'FIXED_SIZE_MISMATCH', description:'The size of FIXED type field at path '/fields/2/type/size' in the new schema does not match with the old schema', additionalInfo:'expected: 1, found: 2'}",
		"{errorType:'MISSING_ENUM_SYMBOLS', description:'The new schema is missing enum symbols '[B]' at path '/fields/3/type/symbols' in the old schema', additionalInfo:'[B]'}",
		"{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'The field 'n' at path '/fields/4' in the new schema has no default value and is missing in the old schema', additionalInfo:'n'}",
		"{oldSchemaVersion: 1}",
		"{oldSchema: '" + before + "'}",
		"{validateFields: 'false', compatibility: 'BACKWARD'}",
	}
	var verbose struct {
		Compatible bool `json:"is_compatible"`
		Messages   []string
	}
	answer := must(t, h, "POST", "/compatibility/subjects/s/versions/latest?verbose=true", after)
	if err := json.Unmarshal([]byte(answer), &verbose); err != nil || verbose.Compatible {
		t.Fatalf("%v: %s", err, answer)
	}
	if got := strings.Join(verbose.Messages, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	var refusal struct{ Message string }
	_, answer = send(t, h, "POST", "/subjects/s/versions", after)
	if err := json.Unmarshal([]byte(answer), &refusal); err != nil {
		t.Fatal(err)
	}
	if want := `Schema being registered is incompatible with an earlier schema for subject "s", details: [` + strings.Join(want, ", ") + "]"; refusal.Message != want {
		t.Errorf("got\n%s\nwant\n%s", refusal.Message, want)
	}
}

// TestAmbiguousAlias: where Java's walker throws, Confluent's registry says so
// and refuses.
func TestAmbiguousAlias(t *testing.T) {
	h := open(t, "", registry.Options{}).Handler()
	must(t, h, "POST", "/subjects/s/versions", fields(required))
	conflicts(t, h, "/subjects/s/versions", fields(`{"name":"a","type":"int","aliases":["b"]}`),
		"details: [Unexpected exception during compatibility check: Reader record field a type:INT pos:0 matches multiple fields in writer record schema {")
}

// TestLevelsSeeReferences: a referenced type is compared as if it were inlined.
func TestLevelsSeeReferences(t *testing.T) {
	c, h := connect(t)
	use := func(version int) map[string]any {
		return map[string]any{"schema": `{"type":"array","items":"n.A"}`, "references": []any{map[string]any{"name": "n.A", "subject": "a", "version": version}}}
	}
	must(t, h, "PUT", "/config/a", map[string]any{"compatibility": "NONE"})
	must(t, h, "POST", "/subjects/a/versions", fixed("n.A", 1))
	must(t, h, "POST", "/subjects/a/versions", fixed("n.A", 2))
	must(t, h, "POST", "/subjects/s/versions", use(1))
	conflicts(t, h, "/subjects/s/versions", use(2), "at path '/items/size' in the new schema")
	_, err := c.CreateSchema(t.Context(), "s", sr.Schema{Schema: `"int"`})
	var refusal *sr.ResponseError
	if !errors.As(err, &refusal) || refusal.SchemaError() != sr.ErrIncompatibleSchema {
		t.Errorf("the client sees %v", err)
	}
}

// TestLevelVectors registers histories and candidates over the REST API.
func TestLevelVectors(t *testing.T) {
	type levelCase struct {
		ID, Level string
		Tags      []string
		History   []json.RawMessage
		New       json.RawMessage
		Expect    struct {
			Compatible bool
			Status     int `json:"register_http_status"`
		}
	}
	text, err := os.ReadFile("../avro/compat/testdata/compat_levels.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Count int
		Cases []levelCase
	}
	if err := json.Unmarshal(text, &file); err != nil || len(file.Cases) != file.Count {
		t.Fatalf("%d of %d cases, %v", len(file.Cases), file.Count, err)
	}
	for _, c := range file.Cases {
		t.Run(c.ID, func(t *testing.T) {
			h := open(t, "", registry.Options{}).Handler()
			must(t, h, "PUT", "/config/s", map[string]any{"compatibility": "NONE"})
			for _, old := range c.History {
				status, answer := send(t, h, "POST", "/subjects/s/versions", map[string]any{"schema": string(old)})
				if status == http.StatusUnprocessableEntity && len(c.Tags) > 0 {
					t.Log(c.Tags, answer)
					return
				}
				if status != http.StatusOK {
					t.Fatalf("%s: %d %s", old, status, answer)
				}
			}
			must(t, h, "PUT", "/config/s", map[string]any{"compatibility": c.Level})
			next := map[string]any{"schema": string(c.New)}
			if got := must(t, h, "POST", "/compatibility/subjects/s/versions", next); got != fmt.Sprintf(`{"is_compatible":%v}`, c.Expect.Compatible) {
				t.Errorf("got %s", got)
			}
			if status, answer := send(t, h, "POST", "/subjects/s/versions", next); status != c.Expect.Status {
				t.Errorf("%d %s, want %d", status, answer, c.Expect.Status)
			}
		})
	}
}
