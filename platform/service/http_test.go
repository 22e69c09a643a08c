package service

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
)

func TestCallsExplainWhatTheyTake(t *testing.T) {
	t.Parallel()
	calls := callsHandler(connect.NewServer())
	const method = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
	for contentType, want := range map[string]string{
		"application/x-www-form-urlencoded": "send it with the header Content-Type: application/json",
		"text/plain":                        "",
	} {
		r := httptest.NewRequest(http.MethodPost, method, strings.NewReader("{}"))
		r.Header.Set("Content-Type", contentType)
		answer := httptest.NewRecorder()
		calls.ServeHTTP(answer, r)
		if body := answer.Body.String(); answer.Code != http.StatusUnsupportedMediaType || !strings.Contains(body, want) {
			t.Errorf("%s: %d %q, want 415 with %q", contentType, answer.Code, body, want)
		}
	}
}
