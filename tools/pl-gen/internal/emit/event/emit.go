// Package event emits the Go side of event schemas: for each version of each
// context a package with one struct an event, its topic and description, and
// a codec that runs without reflection. It is pure: equal models give equal
// bytes.
//
// Which Go type stands for which Avro type is decided in
// docs/decisions/0002-go-types-for-avro.md.
package event

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/gofile"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
)

// Emit returns the files of all event packages, sorted by package and then in
// the order of the model. It refuses a model that [Check] finds fault with.
func Emit(m *model.Model) ([]plan.File, error) {
	packages, found := resolve(m)
	if len(found) > 0 {
		return nil, refusal(found)
	}
	return emitAll(packages)
}

// EmitContext is [Emit] for the packages of one context; the name "common"
// stands for the shared records.
func EmitContext(m *model.Model, context string) ([]plan.File, error) {
	packages, found := resolve(m)
	if len(found) > 0 {
		return nil, refusal(found)
	}
	var own []*goPackage
	for _, p := range packages {
		if p.context == context {
			own = append(own, p)
		}
	}
	return emitAll(own)
}

// Check returns what keeps contracts from becoming Go: names that are no
// identifiers, and names that differ in the contract but not in Go.
func Check(m *model.Model) []diag.Diagnostic {
	_, found := resolve(m)
	return found
}

func refusal(found []diag.Diagnostic) error {
	errs := make([]error, len(found))
	for i, d := range found {
		errs[i] = fmt.Errorf("%s: %s %s; %s", d.Pos, d.Rule, d.Message, d.Fix)
	}
	return errors.Join(errs...)
}

// emitAll makes the files of several packages, as many at a time as there are
// processors.
func emitAll(packages []*goPackage) ([]plan.File, error) {
	var todo []func() *gofile.File
	for _, p := range packages {
		todo = append(todo, p.files()...)
	}
	files := make([]plan.File, len(todo))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, make := range todo {
		group.Go(func() error {
			f := make()
			src, err := f.Source()
			files[i] = plan.File{Path: f.Path(), Content: src, Emitter: "event", Ownership: plan.Generated}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return files, nil
}
