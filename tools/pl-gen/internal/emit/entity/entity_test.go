package entity_test

import (
	"bytes"
	"go/format"
	"os"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/entity"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/service"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model/modeltest"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan/plantest"
)

const top = "../../../../.."

// TestCommitted holds the committed clients and services, which other tests
// compile and run, against what is emitted.
func TestCommitted(t *testing.T) {
	m := modeltest.Load(t, os.DirFS(top))
	for _, c := range m.Contexts {
		for _, emit := range []func(string, *model.Context) ([]plan.File, error){entity.Emit, service.Emit} {
			files, err := emit(m.Module, c)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				check(t, f)
			}
		}
	}
}

func check(t *testing.T, f plan.File) {
	t.Helper()
	plantest.Committed(t, top, f)
	if formatted, err := format.Source(f.Content); err != nil || !bytes.Equal(formatted, f.Content) {
		t.Errorf("%s is not formatted: %v", f.Path, err)
	}
	if lines := bytes.Count(f.Content, []byte("\n")); lines > 5000 { // Ent writes one file for the mutations of all entities; auth has six
		t.Errorf("%s has %d lines", f.Path, lines)
	}
}

// TestEqualRuns emits a context twice, also while others are emitted.
func TestEqualRuns(t *testing.T) {
	m := modeltest.Load(t, os.DirFS(top))
	for _, c := range m.Contexts[:2] {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			a, errA := entity.Emit(m.Module, c)
			b, errB := entity.Emit(m.Module, c)
			if errA != nil || errB != nil || len(a) == 0 || len(a) != len(b) {
				t.Fatalf("%d and %d files, %v, %v", len(a), len(b), errA, errB)
			}
			for i := range a {
				if a[i].Path != b[i].Path || !bytes.Equal(a[i].Content, b[i].Content) {
					t.Errorf("%s differs between runs", a[i].Path)
				}
			}
		})
	}
}

// TestWhatIsLeftOut keeps what handlers must not have, and what nobody needs,
// out of the clients.
func TestWhatIsLeftOut(t *testing.T) {
	m := modeltest.Load(t, os.DirFS(top))
	files, err := entity.Emit(m.Module, m.Contexts[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		for _, dir := range []string{"/migrate/", "/hook/", "/enttest/", "/runtime", "/privacy/"} {
			if strings.Contains(f.Path, dir) {
				t.Errorf("%s is emitted", f.Path)
			}
		}
		if bytes.Contains(f.Content, []byte("func init()")) || bytes.Contains(f.Content, []byte("ariga.io/atlas")) {
			t.Errorf("%s has an init, or drags migrations into the binary", f.Path)
		}
	}
}

func TestNames(t *testing.T) {
	for _, name := range []string{"Client", "Query", "Tx", "Type", "String", "Func"} {
		if entity.CheckName(name) == nil {
			t.Errorf("%s is allowed as an entity", name)
		}
	}
	for column, want := range map[string]string{"student_id": "StudentID", "home_url": "HomeURL", "title": "Title"} {
		if got := entity.FieldName(column); got != want {
			t.Errorf("%s is %s, want %s", column, got, want)
		}
	}
}

func TestEnumValues(t *testing.T) {
	kind := descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Descriptor()
	var got []string
	for _, v := range entity.EnumValues(kind) {
		got = append(got, v.Name+"="+v.Stored)
	}
	if strings.Join(got, " ") != "Optional=OPTIONAL Repeated=REPEATED Required=REQUIRED" {
		t.Errorf("values %v", got)
	}
	for _, e := range modeltest.Load(t, os.DirFS(top)).Contexts[0].Entities[0].Fields {
		if e.Name == "kind" {
			if v := entity.EnumValues(e.Desc.Enum())[1]; v.Name != "FirstPass" || v.Stored != "FIRST_PASS" {
				t.Errorf("value %+v", v)
			}
		}
	}
}

// BenchmarkEmit makes the clients of all contexts: about ten entities.
func BenchmarkEmit(b *testing.B) {
	m := modeltest.Load(b, os.DirFS(top))
	entities := 0
	for _, c := range m.Contexts {
		entities += len(c.Entities)
	}
	for b.Loop() {
		for _, c := range m.Contexts {
			if _, err := entity.Emit(m.Module, c); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(entities), "entities")
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N*entities), "ms/entity")
}

// BenchmarkService emits the service packages of all contexts.
func BenchmarkService(b *testing.B) {
	m := modeltest.Load(b, os.DirFS(top))
	for b.Loop() {
		for _, c := range m.Contexts {
			if _, err := service.Emit(m.Module, c); err != nil {
				b.Fatal(err)
			}
		}
	}
}
