package entity

import (
	"fmt"
	"strings"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// Check returns what keeps entities from becoming an Ent client: names that Go
// or Ent has taken, and types that have no column.
func Check(m *model.Model) []diag.Diagnostic {
	var found []diag.Diagnostic
	for _, c := range m.Contexts {
		packages := map[string]string{}
		for _, e := range c.Entities {
			found = append(found, checkName(e, packages)...)
			found = append(found, checkColumns(e)...)
		}
	}
	return found
}

func checkName(e *model.Entity, packages map[string]string) []diag.Diagnostic {
	pkg := PackageName(e.Name)
	if other, ok := packages[pkg]; ok {
		return []diag.Diagnostic{diag.New(diag.GoName, e.Pos, fmt.Sprintf("the entities %s and %s are one Go package, %s", other, e.Name, pkg)).Because(
			"an entity's predicates are in a package with its name in lower case", "rename one of them")}
	}
	packages[pkg] = e.Name
	if err := CheckName(e.Name); err != nil {
		return []diag.Diagnostic{diag.New(diag.GoName, e.Pos, fmt.Sprintf("%s cannot name an entity: %s", e.Name, strings.TrimPrefix(err.Error(), "schema "))).Because(
			"the name is taken by Go or by the database layer", "choose a word that says more, for example Course"+e.Name)}
	}
	return nil
}

func checkColumns(e *model.Entity) []diag.Diagnostic {
	var found []diag.Diagnostic
	for _, c := range e.Fields {
		if _, err := typeOf(c); err != nil {
			found = append(found, diag.New(diag.EntityColumn, c.Pos, fmt.Sprintf("%s.%s cannot be stored: %v", e.Name, c.Name, err)).Because(
				"no column type keeps every value of it", "use another type, or make an entity of its own"))
		}
	}
	return found
}
