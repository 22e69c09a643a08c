package generate

import (
	"maps"
	"slices"
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/event"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/stamp"
)

// shared is the name under which event packages hold the shared records.
const shared = "common"

// emitEvents emits the event packages of the contexts whose schemas changed.
// The emitter resolves the whole model first, so several contexts are emitted
// in one go.
func (e *emission) emitEvents(m *model.Model) error {
	inputs := eventInputs(m)
	stale := map[string]bool{}
	for context, sum := range inputs {
		kept, err := e.reuse("event "+context, sum)
		if err != nil {
			return err
		}
		if !kept {
			stale[context] = true
		}
	}
	files, err := emitStale(m, stale)
	if err != nil {
		return err
	}
	for context, list := range byContext(files, stale) {
		e.add(list)
		e.record("event "+context, unitRecord{inputs[context], entries(list)})
	}
	return nil
}

func emitStale(m *model.Model, stale map[string]bool) ([]plan.File, error) {
	switch len(stale) {
	case 0:
		return nil, nil
	case 1:
		return event.EmitContext(m, slices.Collect(maps.Keys(stale))[0])
	}
	return event.Emit(m)
}

// byContext sorts files of the form gen/event/<context>/… to the contexts that
// are stale, and drops the others.
func byContext(files []plan.File, stale map[string]bool) map[string][]plan.File {
	parts := make(map[string][]plan.File, len(stale))
	for context := range stale {
		parts[context] = nil
	}
	for _, f := range files {
		context, _, _ := strings.Cut(strings.TrimPrefix(f.Path, "gen/event/"), "/")
		if stale[context] {
			parts[context] = append(parts[context], f)
		}
	}
	return parts
}

// eventInputs are the fingerprints of event packages, by context.
func eventInputs(m *model.Model) map[string]stamp.Sum {
	parts := map[string][]string{}
	for _, e := range m.Events {
		parts[e.Context] = append(parts[e.Context], eventPrint(e))
	}
	for _, r := range m.Records {
		parts[shared] = append(parts[shared], r.File, string(avro.Text(r.Schema)))
	}
	inputs := make(map[string]stamp.Sum, len(parts))
	for context, list := range parts {
		inputs[context] = sumOf(append(list, m.Module)...)
	}
	return inputs
}
