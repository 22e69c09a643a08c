package service

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func answering(status int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
}

// TestPagesShadowNothing asks for pages where calls and protocols are, under
// names that they do not have.
func TestPagesShadowNothing(t *testing.T) {
	t.Parallel()
	const pages, calls = http.StatusOK, http.StatusTeapot
	app := New("hub")
	app.Site(func(http.Handler) http.Handler { return answering(pages) })
	site := (&Process{app: app, cfg: &Config{PublicURL: "http://localhost:8080"}}).withSite(answering(calls))
	for _, c := range []struct {
		method, url string
		want        int
	}{
		{"GET", "http://localhost:8080/", pages},
		{"HEAD", "http://localhost:8080/courses/7", pages},
		{"GET", "https://campus.example/", pages},
		{"GET", "http://127.0.0.1:9999/", pages},
		{"GET", "http://127.0.0.1:8080/courses/7?a=b", http.StatusTemporaryRedirect},
		{"GET", "http://[::1]:8080/", http.StatusTemporaryRedirect},
		{"POST", "http://localhost:8080/", calls},
		{"GET", "http://localhost:8080/pl.quiz.v1.QuizService/Nothing", calls},
		{"GET", "http://localhost:8080/grpc.health.v1.Health/Check", calls},
		{"GET", "http://localhost:8080/api/v2/users", calls},
		{"GET", "http://localhost:8080/graphql/x", calls},
		{"GET", "http://localhost:8080/realtime/x", calls},
		{"GET", "http://localhost:8080/oauth/nothing", calls},
		{"GET", "http://localhost:8080/.well-known/nothing", calls},
	} {
		r := httptest.NewRequest(c.method, c.url, nil)
		r.Header.Set("Accept", "text/html,*/*")
		answer := httptest.NewRecorder()
		site.ServeHTTP(answer, r)
		if answer.Code != c.want {
			t.Errorf("%s %s: %d, want %d", c.method, c.url, answer.Code, c.want)
		}
		if to := answer.Header().Get("Location"); to != "" && to != "http://localhost:8080"+r.URL.RequestURI() {
			t.Errorf("%s leads to %s", c.url, to)
		}
	}
}

func TestWithoutPages(t *testing.T) {
	t.Parallel()
	answer := httptest.NewRecorder()
	(&Process{app: New("quiz")}).withSite(answering(http.StatusTeapot)).ServeHTTP(answer, httptest.NewRequest("GET", "/", nil))
	if answer.Code != http.StatusTeapot {
		t.Errorf("%d", answer.Code)
	}
}
