package migrate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"
)

// A dialect plans statements for one engine. Its name is the directory of its
// migrations.
type dialect struct {
	name   string
	types  map[Type]schema.ColumnType
	differ schema.Differ
	plan   migrate.PlanApplier
}

var dialects = []*dialect{
	{
		name: "sqlite", differ: sqlite.DefaultDiff, plan: sqlite.DefaultPlan,
		types: map[Type]schema.ColumnType{
			Text:   {Type: &schema.StringType{T: "text"}, Raw: "text"},
			Bool:   {Type: &schema.BoolType{T: "bool"}, Raw: "bool"},
			Int:    {Type: &schema.IntegerType{T: "integer"}, Raw: "integer"},
			Long:   {Type: &schema.IntegerType{T: "integer"}, Raw: "integer"},
			Float:  {Type: &schema.FloatType{T: "real"}, Raw: "real"},
			Double: {Type: &schema.FloatType{T: "real"}, Raw: "real"},
			Time:   {Type: &schema.TimeType{T: "datetime"}, Raw: "datetime"},
			Bytes:  {Type: &schema.BinaryType{T: "blob"}, Raw: "blob"},
			JSON:   {Type: &schema.JSONType{T: "json"}, Raw: "json"},
		},
	},
	{
		name: "postgres", differ: postgres.DefaultDiff, plan: postgres.DefaultPlan,
		types: map[Type]schema.ColumnType{
			Text:   {Type: &schema.StringType{T: "text"}, Raw: "text"},
			Bool:   {Type: &schema.BoolType{T: "boolean"}, Raw: "boolean"},
			Int:    {Type: &schema.IntegerType{T: "integer"}, Raw: "integer"},
			Long:   {Type: &schema.IntegerType{T: "bigint"}, Raw: "bigint"},
			Float:  {Type: &schema.FloatType{T: "real"}, Raw: "real"},
			Double: {Type: &schema.FloatType{T: "double precision"}, Raw: "double precision"},
			Time:   {Type: &schema.TimeType{T: "timestamp with time zone"}, Raw: "timestamp with time zone"},
			Bytes:  {Type: &schema.BinaryType{T: "bytea"}, Raw: "bytea"},
			JSON:   {Type: &schema.JSONType{T: "jsonb"}, Raw: "jsonb"},
		},
	},
}

// Dialects returns the names of the dialects, which are the directories of
// their migrations.
func Dialects() []string {
	var names []string
	for _, d := range dialects {
		names = append(names, d.name)
	}
	return names
}

// SQLType returns the type of a column in a dialect, "" for a dialect that is
// not known.
func SQLType(dialect string, t Type) string {
	for _, d := range dialects {
		if d.name == dialect {
			return d.types[t].Raw
		}
	}
	return ""
}

// statements returns what turns the one snapshot into the other.
func (d *dialect) statements(from, to Snapshot) ([]string, error) {
	changes, err := d.differ.SchemaDiff(d.schema(from), d.schema(to))
	if err != nil {
		return nil, fmt.Errorf("compare tables for %s: %w", d.name, err)
	}
	if len(changes) == 0 {
		return nil, nil
	}
	p, err := d.plan.PlanChanges(context.Background(), "", changes, indented)
	if err != nil {
		return nil, fmt.Errorf("plan changes for %s: %w", d.name, err)
	}
	var list []string
	for _, c := range p.Changes {
		if !strings.HasPrefix(c.Cmd, "PRAGMA") { // it has no effect in a transaction, and there are no foreign keys
			list = append(list, c.Cmd)
		}
	}
	return list, nil
}

func indented(o *migrate.PlanOptions) { o.Indent = "  " }

func (d *dialect) schema(s Snapshot) *schema.Schema {
	out := schema.New("")
	for _, t := range s.Tables {
		out.AddTables(d.table(t))
	}
	return out
}

func (d *dialect) table(t Table) *schema.Table {
	out := schema.NewTable(t.Name)
	columns := map[string]*schema.Column{}
	for _, c := range t.Columns {
		columns[c.Name] = d.column(c)
		out.AddColumns(columns[c.Name])
		if c.Key {
			out.SetPrimaryKey(schema.NewPrimaryKey(columns[c.Name]))
		}
	}
	for _, i := range t.Indexes {
		index := schema.NewIndex(i.Name).SetUnique(i.Unique)
		for _, name := range i.Columns {
			index.AddColumns(columns[name])
		}
		out.AddIndexes(index)
	}
	return out
}

func (d *dialect) column(c Column) *schema.Column {
	columnType := d.types[c.Type]
	columnType.Null = c.Null
	out := schema.NewColumn(c.Name)
	out.Type = &columnType
	if c.Default != "" {
		out.SetDefault(&schema.Literal{V: c.Default})
	}
	return out
}

// maxIdentifier is how long names in PostgreSQL may be.
const maxIdentifier = 63

// indexName names an index after its table and columns, as PostgreSQL does.
func indexName(table string, unique bool, columns []string) string {
	suffix := "_idx"
	if unique {
		suffix = "_key"
	}
	name := table + "_" + strings.Join(columns, "_") + suffix
	if len(name) <= maxIdentifier {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return name[:maxIdentifier-13] + "_" + hex.EncodeToString(sum[:4]) + suffix
}
