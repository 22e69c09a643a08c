package openapi

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model/modeltest"
)

// all returns every document by its path, that of the hub included.
func all(t *testing.T) map[string][]byte {
	t.Helper()
	m := modeltest.Load(t, os.DirFS(top))
	texts := map[string][]byte{}
	for _, s := range append(documents(t, m), documents(t, modeltest.Load(t, shapes(t)))...) {
		texts[s.context.Name] = s.text
	}
	files, err := EmitHub(m)
	if err != nil {
		t.Fatal(err)
	}
	if files[0].Path != "gen/openapi/hub.json" {
		t.Fatalf("the hub's document is %s", files[0].Path)
	}
	texts["hub"] = files[0].Content
	return texts
}

func TestDocumentsHoldTogether(t *testing.T) {
	schema := official(t)
	for name, text := range all(t) {
		value := decode(t, text)
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %#v", name, err)
		}
		c := jsonschema.NewCompiler()
		if err := c.AddResource("mem:///doc.json", value); err != nil {
			t.Fatal(err)
		}
		for _, ref := range references(value) {
			if !resolves(value, ref) {
				t.Errorf("%s: %s leads nowhere", name, ref)
			}
		}
		checkOperations(t, name, text)
	}
}

// references returns everything that a document refers to, sorted.
func references(value any) []string {
	var list []string
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			if ref, ok := inner.(string); ok && key == "$ref" {
				list = append(list, ref)
			}
			list = append(list, references(inner)...)
		}
	case []any:
		for _, inner := range v {
			list = append(list, references(inner)...)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func resolves(value any, ref string) bool {
	for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		object, ok := value.(map[string]any)
		if !ok || object[part] == nil {
			return false
		}
		value = object[part]
	}
	return true
}

var braces = regexp.MustCompile(`\{([a-z_0-9]+)\}`)

// checkOperations wants an id of its own for every operation, and a parameter
// for every field in its path.
func checkOperations(t *testing.T, name string, text []byte) {
	t.Helper()
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for path, item := range d.Paths {
		for _, o := range []*operation{item.Get, item.Put, item.Post, item.Delete, item.Patch} {
			if o == nil {
				continue
			}
			if ids[o.ID] {
				t.Errorf("%s: two operations are %s", name, o.ID)
			}
			ids[o.ID] = true
			for _, field := range braces.FindAllStringSubmatch(path, -1) {
				if !slices.ContainsFunc(o.Parameters, func(p parameter) bool { return p.In == "path" && p.Name == field[1] && p.Required }) {
					t.Errorf("%s: %s lacks the parameter %s", name, o.ID, field[1])
				}
			}
		}
	}
}

func TestReferencesCanLeadNowhere(t *testing.T) {
	value := decode(t, []byte(`{"a": [{"$ref": "#/b/c"}], "b": {"d": 1}}`))
	if refs := references(value); len(refs) != 1 || resolves(value, refs[0]) || !resolves(value, "#/b/d") {
		t.Errorf("got %v", refs)
	}
}

func TestRoutesDivideTheRequest(t *testing.T) {
	var d document
	if err := json.Unmarshal(all(t)["hub"], &d); err != nil {
		t.Fatal(err)
	}
	list := d.Paths["/api/v1/students/{student_id}/attempts"].Get
	var names []string
	for _, p := range list.Parameters {
		names = append(names, p.In+" "+p.Name+p.Ref)
	}
	want := []string{"path student_id", "query quiz_id", "query page_size", "query page_token", " #/components/parameters/IfNoneMatch"}
	if !slices.Equal(names, want) {
		t.Errorf("the parameters of a list are %q", names)
	}
	if size := list.Parameters[2].Schema; size.Maximum != "200" || size.Description != "" {
		t.Errorf("page_size is %+v", size)
	}
	ok := list.Responses["200"]
	if ok.Headers["ETag"].Ref == "" || ok.Headers["Link"].Ref == "" || list.Responses["304"].Ref == "" || list.Body != nil {
		t.Errorf("a list answers %+v", list.Responses)
	}
	submit := d.Paths["/api/v1/quizzes/{quiz_id}/attempts"].Post
	body := d.Components.Schemas[strings.TrimPrefix(submit.Body.Content["application/json"].Schema.Ref, "#/components/schemas/")]
	if body == nil || body.Properties["quizId"] != nil || body.Properties["answers"] == nil || slices.Contains(body.Required, "quizId") || !slices.Contains(body.Required, "answers") {
		t.Errorf("the body of a command is %+v", body)
	}
	if !hasKey(submit) || submit.Responses["200"].Headers["Idempotency-Replayed"].Ref == "" || submit.Responses["415"].Ref == "" {
		t.Errorf("a command is %+v", submit)
	}
	publish := d.Paths["/api/v1/courses/{course_id}/publish"].Post
	if publish == nil {
		t.Fatal("publish is missing")
	}
}
