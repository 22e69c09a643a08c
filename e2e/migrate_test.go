//go:build unix

package e2e

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/pulselearn/campus-hub/internal/pgtest"
)

// TestMigrateApply brings databases up to date as operators do, where there is
// no Go: look, run, look again.
func TestMigrateApply(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	original, err := generator()
	if err != nil {
		t.Fatal(err)
	}
	copyProgram(t, original, filepath.Join(dir, "pl-gen"))
	copyProgram(t, filepath.Join(build(t, "", "hub"), "hub"), filepath.Join(dir, "hub"))
	apply := func(code int, database string, args ...string) string {
		t.Helper()
		args = append([]string{"--root", "..", "migrate", "apply", "quiz"}, args...)
		cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "pl-gen"), args...)
		cmd.Env = []string{"PATH=" + dir, "PL_DATABASE_URL_QUIZ=" + database}
		out, err := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != code {
			t.Fatalf("exit code %d, want %d (%v):\n%s", got, code, err, out)
		}
		return string(out)
	}
	for dialect, database := range map[string]string{"sqlite": filepath.Join(dir, "quiz.db"), "postgres": pgtest.URL(t)} {
		expect(t, apply(0, database, "--dry-run"), "-- "+dialect+"/0001_init.sql of the context", "CREATE TABLE")
		expect(t, apply(0, database), "quiz: ran "+dialect+"/0001_init.sql of the context in", "migrations were run")
		expect(t, apply(0, database), "the database of quiz is up to date")
	}
	expect(t, apply(1, "postgres://127.0.0.1:1/none"), "reach the database")
}
