//go:build unix

package e2e

import (
	"path/filepath"
	"testing"

	"github.com/pulselearn/campus-hub/internal/pgtest"
)

// TestMigrateApply brings databases up to date as operators do: look, run,
// look again; then a process that does not migrate is content with them.
func TestMigrateApply(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]string{"sqlite": filepath.Join(t.TempDir(), "quiz.db"), "postgres": pgtest.URL(t)} {
		out := runPlGen(t, 0, "..", "migrate", "apply", "quiz", "--database", database, "--dry-run")
		expect(t, out, "-- "+name+"/0001_init.sql of the context", `CREATE TABLE`)
		expect(t, runPlGen(t, 0, "..", "migrate", "apply", "quiz", "--database", database),
			"quiz: ran "+name+"/0001_init.sql of the context in", "migrations were run")
		expect(t, runPlGen(t, 0, "..", "migrate", "apply", "quiz", "--database", database), "the database of quiz is up to date")
	}
	expect(t, runPlGen(t, 1, "..", "migrate", "apply", "quiz", "--database", "postgres://127.0.0.1:1/none"), "reach the database")
}
