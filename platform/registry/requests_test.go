package registry_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"slices"
	"strings"
	"testing"

	"github.com/pulselearn/campus-hub/platform/registry"
)

// These tests hold what clients put on the wire besides what they ask: Accept
// and Content-Type, parameters and properties that say nothing, and the ways to
// write a subject in a path. What the JVM's client sends was recorded from
// kafka-schema-registry-client 7.5.3 under Java 17; TestJVMClient asks with it.

const (
	vendorV1  = "application/vnd.schemaregistry.v1+json"
	vendor    = "application/vnd.schemaregistry+json"
	plainJSON = "application/json"
	// acceptJVM is the Accept header of Java's HttpURLConnection.
	acceptJVM = "text/html, image/gif, image/jpeg, */*; q=0.2"
)

// ask sends a request as it is written and returns the answer and its body.
func ask(t *testing.T, h http.Handler, method, uri, body string, header map[string]string) (*http.Response, string) {
	t.Helper()
	req := httptest.NewRequest(method, uri, strings.NewReader(body))
	for name, value := range header {
		req.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w.Result(), w.Body.String()
}

func TestMediaTypes(t *testing.T) {
	h := open(t, "", registry.Options{}).Handler()
	must(t, h, "POST", "/subjects/s/versions", fixed("n.A", 1))
	for accept, want := range map[string]string{
		"":                                  vendorV1,
		"*/*":                               vendorV1,
		acceptJVM:                           vendorV1,
		vendorV1:                            vendorV1,
		vendor:                              vendor,
		plainJSON:                           plainJSON,
		"Application/JSON; charset=utf-8":   plainJSON,
		vendor + "; q=0.9, " + vendorV1:     vendorV1,
		plainJSON + "; q=0.5, " + vendor:    vendor,
		"text/plain, application/xml;q=0.1": vendorV1,
	} {
		for uri, status := range map[string]int{"/subjects": 200, "/schemas/ids/1": 200, "/schemas/ids/1/schema": 200, "/schemas/ids/9": 404, "/none": 404} {
			answer, body := ask(t, h, "GET", uri, "", map[string]string{"Accept": accept})
			if got := answer.Header.Get("Content-Type"); got != want || answer.StatusCode != status || !json.Valid([]byte(body)) {
				t.Errorf("Accept %q, %s: %d %s %s, want %d %s", accept, uri, answer.StatusCode, got, body, status, want)
			}
		}
	}
	for _, sent := range []string{"", vendorV1, vendor, plainJSON, plainJSON + "; charset=UTF-8", "application/octet-stream"} {
		answer, body := ask(t, h, "POST", "/subjects/s/versions", `{"schema":"{\"type\":\"fixed\",\"name\":\"n.A\",\"size\":1}"}`, map[string]string{"Content-Type": sent})
		if answer.StatusCode != http.StatusOK || body != `{"id":1,"version":1}` {
			t.Errorf("Content-Type %q: %d %s", sent, answer.StatusCode, body)
		}
	}
}

// TestEmptyProperties registers one schema with everything that a client may
// write for "nothing" and with properties of later releases: it stays version 1.
func TestEmptyProperties(t *testing.T) {
	h := open(t, "", registry.Options{}).Handler()
	must(t, h, "POST", "/subjects/s/versions", fixed("n.A", 1))
	const text = `"schema":"{\"type\":\"fixed\",\"name\":\"n.A\",\"size\":1}"`
	const found = `{"subject":"s","version":1,"id":1,"schema":"{\"type\":\"fixed\",\"name\":\"A\",\"namespace\":\"n\",\"size\":1}"}`
	bodies := []string{
		`{` + text + `}`,
		`{` + text + `,"schemaType":"AVRO"}`,
		`{` + text + `,"schemaType":"avro","references":[],"metadata":null}`,
		`{` + text + `,"schemaType":null,"references":null,"metadata":null,"ruleSet":null,"version":null,"id":null}`,
		`{"subject":"s","version":0,"id":0,"schemaType":"","references":[],` + text + `}`,
		`{"version":-1,"id":-1,"guid":null,"schemaTagsToAdd":null,"schemaTagsToRemove":null,"propagateSchemaTags":false,` + text + `}`,
		` { "later" : {"a":[1]} ,` + text + ` } ` + "\r\n",
	}
	for _, body := range bodies {
		for uri, want := range map[string]string{
			"/subjects/s/versions?normalize=false":                                         `{"id":1,"version":1}`,
			"/subjects/s/versions?normalize=true&format=":                                  `{"id":1,"version":1}`,
			"/subjects/s?normalize=false&deleted=false":                                    found,
			"/subjects/s/?normalize=&deleted=&format=":                                     found,
			"/compatibility/subjects/s/versions/latest?normalize=false&verbose=false":      `{"is_compatible":true}`,
			"/compatibility/subjects/s/versions?normalize=false&verbose=true&later=really": `{"is_compatible":true}`,
		} {
			if answer, got := ask(t, h, "POST", uri, body, nil); answer.StatusCode != http.StatusOK || got != want {
				t.Errorf("%s %s: %d %s, want %s", uri, body, answer.StatusCode, got, want)
			}
		}
	}
	if got := must(t, h, "GET", "/subjects/s/versions", nil); got != "[1]" {
		t.Errorf("versions %s", got)
	}
}

// TestEmptyParameters reads with the parameters that clients always send.
func TestEmptyParameters(t *testing.T) {
	h := open(t, "", registry.Options{}).Handler()
	must(t, h, "POST", "/subjects/s/versions", fixed("n.A", 1))
	const text = `"schema":"{\"type\":\"fixed\",\"name\":\"A\",\"namespace\":\"n\",\"size\":1}"`
	for uri, want := range map[string]string{
		"/schemas/ids/1?fetchMaxId=false&subject=":                              `{` + text + `}`,
		"/schemas/ids/1?fetchMaxId=true&subject=":                               `{` + text + `,"maxId":1}`,
		"/schemas/ids/1?subject=s&fetchMaxId=false":                             `{` + text + `,"subject":"s","version":1}`,
		"/schemas/ids/1?format=&referenceFormat=&findTags=false":                `{` + text + `}`,
		"/schemas/ids/1/subjects?deleted=false":                                 `["s"]`,
		"/schemas/ids/1/versions/?subject=&deleted=false":                       `[{"subject":"s","version":1}]`,
		"/subjects/s/versions/latest":                                           `{"subject":"s","version":1,"id":1,` + text + `}`,
		"/subjects/s/versions/-1?deleted=false":                                 `{"subject":"s","version":1,"id":1,` + text + `}`,
		"/subjects/s/versions/1/?deleted=true&format=&referenceFormat=":         `{"subject":"s","version":1,"id":1,` + text + `}`,
		"/subjects/s/versions?deleted=false&deletedOnly=false&offset=&limit=-1": `[1]`,
		"/subjects/?deleted=false&deletedOnly=false&subjectPrefix=":             `["s"]`,
		"/config/?defaultToGlobal=false":                                        `{"compatibilityLevel":"BACKWARD"}`,
		"/config/s?defaultToGlobal=true":                                        `{"compatibilityLevel":"BACKWARD"}`,
		"/mode/":                                                                `{"mode":"READWRITE"}`,
	} {
		if answer, got := ask(t, h, "GET", uri, "", map[string]string{"Accept": acceptJVM, "Content-Type": vendorV1}); answer.StatusCode != http.StatusOK || got != want {
			t.Errorf("%s: %d %s, want %s", uri, answer.StatusCode, got, want)
		}
	}
}

// TestFormats asks for a schema as it is registered, and with what it refers to.
func TestFormats(t *testing.T) {
	h := open(t, "", registry.Options{}).Handler()
	must(t, h, "POST", "/subjects/:.c:a/versions", fixed("n.A", 1))
	must(t, h, "POST", "/subjects/:.c:b/versions", map[string]any{"schema": `{"type":"array","items":"n.A"}`,
		"references": []any{map[string]any{"name": "n.A", "subject": "a", "version": 1}}})
	const short = `{"type":"array","items":"n.A"}`
	const resolved = `{"type":"array","items":{"type":"fixed","name":"A","namespace":"n","size":1}}`
	for format, want := range map[string]string{"": short, "default": short, "resolved": resolved, "RESOLVED": resolved} {
		for _, uri := range []string{"/schemas/ids/2/schema?subject=:.c:", "/schemas/ids/2?subject=:.c:b", "/subjects/:.c:b/versions/1?deleted=false", "/subjects/:.c:b/versions/latest/schema?"} {
			_, got := ask(t, h, "GET", uri+"&format="+format, "", nil)
			var body struct{ Schema string }
			if err := json.Unmarshal([]byte(got), &body); err != nil || got != want && body.Schema != want {
				t.Errorf("%s in format %q: %s, want %s", uri, format, got, want)
			}
		}
	}
	if answer, got := ask(t, h, "GET", "/schemas/ids/2?subject=:.c:&format=serialized", "", nil); answer.StatusCode != http.StatusBadRequest || !strings.Contains(got, "serialized") {
		t.Errorf("%d %s", answer.StatusCode, got)
	}
}

// TestEscapedSubjects writes one subject in all the ways that a path allows.
func TestEscapedSubjects(t *testing.T) {
	h := open(t, "", registry.Options{}).Handler()
	for _, path := range []string{":.lab:a%2Fb%20c+d%25", "%3A.lab%3Aa%2Fb%20c+d%25", "%3a.lab%3aa%2fb%20c%2Bd%25", "%3A%2Elab%3A%61%2Fb%20c+d%25"} {
		for _, c := range []struct{ request, body, want string }{
			{"POST /subjects/" + path + "/versions?normalize=false", `{"schema":"\"string\""}`, `{"id":1,"version":1}`},
			{"POST /subjects/" + path + "?normalize=false&deleted=false", `{"schema":"\"string\""}`,
				`{"subject":":.lab:a/b c+d%","version":1,"id":1,"schema":"\"string\""}`},
			{"POST /compatibility/subjects/" + path + "/versions/latest", `{"schema":"\"string\""}`, `{"is_compatible":true}`},
			{"PUT /config/" + path, `{"compatibility":"FULL"}`, `{"compatibility":"FULL"}`},
			{"GET /config/" + path + "/?defaultToGlobal=false", "", `{"compatibilityLevel":"FULL"}`},
			{"GET /mode/" + path + "?defaultToGlobal=true", "", `{"mode":"READWRITE"}`},
			{"GET /subjects/" + path + "/versions/", "", `[1]`},
			{"GET /subjects/" + path + "/versions/1/schema", "", `"string"`},
			{"GET /subjects/" + path + "/versions/latest/referencedby", "", `[]`},
			{"GET /contexts/.lab/subjects/a%2Fb%20c%2Bd%25/versions", "", `[1]`},
			{"GET /schemas/ids/1/subjects?subject=" + queryForm(path), "", `[":.lab:a/b c+d%"]`},
			{"GET /schemas/ids/1?fetchMaxId=false&subject=:.lab:", "", `{"schema":"\"string\""}`},
			{"GET /subjects?subjectPrefix=%3A.lab%3A", "", `[":.lab:a/b c+d%"]`},
		} {
			method, uri, _ := strings.Cut(c.request, " ")
			if answer, got := ask(t, h, method, uri, c.body, nil); answer.StatusCode != http.StatusOK || got != c.want {
				t.Errorf("%s: %d %s, want %s", c.request, answer.StatusCode, got, c.want)
			}
		}
	}
}

// queryForm escapes what a path may hold as it is and a query may not.
func queryForm(path string) string { return strings.ReplaceAll(path, "+", "%2B") }

// TestErrorBodies looks for the two properties that clients take errors apart
// into, and for no other one: old clients refuse those.
func TestErrorBodies(t *testing.T) {
	h := open(t, "", registry.Options{}).Handler()
	must(t, h, "POST", "/subjects/s/versions", map[string]any{"schema": record(`"int"`)})
	for _, c := range []struct {
		request, body string
		status, code  int
	}{
		{"GET /subjects/none/versions?deleted=false&deletedOnly=false", "", 404, 40401},
		{"GET /subjects/s/versions/7?deleted=false", "", 404, 40402},
		{"GET /schemas/ids/7?fetchMaxId=false&subject=", "", 404, 40403},
		{"POST /subjects/s?normalize=false&deleted=false", `{"schema":"\"long\""}`, 404, 40403},
		{"GET /config/s?defaultToGlobal=false", "", 404, 40408},
		{"POST /subjects/s/versions?normalize=false", `{"schema":"\"long\""}`, 409, 409},
		{"POST /subjects/s/versions", `{"schema":"{"}`, 422, 42201},
		{"POST /subjects/s/versions", `{"schema":null}`, 422, 42201},
		{"GET /subjects/s/versions/x", "", 422, 42202},
		{"PUT /config/s", `{"compatibility":"SOMETIMES"}`, 422, 42203},
		{"PUT /mode/s?force=false", `{"mode":"SOMETIMES"}`, 422, 42204},
		{"POST /subjects/s/versions", ``, 400, 400},
		{"POST /subjects/s/versions", `[]`, 400, 400},
		{"GET /nothing", "", 404, 404},
		{"PUT /subjects", "", 405, 405},
	} {
		method, uri, _ := strings.Cut(c.request, " ")
		answer, body := ask(t, h, method, uri, c.body, map[string]string{"Accept": acceptJVM})
		var got map[string]any
		if err := json.Unmarshal([]byte(body), &got); err != nil || answer.StatusCode != c.status || got["error_code"] != float64(c.code) ||
			got["message"] == "" || !slices.Equal(slices.Sorted(maps.Keys(got)), []string{"error_code", "message"}) {
			t.Errorf("%s %s: %d %s, want %d with code %d", c.request, c.body, answer.StatusCode, body, c.status, c.code)
		}
	}
}

// TestConnections sends requests of several kinds, refused ones among them,
// over one connection that stays open.
func TestConnections(t *testing.T) {
	server := httptest.NewServer(open(t, "", registry.Options{}).Handler())
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{DisableCompression: true, MaxConnsPerHost: 1}}
	reused := 0
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) {
		if c.Reused {
			reused++
		}
	}})
	requests := []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"POST", "/subjects/s/versions", `{"schema":"\"int\""}`, 200, `{"id":1,"version":1}`},
		{"HEAD", "/subjects", "", 200, ""},
		{"HEAD", "/subjects/none/versions", "", 404, ""},
		{"POST", "/subjects/s/versions", zipped(t, `{"schema":"\"long\""}`), 400, "error_code"},
		{"DELETE", "/subjects/s?permanent=false", "", 200, `[1]`},
		{"GET", "/subjects/", "", 200, `[]`},
	}
	for _, r := range requests {
		req, err := http.NewRequestWithContext(ctx, r.method, server.URL+r.path, strings.NewReader(r.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept-Encoding", "gzip")
		answer, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != r.status || !strings.Contains(string(body), r.want) || r.want == "" && len(body) > 0 {
			t.Errorf("%s %s: %d %s, %v", r.method, r.path, answer.StatusCode, body, err)
		}
		if encoding := answer.Header.Get("Content-Encoding"); encoding != "" {
			t.Errorf("%s %s: the answer is encoded as %s", r.method, r.path, encoding)
		}
	}
	if reused != len(requests)-1 {
		t.Errorf("%d of %d requests found the connection open", reused, len(requests)-1)
	}
}

// zipped is a body that no client sends without being told to, and that has to
// be refused in words.
func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := fmt.Fprint(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
