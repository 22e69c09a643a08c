// Package entity emits the Ent client of each context's own database. Ent's
// graph is built in process from the model, one context at a time; there is no
// schema package on disk.
package entity

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"

	"entgo.io/ent/entc/gen"
	"entgo.io/ent/entc/load"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
)

// Emitter is the name under which the manifest lists the files of this
// package.
const Emitter = "entity"

// Dir returns the directory of a context's Ent client, relative to the
// repository's root.
func Dir(context string) string { return "gen/ent/" + context }

// Emit returns the Ent client of one context, nothing for a context without
// entities. The result depends on nothing but the arguments.
func Emit(module string, c *model.Context) ([]plan.File, error) {
	if len(c.Entities) == 0 {
		return nil, nil
	}
	schemas, err := schemasOf(c)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pl-gen-ent-")
	if err != nil {
		return nil, fmt.Errorf("make room for ent's files of %s: %w", c.Name, err)
	}
	defer os.RemoveAll(dir)
	if err := generate(dir, module+"/"+Dir(c.Name), schemas); err != nil {
		return nil, fmt.Errorf("generate the ent client of %s: %w", c.Name, err)
	}
	return collect(dir, Dir(c.Name))
}

func schemasOf(c *model.Context) ([]*load.Schema, error) {
	schemas := make([]*load.Schema, len(c.Entities))
	for i, e := range c.Entities {
		s, err := schemaOf(e)
		if err != nil {
			return nil, fmt.Errorf("entity %s.%s: %w", c.Name, e.Name, err)
		}
		schemas[i] = s
	}
	return schemas, nil
}

// entMu guards Ent's generator, which keeps its templates in package
// variables.
var entMu sync.Mutex

func generate(dir, pkg string, schemas []*load.Schema) error {
	entMu.Lock()
	defer entMu.Unlock()
	dropUnused()
	graph, err := gen.NewGraph(&gen.Config{
		Package:  pkg,
		Target:   dir,
		Storage:  storage(),
		Features: []gen.Feature{gen.FeatureUpsert},
	}, schemas...)
	if err != nil {
		return err
	}
	return graph.Gen()
}

// storage is Ent's SQL storage without its migrations: ours are planned by
// package migrate and applied by platform/tx.
func storage() *gen.Storage {
	sql, err := gen.NewStorage("sql")
	if err != nil {
		panic(err) // "sql" is built in
	}
	own := *sql
	own.SchemaMode &^= gen.Migrate
	return &own
}

// unused are the files that nothing of ours needs: hooks and interceptors have
// no place in a handler's transaction, and tests use platformtest.
var unused = map[string]bool{
	"hook": true, "enttest": true, "runtime/ent": true, "runtime/pkg": true,
}

var dropUnused = sync.OnceFunc(func() {
	kept := gen.GraphTemplates[:0:0]
	for _, t := range gen.GraphTemplates {
		if !unused[t.Name] {
			kept = append(kept, t)
		}
	}
	gen.GraphTemplates = kept
})

func collect(dir, target string) ([]plan.File, error) {
	var files []plan.File
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		files = append(files, plan.File{
			Path: path.Join(target, filepath.ToSlash(rel)), Content: content, Emitter: Emitter,
		})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read ent's files: %w", err)
	}
	return files, nil
}
