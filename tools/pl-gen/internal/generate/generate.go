// Package generate ties the parts of pl-gen together: it reads the contracts,
// checks them, runs the emitters whose inputs changed and compares the result
// with the disk. It changes nothing; [Result.Write] does.
package generate

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/proto"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/lint"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/output"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/scaffold"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/stamp"
)

// A Generator works on one repository, one run at a time.
type Generator struct {
	root  string
	log   io.Writer
	buf   *proto.Buf
	cache cache
}

// New returns a generator for the repository at root, which logs what takes
// long to log.
func New(root string, log io.Writer) *Generator {
	return &Generator{
		root: root, log: log,
		buf:   &proto.Buf{Root: root, Log: log},
		cache: cache{dir: root + "/.pl/pl-gen"},
	}
}

// A Result is what a run found out.
type Result struct {
	// Findings are sorted. With an error among them there are no changes.
	Findings []diag.Diagnostic
	// Changes are nil when the repository is as it was after the last run, or
	// when findings stop generation.
	Changes *output.Changes

	generator *Generator
	run       *run
}

// Blocked reports whether findings stop generation.
func (r *Result) Blocked() bool { return diag.HasErrors(r.Findings) }

// Pending returns the changes that Write would make.
func (r *Result) Pending() []output.Change {
	if r.Changes == nil {
		return nil
	}
	return r.Changes.List
}

// Stale returns the pending changes with that of the manifest.
func (r *Result) Stale() []output.Change {
	if r.Changes == nil {
		return nil
	}
	return r.Changes.All(r.generator.root)
}

// A run is the state of one Run.
type run struct {
	disk  *stamp.Store
	self  stamp.Sum
	units map[string]unitRecord
}

// Run finds out what generation would change. It writes nothing but its own
// cache.
func (g *Generator) Run(ctx context.Context) (*Result, error) {
	r := &run{disk: stamp.Open(g.root, g.cache.stamps())}
	digest, err := g.digest(r.disk)
	if err != nil {
		return nil, err
	}
	if findings, ok := g.cache.clean(digest); ok {
		g.tolerate(g.cache.save(r.disk))
		return &Result{Findings: findings}, nil
	}
	result, err := g.full(ctx, r)
	if err == nil && len(result.Stale()) == 0 && result.Changes != nil {
		g.tolerate(g.remember(result))
	}
	return result, err
}

// tolerate says what is wrong with the cache, which only saves time.
func (g *Generator) tolerate(err error) {
	if err != nil {
		fmt.Fprintf(g.log, "pl-gen: %v; the next run will take longer\n", err)
	}
}

// Lint reads and checks the contracts, and generates nothing.
func (g *Generator) Lint() (*model.Model, []diag.Diagnostic, error) {
	_, m, findings, err := g.read()
	return m, findings, err
}

// Buf returns the buf that the generator runs.
func (g *Generator) Buf() *proto.Buf { return g.buf }

func (g *Generator) read() (*source.Set, *model.Model, []diag.Diagnostic, error) {
	set, findings, err := source.Load(os.DirFS(g.root))
	if err != nil {
		return nil, nil, nil, err
	}
	m, more := model.Build(set)
	findings = append(findings, more...)
	findings = append(findings, lint.Check(set, m)...)
	return set, m, diag.Sort(lint.Waive(set, findings)), nil
}

func (g *Generator) full(ctx context.Context, r *run) (*Result, error) {
	set, m, findings, err := g.read()
	if err != nil {
		return nil, err
	}
	result := &Result{Findings: findings, generator: g, run: r}
	if result.Blocked() {
		return result, nil
	}
	stubs, more, err := scaffold.Stubs(os.DirFS(g.root), m)
	if err != nil {
		return nil, err
	}
	result.Findings = diag.Sort(append(findings, more...))
	if result.Blocked() {
		return result, nil
	}
	manifest, err := output.ReadManifest(g.root)
	if err != nil {
		return nil, err
	}
	want, err := g.emit(ctx, r, manifest, set, m)
	if err != nil {
		return nil, err
	}
	want.Files = append(want.Files, stubs...)
	if clashes := plan.Check(want.Files); len(clashes) > 0 {
		result.Findings = diag.Sort(append(result.Findings, clashes...))
		return result, nil
	}
	result.Changes, err = output.Compare(r.disk, g.root, manifest, want)
	return result, err
}

// Write makes the pending changes and remembers that nothing has to be done
// until an input or an output changes.
func (r *Result) Write() error {
	if r.Changes == nil {
		return nil
	}
	if err := r.Changes.Write(r.generator.root); err != nil {
		return err
	}
	r.generator.tolerate(r.generator.remember(r))
	return nil
}

func (g *Generator) remember(r *Result) error {
	disk := stamp.Open(g.root, g.cache.stamps())
	digest, err := g.digest(disk)
	if err != nil {
		return fmt.Errorf("look at what was written: %w", err)
	}
	if err := g.cache.keepUnits(r.run.self, r.run.units); err != nil {
		return err
	}
	if err := g.cache.keepClean(digest, r.Findings); err != nil {
		return err
	}
	return g.cache.save(disk)
}

// Edited returns the changes that would overwrite somebody's edits.
func (r *Result) Edited() []output.Change {
	if r.Changes == nil {
		return nil
	}
	return r.Changes.Edited()
}
