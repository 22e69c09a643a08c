package register_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/register"
)

var update = flag.Bool("update", false, "write what is printed into testdata")

// TestReports compares what people and programs see with testdata/report.*.
func TestReports(t *testing.T) {
	l := &lab{T: t, registry: open(t, embedded(t)), context: "school"}
	l.apply(l.events(map[string]string{"opened": one, "closed": strings.Replace(one, `"key"`, `"compat":"FULL","key"`, 1), "kept": one}))
	events := l.events(map[string]string{
		"opened": `"pl":{"key":"number"},"fields":[{"name":"number","type":"int"}]`, "closed": one, "kept": one, "new": one})
	report := register.Report{Registry: "http://registry.example.org", Env: "staging", DryRun: true, Plan: l.plan(events)}
	var text, json strings.Builder
	if err := report.Text(&text); err != nil {
		t.Fatal(err)
	}
	if err := report.JSON(&json); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/report.txt", text.String())
	golden(t, "testdata/report.json", json.String())
}

// TestRefusedReportClaimsNothing prints a plan that was to be applied and was
// refused: what could have been registered was not.
func TestRefusedReportClaimsNothing(t *testing.T) {
	l := &lab{T: t, registry: open(t, embedded(t)), context: "school"}
	l.apply(l.events(map[string]string{"opened": one}))
	plan := l.plan(l.events(map[string]string{"opened": `"pl":{"key":"number"},"fields":[{"name":"number","type":"int"}]`, "closed": one}))
	var text strings.Builder
	if err := (register.Report{Plan: plan}).Text(&text); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text.String(), "registered version") || !strings.Contains(text.String(), "would register version 1") {
		t.Errorf("the report is\n%s", text.String())
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s", diff.Diff(path, want, "got", []byte(got)))
	}
}
