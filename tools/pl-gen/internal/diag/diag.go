// Package diag is what pl-gen has to say about contracts: findings with a
// place, a rule, a cause and a fix, and the renderers that print them for
// people and for other tools.
package diag

import (
	"cmp"
	"slices"

	"github.com/pulselearn/campus-hub/platform/avro"
)

// A Pos is a place in a file, relative to the repository's root.
type Pos = avro.Pos

// A Severity tells whether a finding stops generation.
type Severity int

const (
	// Error stops generation: nothing on disk changes.
	Error Severity = iota
	// Warning is reported and fails "lint" and "check", but not "generate".
	Warning
)

// String returns "error" or "warning".
func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// A Diagnostic is one finding.
type Diagnostic struct {
	Rule     Rule
	Severity Severity
	Pos      Pos
	// Message says what is wrong in one line, without the rule or the place.
	Message string
	// Cause says why it is wrong, and Fix what to do. Both may be empty.
	Cause, Fix string
	// Change is set for findings about a change of what is published.
	Change Change
}

// New returns a finding of the rule at its catalogued severity.
func New(rule Rule, pos Pos, message string) Diagnostic {
	return Diagnostic{Rule: rule, Severity: rule.Info().Severity, Pos: pos, Message: message}
}

// Because returns the finding with its cause and fix.
func (d Diagnostic) Because(cause, fix string) Diagnostic {
	d.Cause, d.Fix = cause, fix
	return d
}

// Sort orders findings by place, then by rule and message, and drops those
// that are equal. It reuses the slice.
func Sort(list []Diagnostic) []Diagnostic {
	slices.SortStableFunc(list, compare)
	return slices.Compact(list)
}

func compare(a, b Diagnostic) int {
	return cmp.Or(
		cmp.Compare(a.Pos.File, b.Pos.File),
		cmp.Compare(a.Pos.Line, b.Pos.Line),
		cmp.Compare(a.Pos.Col, b.Pos.Col),
		cmp.Compare(a.Rule, b.Rule),
		cmp.Compare(a.Message, b.Message),
	)
}

// HasErrors reports whether any finding stops generation.
func HasErrors(list []Diagnostic) bool {
	return slices.ContainsFunc(list, func(d Diagnostic) bool { return d.Severity == Error })
}
