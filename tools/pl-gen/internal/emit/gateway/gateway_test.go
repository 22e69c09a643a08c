package gateway_test

import (
	"os"
	"strings"
	"testing"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/gateway"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model/modeltest"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan/plantest"
)

const top = "../../../../.."

// TestCommitted holds the committed tables, which the build compiles, against
// what is emitted.
func TestCommitted(t *testing.T) {
	m := modeltest.Load(t, os.DirFS(top))
	files, err := gateway.EmitHub(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range m.Contexts {
		more, err := gateway.Emit(m.Module, c)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, more...)
	}
	calls := 0
	for _, f := range files {
		plantest.Committed(t, top, f)
		calls += strings.Count(string(f.Content), "Procedure:")
	}
	if calls < 30 {
		t.Errorf("the tables have %d calls", calls)
	}
}

func TestContextsWithoutCalls(t *testing.T) {
	if files, err := gateway.Emit("example.com/school", &model.Context{Name: "events"}); err != nil || len(files) != 0 {
		t.Errorf("%v, %v", files, err)
	}
}
