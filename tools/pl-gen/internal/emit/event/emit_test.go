package event_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/event"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// company returns a model of many events: ten in each context.
func company(t testing.TB, contexts int) *model.Model {
	schema := readAll(t, corpus)["contracts/avro/shapes/v1/tagged.avsc"].Data
	schema = bytes.ReplaceAll(schema, []byte(`"pl.common.v1.Digest"`), []byte(`"bytes"`))
	files := make(fstest.MapFS)
	for c := range contexts {
		for e := range 10 {
			context, name := fmt.Sprintf("ctx%d", c), fmt.Sprintf("Tagged%c", 'A'+e)
			text := strings.NewReplacer("pl.shapes.", "pl."+context+".", "Tagged", name, "Color", name+"Color", "Leaf", name+"Leaf").Replace(string(schema))
			files[fmt.Sprintf("contracts/avro/%s/v1/tagged%c.avsc", context, 'a'+e)] = &fstest.MapFile{Data: []byte(text)}
		}
	}
	return build(t, "example.com/company", files)
}

func TestEmitIsStable(t *testing.T) {
	m := company(t, 3)
	first, err := event.Emit(m)
	if err != nil {
		t.Fatal(err)
	}
	second, err := event.Emit(company(t, 3))
	if err != nil {
		t.Fatal(err)
	}
	for i := range first {
		if first[i].Path != second[i].Path || !bytes.Equal(first[i].Content, second[i].Content) {
			t.Errorf("%s differs", first[i].Path)
		}
	}
	one, err := event.EmitContext(m, "ctx1")
	if err != nil || len(one) != len(first)/3 {
		t.Fatalf("one context has %d of %d files, %v", len(one), len(first), err)
	}
	if i := len(one); !bytes.Equal(one[0].Content, first[i].Content) {
		t.Errorf("%s differs when emitted alone", one[0].Path)
	}
}

// BenchmarkEmit1000 is the size of a large company: 1,000 events in 100
// contexts. The target is two seconds on two processors.
func BenchmarkEmit1000(b *testing.B) {
	m := company(b, 100)
	for b.Loop() {
		if _, err := event.Emit(m); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "µs/event")
}
