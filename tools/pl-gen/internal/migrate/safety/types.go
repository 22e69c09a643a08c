package safety

import (
	"fmt"
	"strings"

	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/migrate/ddl"
)

func (j *judge) newType(a *ddl.Action) []finding {
	old, ok := ddl.Column{}, false
	if t := j.tables[a.Table]; t != nil {
		old, ok = t.Column(a.Column.Name)
	}
	place := a.Table + "." + a.Column.Name
	if !ok {
		return one(diag.MigrationType, "column "+place+" becomes "+a.Column.Type, typeCause, typeFix)
	}
	return j.typeChange(place, old.Type, a.Column.Type)
}

const (
	typeCause = "values that do not fit are cut, changed or make the migration fail, and the version of the program that runs beside the new one scans the old type"
	typeFix   = "add a column with a new name, write both, copy, read the new one, and drop the old one in a later release"
)

// typeChange judges a change of a column's type.
func (j *judge) typeChange(place, old, now string) []finding {
	dialect := "sqlite"
	if j.postgres {
		dialect = "postgres"
	}
	if normal(dialect, old) == normal(dialect, now) {
		return nil
	}
	change := fmt.Sprintf("column %s changes from %s to %s", place, old, now)
	switch w := widens(parseType(dialect, old), parseType(dialect, now)); {
	case w == same, w == wider && !j.postgres:
		return nil
	case w == wider:
		return one(diag.MigrationLock, change+", and the table is rewritten", rewriteCause,
			"add a column of the new type, write both, copy in small transactions, and drop the old one in a later release; "+
				"for a table that is small say so above the statement: -- pl:allow MIGRATION_LOCK how many rows it has")
	}
	return one(diag.MigrationType, change, typeCause, typeFix)
}

func parseType(dialect, name string) schema.Type {
	parse := sqlite.ParseType
	if dialect == "postgres" {
		parse = postgres.ParseType
	}
	t, err := parse(name)
	if err != nil {
		return nil
	}
	return t
}

// normal returns the name that the dialect itself uses for a type.
func normal(dialect, name string) string {
	format := sqlite.FormatType
	if dialect == "postgres" {
		format = postgres.FormatType
	}
	if t := parseType(dialect, name); t != nil {
		if text, err := format(t); err == nil {
			return strings.ToLower(text)
		}
	}
	return strings.ToLower(name)
}

type width int

const (
	other width = iota // values may not fit
	same               // stored alike
	wider              // every value fits, and is stored differently
)

// widens says what happens to values of the old type.
func widens(old, now schema.Type) width {
	switch old := old.(type) {
	case *schema.IntegerType:
		if now, ok := now.(*schema.IntegerType); ok && rank(old.T) < rank(now.T) {
			return wider
		}
	case *schema.FloatType:
		if now, ok := now.(*schema.FloatType); ok && rank(old.T) < rank(now.T) {
			return wider
		}
	case *schema.StringType:
		if now, ok := now.(*schema.StringType); ok && longer(old, now) {
			return same
		}
	case *schema.DecimalType:
		if now, ok := now.(*schema.DecimalType); ok && old.Scale == now.Scale && (now.Precision == 0 || now.Precision >= old.Precision) {
			return same
		}
	}
	return other
}

// rank orders the sizes of numbers.
func rank(name string) int {
	switch strings.ToLower(name) {
	case "smallint", "int2":
		return 1
	case "integer", "int", "int4", "real", "float4":
		return 2
	case "bigint", "int8", "double precision", "float8":
		return 3
	}
	return 0
}

func longer(old, now *schema.StringType) bool {
	if strings.HasPrefix(old.T, "char") && !strings.HasPrefix(old.T, "character varying") {
		return false // padded
	}
	return now.Size == 0 || old.Size > 0 && now.Size >= old.Size
}
