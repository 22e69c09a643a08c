package telemetry_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

const runbooks = "../../docs/runbooks"

// Every alert is about metrics that there are, and has a page that names it.
func TestAlerts(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(runbooks, "alerts.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Annotations struct{ Summary, Runbook string }
			}
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	known, rules := metrics(t), 0
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			rules++
			for _, name := range regexp.MustCompile(`\bpl_[a-z_]+`).FindAllString(r.Expr, -1) {
				if !known[name] {
					t.Errorf("%s: no process has the metric %s", r.Alert, name)
				}
			}
			page, err := os.ReadFile(filepath.Join(runbooks, r.Annotations.Runbook))
			if err != nil || r.Annotations.Summary == "" {
				t.Errorf("%s: summary %q, page: %v", r.Alert, r.Annotations.Summary, err)
			} else if !strings.Contains(string(page), r.Alert) {
				t.Errorf("%s does not say what to do about %s", r.Annotations.Runbook, r.Alert)
			}
		}
	}
	if rules < 10 {
		t.Errorf("%d rules", rules)
	}
}

var instrument = regexp.MustCompile(`(mk\.\w+|m\.\w+)\("(pl\.[a-z_.]+)"(?:, metric\.WithUnit\("(s)"\))?`)

// metrics returns the names of this package's instruments as Prometheus has
// them.
func metrics(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range instrument.FindAllStringSubmatch(string(text), -1) {
			name := strings.ReplaceAll(m[2], ".", "_")
			switch {
			case m[1] == "mk.counter":
				name += "_total"
			case m[1] == "mk.seconds" || m[1] == "mk.gaugeSeconds" || m[3] == "s":
				name += "_seconds"
			}
			names[name] = true
		}
	}
	return names
}
