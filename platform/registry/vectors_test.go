package registry_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pulselearn/campus-hub/platform/registry"
)

type restCase struct {
	ID, Name string
	Steps    []restStep
}

type restStep struct {
	Method, Path string
	Body         json.RawMessage
	Save         map[string]string
	Expect       struct {
		Status    int
		JSON      json.RawMessage
		ErrorCode []int    `json:"error_code"`
		Contains  []string `json:"message_contains"`
	}
}

func TestRestVectors(t *testing.T) {
	text, err := os.ReadFile("testdata/rest_behaviour.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Count int
		Cases []restCase
	}
	if err := json.Unmarshal(text, &file); err != nil || len(file.Cases) != file.Count {
		t.Fatalf("%d of %d cases, %v", len(file.Cases), file.Count, err)
	}
	for _, c := range file.Cases {
		t.Run(c.ID, func(t *testing.T) {
			mem, err := registry.Open("", registry.Options{})
			if err != nil {
				t.Fatal(err)
			}
			runCase(t, mem.Handler(), c)
		})
	}
}

func runCase(t *testing.T, h http.Handler, c restCase) {
	t.Log(c.Name)
	vars := map[string]any{}
	for i, step := range c.Steps {
		status, body := call(h, step.Method, substitute(step.Path, vars), step.Body)
		if status != step.Expect.Status {
			t.Fatalf("step %d, %s %s: status %d, want %d: %s", i, step.Method, step.Path, status, step.Expect.Status, body)
		}
		if step.Expect.ErrorCode != nil {
			checkError(t, body, step.Expect.ErrorCode, step.Expect.Contains)
		}
		checkJSON(t, step.Expect.JSON, body, vars)
		save(t, step.Save, body, vars)
	}
}

// call sends a request to the handler.
func call(h http.Handler, method, path string, body []byte) (int, []byte) {
	req := httptest.NewRequest(method, path, bytes.NewReader(body))
	req.Header.Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	answer, err := io.ReadAll(w.Result().Body)
	if err != nil {
		panic(err)
	}
	return w.Code, answer
}

var variable = regexp.MustCompile(`\$\{(\w+)\}`)

func substitute(text string, vars map[string]any) string {
	return variable.ReplaceAllStringFunc(text, func(v string) string { return fmt.Sprint(vars[v[2:len(v)-1]]) })
}

func checkError(t *testing.T, body []byte, codes []int, contains []string) {
	t.Helper()
	var e struct {
		Code    int `json:"error_code"`
		Message string
	}
	if err := json.Unmarshal(body, &e); err != nil || !slices.Contains(codes, e.Code) {
		t.Fatalf("error code %d, want one of %v: %s", e.Code, codes, body)
	}
	for _, part := range contains {
		if !strings.Contains(e.Message, part) {
			t.Errorf("the message %q lacks %q", e.Message, part)
		}
	}
}

func checkJSON(t *testing.T, expected, body []byte, vars map[string]any) {
	t.Helper()
	if expected == nil {
		return
	}
	var want, got any
	if err := json.Unmarshal(expected, &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if !matches(want, got, vars) {
		t.Fatalf("got %s, want %s", body, expected)
	}
}

// matches reports whether got holds what want asks for.
func matches(want, got any, vars map[string]any) bool {
	switch want := want.(type) {
	case string:
		if name := variable.FindStringSubmatch(want); name != nil && name[0] == want {
			return reflect.DeepEqual(vars[name[1]], got)
		}
	case []any:
		list, ok := got.([]any)
		return ok && slices.EqualFunc(want, list, func(w, g any) bool { return matches(w, g, vars) })
	case map[string]any:
		return matchesObject(want, got, vars)
	}
	return reflect.DeepEqual(want, got)
}

func matchesObject(want map[string]any, got any, vars map[string]any) bool {
	if set, ok := want["$set"].([]any); ok {
		list, ok := got.([]any)
		return ok && len(list) == len(set) && containsAll(list, set, vars)
	}
	object, ok := got.(map[string]any)
	if !ok {
		return false
	}
	for name, w := range want {
		g, has := object[name]
		if !has || !matches(w, g, vars) {
			return false
		}
	}
	return true
}

func containsAll(list, wanted []any, vars map[string]any) bool {
	for _, w := range wanted {
		if !slices.ContainsFunc(list, func(g any) bool { return matches(w, g, vars) }) {
			return false
		}
	}
	return true
}

func save(t *testing.T, fields map[string]string, body []byte, vars map[string]any) {
	t.Helper()
	if fields == nil {
		return
	}
	var object map[string]any
	if err := json.Unmarshal(body, &object); err != nil {
		t.Fatal(err)
	}
	for name, field := range fields {
		vars[name] = object[field]
	}
}
