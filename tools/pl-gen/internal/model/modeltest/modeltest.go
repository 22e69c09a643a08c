// Package modeltest reads contracts for tests.
package modeltest

import (
	"io/fs"
	"testing"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// Load returns the model of the repository whose root is fsys. Contracts with
// errors end the test.
func Load(tb testing.TB, fsys fs.FS) *model.Model {
	tb.Helper()
	set, found, err := source.Load(fsys)
	if err != nil {
		tb.Fatal(err)
	}
	m, more := model.Build(set)
	if found = append(found, more...); diag.HasErrors(found) {
		tb.Fatal(found)
	}
	return m
}
