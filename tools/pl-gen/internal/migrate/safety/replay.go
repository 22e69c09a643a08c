package safety

import (
	"errors"
	"strings"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/migrate/ddl"
)

// A finding is one before it has a place that people can read.
type finding struct {
	rule                diag.Rule
	message, cause, fix string
	at                  int
}

// replay runs the files in memory and judges those that are new.
func (h *history) replay() {
	for _, f := range h.files {
		if f.err != nil {
			h.unsure = true
			at := 0
			if syntax, ok := errors.AsType[*ddl.SyntaxError](f.err); ok {
				at = syntax.At
			}
			h.report(f, finding{diag.MigrationSyntax, "the file cannot be taken apart into statements: " + f.err.Error(), "the database would refuse the file, or take it apart differently",
				"close the quote, comment or parenthesis", at})
		}
		j := &judge{postgres: h.dialect == "postgres", tables: h.tables, born: map[string]bool{}, file: f.File}
		for i := range f.Statements {
			found := j.statement(i)
			if f.fresh {
				h.allow(f, &f.Statements[i], found)
			}
		}
		h.unsure = h.unsure || j.unsure
	}
}

// directive is how a comment begins that allows what a rule finds.
const directive = "pl:allow"

// allow reports what the comments above the statement do not allow, and
// comments that allow nothing.
func (h *history) allow(f *file, s *ddl.Statement, found []finding) {
	allowed := map[diag.Rule]bool{}
	for _, c := range s.Comments {
		rest, ok := strings.CutPrefix(c.Text, directive)
		if !ok {
			continue
		}
		words := strings.Fields(rest)
		if problem := faultOf(words, found); problem != "" {
			h.report(f, finding{diag.MigrationAllow, problem, "a waiver is read by the people who run the migration, and has to be true",
				"write \"-- pl:allow RULE reason\" right above the statement that the rule is about, or remove the line", c.At})
			continue
		}
		allowed[diag.Rule(words[0])] = true
	}
	for _, one := range found {
		if !allowed[one.rule] {
			h.report(f, one)
		}
	}
}

func faultOf(words []string, found []finding) string {
	if len(words) == 0 {
		return "pl:allow names no rule"
	}
	rule := diag.Rule(words[0])
	if !Waivable(rule) {
		return "pl:allow names " + words[0] + ", which is no rule that a migration may break"
	}
	if len(words) < 2 {
		return "pl:allow " + words[0] + " has no reason"
	}
	for _, f := range found {
		if f.rule == rule {
			return ""
		}
	}
	return "pl:allow " + words[0] + " allows nothing: the statement below does not break the rule"
}

// Waivable reports whether a comment in a migration may allow what the rule
// finds.
func Waivable(rule diag.Rule) bool {
	switch rule {
	case diag.MigrationDrop, diag.MigrationRename, diag.MigrationType, diag.MigrationRequired, diag.MigrationUnique,
		diag.MigrationLock, diag.MigrationOpaque:
		return true
	}
	return false
}
