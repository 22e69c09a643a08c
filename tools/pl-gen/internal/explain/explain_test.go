package explain

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/compat/history"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/compat/review"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/lint"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/migrate/safety"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

var update = flag.Bool("update", false, "write what pl-gen says into the pages")

// outside are the rules that are not about contracts alone; the tests of
// packages cli, plan and scaffold break them.
var outside = map[diag.Rule]bool{
	diag.FileClash: true, diag.GenStale: true, diag.BufLint: true, diag.HandlerOrphan: true, diag.MigrationMissing: true, diag.MuseumMissing: true,
	diag.BufBreaking: true,
}

func TestEveryRuleHasAPage(t *testing.T) {
	for _, info := range diag.Rules() {
		p, err := Find(info.Rule)
		if err != nil {
			t.Error(err)
			continue
		}
		if p.Why == "" || p.Fix == "" {
			t.Errorf("%s: the page lacks a why or a fix", info.Rule)
		}
		if !outside[info.Rule] && (len(p.Bad) == 0 || len(p.Good) == 0 || p.Want == "") {
			t.Errorf("%s: the page lacks an example, or what pl-gen says about it", info.Rule)
		}
	}
}

func TestEveryPageHasARule(t *testing.T) {
	files, err := pages.ReadDir("rules")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if rule := diag.Rule(strings.TrimSuffix(f.Name(), ".txtar")); !rule.Known() {
			t.Errorf("%s explains a rule that is not in the catalogue", f.Name())
		}
	}
}

func TestBadExamplesGiveTheFindingsShown(t *testing.T) {
	for _, info := range diag.Rules() {
		if outside[info.Rule] {
			continue
		}
		t.Run(string(info.Rule), func(t *testing.T) {
			p := find(t, info.Rule)
			got, rules := findings(t, p.Old, p.Bad)
			if !rules[info.Rule] {
				t.Errorf("the bad example does not break the rule; findings:\n%s", got)
			}
			if *update {
				rewrite(t, info.Rule, got)
				return
			}
			if got != p.Want {
				t.Errorf("%s", diff.Diff("want", []byte(p.Want), "got", []byte(got)))
			}
		})
	}
}

func TestGoodExamplesGiveNoFindings(t *testing.T) {
	for _, info := range diag.Rules() {
		if outside[info.Rule] {
			continue
		}
		t.Run(string(info.Rule), func(t *testing.T) {
			p := find(t, info.Rule)
			if got, _ := findings(t, p.Old, p.Good); got != "" {
				t.Errorf("the good example has findings:\n%s", got)
			}
		})
	}
}

func find(t *testing.T, rule diag.Rule) *Page {
	t.Helper()
	p, err := Find(rule)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// findings lays an example over the base repository and returns what pl-gen
// says, as text and as rules; with old, also about the change.
func findings(t *testing.T, old, example []txtar.File) (string, map[diag.Rule]bool) {
	t.Helper()
	set, found, err := source.Load(repository(t, example))
	if err != nil {
		t.Fatal(err)
	}
	m, more := model.Build(set)
	found = append(append(found, more...), lint.Check(set, m)...)
	found = append(lint.Waive(set, found), changes(t, old, set, m)...)
	found = diag.Sort(append(found, migrations(t, old, example)...))
	var b bytes.Buffer
	if err := diag.Render(&b, diag.Text, found); err != nil {
		t.Fatal(err)
	}
	rules := map[diag.Rule]bool{}
	for _, d := range found {
		rules[d.Rule] = true
		if d.Cause == "" || d.Fix == "" || d.Pos.Line == 0 {
			t.Errorf("a finding lacks its place, cause or fix: %+v", d)
		}
	}
	return b.String(), rules
}

// changes returns the findings about the change from old.
func changes(t *testing.T, old []txtar.File, set *source.Set, m *model.Model) []diag.Diagnostic {
	t.Helper()
	if len(old) == 0 {
		return nil
	}
	base, err := history.Tree("before", repository(t, old))
	if err != nil {
		t.Fatal(err)
	}
	found, err := review.Contracts(context.Background(), base, set, m)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// migrations returns the findings about migrations, which are those of old and
// of the example: they only grow.
func migrations(t *testing.T, old, example []txtar.File) []diag.Diagnostic {
	t.Helper()
	found, err := safety.Check(repository(t, slices.Concat(old, example)), repository(t, old))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func repository(t *testing.T, example []txtar.File) fstest.MapFS {
	t.Helper()
	base, err := txtar.ParseFile("testdata/base.txtar")
	if err != nil {
		t.Fatal(err)
	}
	const options = "contracts/proto/pl/options/v1/options.proto"
	text, err := os.ReadFile(filepath.Join("../../../..", options))
	if err != nil {
		t.Fatal(err)
	}
	fsys := fstest.MapFS{options: {Data: text}}
	for _, f := range append(base.Files, example...) {
		if len(f.Data) == 0 {
			delete(fsys, f.Name)
			continue
		}
		fsys[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	return fsys
}

// rewrite replaces the section "want" of a page.
func rewrite(t *testing.T, rule diag.Rule, want string) {
	t.Helper()
	name := filepath.Join("rules", string(rule)+".txtar")
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range archive.Files {
		if f.Name == "want" {
			archive.Files[i].Data = []byte(want)
		}
	}
	if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}
