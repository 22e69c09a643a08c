package scaffold

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/migrate"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
)

// Emitter is the name of this package in plans. Its files belong to people
// once they are written.
const Emitter = "scaffold"

// Stubs returns a stub in a new file for every handler that the contracts ask
// for and that services/<context> lacks, and what a context without a
// directory needs to compile, with a test that kills it at every step. A stub
// fails loudly and never succeeds. It also
// returns findings about handlers whose contract is gone, and about entities
// whose migrations are missing. root is the repository; nothing is written.
func Stubs(root fs.FS, m *model.Model) ([]plan.File, []diag.Diagnostic, error) {
	var files []plan.File
	var found []diag.Diagnostic
	for _, c := range m.Contexts {
		if c.Service == nil {
			continue
		}
		more, findings, err := stubsOf(root, m, c)
		if err != nil {
			return nil, nil, fmt.Errorf("look at the handlers of %s: %w", c.Name, err)
		}
		files = append(files, more...)
		found = append(found, findings...)
	}
	return files, found, nil
}

func stubsOf(root fs.FS, m *model.Model, c *model.Context) ([]plan.File, []diag.Diagnostic, error) {
	code, err := readService(root, c)
	if err != nil || code.broken {
		return nil, nil, err // the compiler says what is wrong with the file
	}
	w := newWriter(root, m, c)
	if err := w.missing(code, w.stub, w.sagaStub); err != nil {
		return nil, nil, err
	}
	if !code.hasType && len(code.methods) == 0 {
		if err := w.crashTest(w.handlers()); err != nil {
			return nil, nil, err
		}
	}
	migrations, found, err := migrationsOf(root, c)
	orphans := append(code.orphans(c), code.sagaOrphans(m.Module, c)...)
	return append(w.planned, migrations...), append(orphans, found...), err
}

// migrationsOf returns the first migrations of a new context. Later ones are
// planned by people, with pl-gen migrate diff.
func migrationsOf(root fs.FS, c *model.Context) ([]plan.File, []diag.Diagnostic, error) {
	_, err := fs.Stat(root, migrate.Dir(c.Name)+"/migrations.go")
	if errors.Is(err, fs.ErrNotExist) {
		files, err := migrate.Plan(root, c, migrate.Options{})
		return files, nil, err
	}
	if err != nil {
		return nil, nil, err
	}
	pending, err := migrate.Pending(root, c)
	var found []diag.Diagnostic
	for _, change := range pending {
		found = append(found, diag.New(diag.MigrationMissing, c.Pos, "no migration of "+c.Name+" says: "+change).Because(
			"the entities differ from the tables that the migrations lead to, so queries would fail",
			"run pl-gen migrate diff "+c.Name+" and commit what it writes"))
	}
	return nil, found, err
}
