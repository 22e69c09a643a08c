package graphql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"
)

// A journal writes down what it is told of operations.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) trace(ctx context.Context, kind, name string) (context.Context, func(string, bool)) {
	return ctx, func(code string, ours bool) {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.lines = append(j.lines, fmt.Sprintf("%s %s %q %v", kind, name, code, ours))
	}
}

// Every operation that runs is told once, with its name and how it ended, and
// one that is refused before is not.
func TestOperationsAreTraced(t *testing.T) {
	t.Parallel()
	var j journal
	w := newWorld(t, Config{Trace: j.trace})
	w.answer = func(call string, request proto.Message) (string, error) {
		switch call {
		case "Award":
			return "", connect.NewError(connect.CodePermissionDenied, "for teachers")
		case "Clear":
			return "", errors.New("secret")
		}
		return campusAnswers(call, request)
	}
	w.post(`query Mine { listBadges(studentId: "ada") { badges { id } } }`, nil)
	w.post(`mutation { award(input: {studentId: "ada"}) { badge { id } } }`, nil)
	w.post(`mutation Two { a: award(input: {studentId: "ada"}) { badge { id } } b: clear { ok } }`, nil)
	w.post(`query Wrong { nothing }`, nil)
	want := []string{`query Mine "" false`, `mutation  "PERMISSION_DENIED" false`, `mutation Two "PERMISSION_DENIED" true`}
	if !slices.Equal(j.lines, want) {
		t.Errorf("got %q, want %q", j.lines, want)
	}
}
