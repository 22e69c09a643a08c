package generate

import (
	"context"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/proto"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/output"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/stamp"
)

// A unit is what is emitted as a whole: one emitter's files for one context.
type unit struct {
	name   string
	inputs stamp.Sum
	emit   func() ([]plan.File, error)
}

// An emission collects what units lead to.
type emission struct {
	run  *run
	old  map[string]unitRecord
	mu   sync.Mutex
	want output.Desired
}

// emit runs the units whose inputs changed or whose files are not on disk as
// they should be, and keeps the files of the others.
func (g *Generator) emit(ctx context.Context, r *run, manifest *output.Manifest, set *source.Set, m *model.Model) (output.Desired, error) {
	var err error
	if r.self, err = executable(r.disk); err != nil {
		return output.Desired{}, err
	}
	r.units = map[string]unitRecord{}
	e := &emission{run: r, old: g.cache.units(r.self)}
	e.want.Inputs = map[string]stamp.Sum{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0) + 1)
	group.Go(func() error { return g.emitProtos(ctx, e, manifest, set) })
	group.Go(func() error { return e.emitEvents(m) })
	for _, u := range units(set, m) {
		group.Go(func() error { return e.unit(u) })
	}
	if err := group.Wait(); err != nil {
		return output.Desired{}, err
	}
	slices.SortFunc(e.want.Files, func(a, b plan.File) int { return strings.Compare(a.Path, b.Path) })
	return e.want, nil
}

func (e *emission) unit(u unit) error {
	if kept, err := e.reuse(u.name, u.inputs); kept || err != nil {
		return err
	}
	files, err := u.emit()
	if err != nil {
		return err
	}
	e.add(files)
	e.record(u.name, unitRecord{u.inputs, entries(files)})
	return nil
}

// reuse keeps what a unit led to before, when its inputs are the same and its
// files are on disk.
func (e *emission) reuse(name string, inputs stamp.Sum) (bool, error) {
	old, ok := e.old[name]
	if !ok || old.Inputs != inputs {
		return false, nil
	}
	fresh, err := e.fresh(old.Files)
	if fresh {
		e.keep(name, old)
	}
	return fresh, err
}

// fresh reports whether the files are on disk as they were written.
func (e *emission) fresh(files []output.Entry) (bool, error) {
	for _, f := range files {
		if same, err := e.run.disk.Is(f.Path, f.Sum); !same {
			return false, err
		}
	}
	return true, nil
}

func (e *emission) keep(name string, old unitRecord) {
	e.mu.Lock()
	e.want.Kept = append(e.want.Kept, old.Files...)
	e.mu.Unlock()
	e.record(name, old)
}

func (e *emission) add(files []plan.File) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.want.Files = append(e.want.Files, files...)
}

func (e *emission) record(name string, r unitRecord) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.run.units[name] = r
}

func entries(files []plan.File) []output.Entry {
	var list []output.Entry
	for _, f := range files {
		if f.Ownership == plan.Generated {
			list = append(list, output.Entry{Path: f.Path, Emitter: f.Emitter, Sum: stamp.Of(f.Content)})
		}
	}
	return list
}

// emitProtos runs buf for the proto packages that changed. Their fingerprints
// are in the manifest, so a fresh clone does not need buf.
func (g *Generator) emitProtos(ctx context.Context, e *emission, manifest *output.Manifest, set *source.Set) error {
	inputs, err := g.protoInputs(set)
	if err != nil {
		return err
	}
	var stale []string
	for _, dir := range slices.Sorted(maps.Keys(inputs)) {
		name := proto.Emitter + " " + dir
		e.want.Inputs[name] = inputs[dir]
		files := under(manifest, "gen/proto/"+dir+"/")
		old, known := manifest.Input(name)
		fresh, err := e.fresh(files)
		if err != nil {
			return err
		}
		if !known || old != inputs[dir] || !fresh {
			stale = append(stale, dir)
			continue
		}
		e.keep(name, unitRecord{inputs[dir], files})
	}
	if len(stale) == 0 {
		return nil
	}
	files, err := g.buf.Emit(ctx, stale)
	e.add(files)
	return err
}

func under(manifest *output.Manifest, prefix string) []output.Entry {
	return slices.DeleteFunc(manifest.Entries(), func(e output.Entry) bool {
		return e.Emitter != proto.Emitter || !strings.HasPrefix(e.Path, prefix)
	})
}
