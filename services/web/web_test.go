package web_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/pulselearn/campus-hub/services/web"
)

const page = "text/html,application/xhtml+xml,*/*;q=0.8" // what browsers accept when a person goes somewhere

// ask sends a request to the page, behind which nothing is a teapot.
func ask(t *testing.T, method, path string, headers ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	web.Site(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })).ServeHTTP(w, r)
	return w.Result()
}

func text(t *testing.T, from io.Reader) string {
	t.Helper()
	all, err := io.ReadAll(from)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

// script is the path of the page's script, which has a hash in its name.
func script(t *testing.T) string {
	t.Helper()
	found := regexp.MustCompile(`src="(/assets/[^"]+\.js)"`).FindStringSubmatch(text(t, ask(t, "GET", "/", "Accept", page).Body))
	if found == nil {
		t.Fatal("index.html has no script")
	}
	return found[1]
}

func TestWhatIsServed(t *testing.T) {
	t.Parallel()
	js := script(t)
	for _, c := range []struct {
		name, method, path, accept string
		status                     int
		contentType, keep          string
	}{
		{"the page", "GET", "/", page, 200, "text/html; charset=utf-8", "no-cache"},
		{"a place of the page", "GET", "/courses/7", page, 200, "text/html; charset=utf-8", "no-cache"},
		{"its head", "HEAD", "/courses/7", page, 200, "text/html; charset=utf-8", "no-cache"},
		{"a program that goes nowhere", "GET", "/courses/7", "*/*", 418, "", ""},
		{"a script", "GET", js, "*/*", 200, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"a script of an older build", "GET", "/assets/index-00000000.js", page, 418, "", ""},
		{"the icon", "GET", "/icon.svg", "image/*", 200, "image/svg+xml", "public, max-age=3600"},
		{"a path above", "GET", "/../web.go", page, 418, "", ""},
		{"something sent", "POST", "/", page, 418, "", ""},
	} {
		res := ask(t, c.method, c.path, "Accept", c.accept)
		if res.StatusCode != c.status || res.Header.Get("Content-Type") != c.contentType || res.Header.Get("Cache-Control") != c.keep {
			t.Errorf("%s: %d %v", c.name, res.StatusCode, res.Header)
		}
		if c.method == "HEAD" && text(t, res.Body) != "" {
			t.Errorf("%s has a body", c.name)
		}
	}
}

// TestPolicy holds the policy, and the page to it: nothing is inline.
func TestPolicy(t *testing.T) {
	t.Parallel()
	res := ask(t, "GET", "/", "Accept", page)
	policy := res.Header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "connect-src 'self';", "base-uri 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("the policy %q lacks %s", policy, part)
		}
	}
	if inline := regexp.MustCompile(`<style|style=|<script>|\son[a-z]+=`).FindString(text(t, res.Body)); inline != "" {
		t.Errorf("index.html has %s, which the policy forbids", inline)
	}
}

func TestPackedAndKnown(t *testing.T) {
	t.Parallel()
	js := script(t)
	plain := ask(t, "GET", js)
	packed := ask(t, "GET", js, "Accept-Encoding", "gzip, br")
	if packed.Header.Get("Content-Encoding") != "gzip" || packed.ContentLength*2 > plain.ContentLength {
		t.Fatalf("%v", packed.Header)
	}
	unpacked, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	if text(t, unpacked) != text(t, plain.Body) {
		t.Error("what is packed is something else")
	}
	tag := ask(t, "GET", "/", "Accept", page).Header.Get("ETag")
	if again := ask(t, "GET", "/", "Accept", page, "If-None-Match", tag); tag == "" || again.StatusCode != http.StatusNotModified {
		t.Errorf("a page that has not changed: %d", again.StatusCode)
	}
	if part := ask(t, "GET", js, "Range", "bytes=0-9", "Accept-Encoding", "gzip"); part.StatusCode != 206 || part.Header.Get("Content-Encoding") != "" {
		t.Errorf("a part of a script: %d %v", part.StatusCode, part.Header)
	}
}
