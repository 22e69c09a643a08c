package service

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestFormsAreExplained(t *testing.T) {
	t.Parallel()
	calls := explainForms(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	for contentType, want := range map[string]int{
		"application/x-www-form-urlencoded":                http.StatusUnsupportedMediaType,
		"application/x-www-form-urlencoded; charset=utf-8": http.StatusUnsupportedMediaType,
		"application/json":                                 http.StatusTeapot,
		"":                                                 http.StatusTeapot,
	} {
		r := httptest.NewRequest(http.MethodPost, "/pl.quiz.v1.QuizService/GetQuiz", strings.NewReader("{}"))
		r.Header.Set("Content-Type", contentType)
		answer := httptest.NewRecorder()
		calls.ServeHTTP(answer, r)
		explained := strings.Contains(answer.Body.String(), "Content-Type: application/json")
		if answer.Code != want || explained != (want == http.StatusUnsupportedMediaType) {
			t.Errorf("%q: %d %q, want %d", contentType, answer.Code, answer.Body, want)
		}
	}
}

func TestStartingIsSaidInTheCallersProtocol(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		"/api/v1/users": "application/problem+json", "/graphql": "application/problem+json",
		"/pl.quiz.v1.QuizService/GetQuiz": "application/json",
	} {
		r := httptest.NewRequest(http.MethodPost, target, strings.NewReader("{}"))
		r.Header.Set("Content-Type", "application/json")
		answer := httptest.NewRecorder()
		new(gate).ServeHTTP(answer, r)
		if answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") != "1" || answer.Header().Get("Content-Type") != want {
			t.Errorf("%s: %d %v", target, answer.Code, answer.Header())
		}
	}
}
