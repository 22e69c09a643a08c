package problem_test

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/pulselearn/campus-hub/platform/gateway/problem"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

// TestEveryCodeIsAKind looks for the codes that a call can fail with.
func TestEveryCodeIsAKind(t *testing.T) {
	t.Parallel()
	for code := connect.CodeCanceled; code <= connect.CodeUnauthenticated; code++ {
		if p := problem.New(code.String(), ""); p.Code != code.String() || p.Status < 400 {
			t.Errorf("%v is %+v", code, p)
		}
	}
	if p := problem.New("nonsense", ""); p.Status != 500 {
		t.Errorf("a kind that there is not is %+v", p)
	}
}

func TestKindsAreDescribed(t *testing.T) {
	t.Parallel()
	all := httptest.NewRecorder()
	problem.Describe(all, httptest.NewRequest("GET", problem.Path, nil))
	for _, k := range problem.Kinds() {
		one := httptest.NewRecorder()
		problem.Describe(one, httptest.NewRequest("GET", k.Type(), nil))
		if one.Code != 200 || !strings.Contains(one.Body.String(), k.Doc) || !strings.Contains(all.Body.String(), k.Doc) {
			t.Errorf("%s: %d %s", k.Type(), one.Code, one.Body)
		}
	}
	other := httptest.NewRecorder()
	problem.Describe(other, httptest.NewRequest("GET", problem.Path+"nothing", nil))
	if other.Code != 404 {
		t.Errorf("another path: %d", other.Code)
	}
}

func TestErrorsOnTheWayAreHidden(t *testing.T) {
	t.Parallel()
	away := connect.NewError(connect.CodeUnavailable, "dial tcp 10.0.0.7: connection refused").WithCause(errors.New("dial"))
	if p := problem.Of(away); strings.Contains(p.Detail, "10.0.0.7") || p.RetryAfter == 0 {
		t.Errorf("got %+v", p)
	}
	if p := problem.Of(connect.NewError(connect.CodeUnavailable, "the database is away").WithRemote()); p.Detail != "the database is away" {
		t.Errorf("what the context said: got %+v", p)
	}
	if p := problem.Of(errors.New("secret")); p.Status != 500 || p.Detail != "" {
		t.Errorf("any error: got %+v", p)
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	p := problem.Of(rpc.Invalid("title", "is required"))
	p.RetryAfter = 1500 * time.Millisecond
	w := httptest.NewRecorder()
	p.Write(w, httptest.NewRequest("GET", "/api/v1/a%2Fb?x=1", nil))
	var got problem.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Instance != "/api/v1/a%2Fb" || got.Type != "/problems/invalid-argument" || !slices.Equal(got.Errors, []problem.Violation{{Field: "title", Detail: "is required"}}) {
		t.Errorf("got %+v", got)
	}
	if w.Header().Get("Retry-After") != "2" || w.Header().Get("Content-Type") != problem.ContentType {
		t.Errorf("got %v", w.Header())
	}
}
