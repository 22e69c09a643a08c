package ddl

import (
	"slices"
	"strings"
)

func (p *parser) create() []Action {
	temporary := p.acceptAny("temp", "temporary")
	p.accept("unlogged")
	if p.accept("table") {
		if temporary {
			return []Action{{Verb: Harmless}}
		}
		return p.createTable()
	}
	switch {
	case p.accept("unique index"):
		return p.createIndex(true)
	case p.accept("index"):
		return p.createIndex(false)
	case p.acceptAny("or replace view", "or replace function", "view", "function", "sequence", "type", "extension", "policy", "domain"):
		return []Action{{Verb: Harmless}}
	case p.acceptAny("database", "tablespace", "subscription"):
		return []Action{{Verb: Session}}
	}
	return nil
}

func (p *parser) createTable() []Action {
	p.accept("if not exists")
	a := Action{Verb: CreateTable, Table: p.name(), What: "CREATE TABLE"}
	if !p.accept("(") {
		return nil // CREATE TABLE ... AS, or PARTITION OF
	}
	var keys []string
	actions := []Action{a}
	for _, c := range p.clauses() {
		if c.constraint() {
			keys = append(keys, c.primaryKey()...)
			actions = append(actions, c.tableConstraint(a.Table)...)
			continue
		}
		column := c.column()
		actions[0].Columns = append(actions[0].Columns, column)
	}
	for i := range actions[0].Columns {
		c := &actions[0].Columns[i]
		c.Key = c.Key || slices.Contains(keys, c.Name)
		c.NotNull = c.NotNull || c.Key
	}
	return actions
}

// constraint reports whether a constraint comes next, and not a column.
func (p *parser) constraint() bool {
	if p.peek().kind != word {
		return false
	}
	q := parser{p.list, p.pos}
	return q.acceptAny("constraint", "primary key", "unique (", "unique nulls", "check (", "foreign key", "exclude", "like")
}

// primaryKey returns the columns of PRIMARY KEY (...), and reads nothing.
func (p *parser) primaryKey() []string {
	q := parser{p.list, p.pos}
	if q.accept("constraint") {
		q.name()
	}
	if !q.accept("primary key (") {
		return nil
	}
	var names []string
	for _, c := range q.clauses() {
		names = append(names, c.name())
	}
	return names
}

// tableConstraint reads [CONSTRAINT name] and what follows.
func (p *parser) tableConstraint(table string) []Action {
	a := Action{Verb: AddConstraint, Table: table, At: p.at()}
	if p.accept("constraint") {
		a.Index.Name = p.name()
	}
	switch ready := p.has("using index"); {
	case p.accept("primary key"):
		a.What, a.Index.Unique = "PRIMARY KEY", !ready
	case p.accept("unique"):
		a.What, a.Index.Unique = "UNIQUE", !ready
	case p.accept("foreign key"):
		a.What, a.Scans = "FOREIGN KEY", !p.has("not valid")
	case p.accept("check"):
		a.What, a.Scans = "CHECK", !p.has("not valid")
	case p.accept("exclude"):
		a.What, a.Scans = "EXCLUDE", true
	default:
		a.Verb = Opaque // LIKE another table
	}
	return []Action{a}
}

// columnEnds are the words at which the type of a column ends.
var columnEnds = []string{"not", "null", "default", "primary", "unique", "references", "check", "collate", "generated", "constraint", "autoincrement", "using", "storage"}

// column reads a name, a type and constraints.
func (p *parser) column() Column {
	c := Column{Name: p.name(), Type: p.typeName()}
	serial := strings.HasSuffix(c.Type, "serial")
	c.NotNull, c.Volatile, c.Default = serial, serial, serial
	for !p.done() {
		switch {
		case p.accept("not null"):
			c.NotNull = true
		case p.accept("primary key"):
			c.Key, c.NotNull = true, true
		case p.accept("default"):
			c.Default = true
			c.Volatile = p.volatile()
		case p.accept("generated"):
			c.Default = true
			c.Volatile = p.has("stored") || p.has("identity")
		default:
			p.pos++
		}
	}
	return c
}

// typeName reads a type up to the first constraint.
func (p *parser) typeName() string {
	var b strings.Builder
	for depth := 0; !p.done(); p.pos++ {
		t := p.peek()
		if depth == 0 && t.kind == word && slices.Contains(columnEnds, t.text) {
			break
		}
		if b.Len() > 0 && t.kind != sign && b.String()[b.Len()-1] != '(' && b.String()[b.Len()-1] != ',' {
			b.WriteByte(' ')
		}
		if t.kind == sign && t.text == "(" {
			depth++
		} else if t.kind == sign && t.text == ")" {
			depth--
		}
		b.WriteString(t.text)
	}
	return b.String()
}

// steady are functions that have one value within a statement.
var steady = []string{"now", "current_timestamp", "current_date", "transaction_timestamp", "statement_timestamp", "datetime", "date"}

// volatile reports whether the default that comes next calls a function whose
// value differs from row to row, as far as can be seen. It reads nothing.
func (p *parser) volatile() bool {
	for i := p.pos; i+1 < len(p.list); i++ {
		t := p.list[i]
		if t.kind == word && p.list[i+1].text == "(" && !slices.Contains(steady, t.text) && t.text != "check" && t.text != "references" {
			return true
		}
	}
	return false
}

func (p *parser) createIndex(unique bool) []Action {
	a := Action{Verb: CreateIndex, What: "CREATE INDEX", Index: Index{Unique: unique}}
	if unique {
		a.What = "CREATE UNIQUE INDEX"
	}
	a.Index.Concurrently = p.accept("concurrently")
	p.accept("if not exists")
	if q := (parser{p.list, p.pos}); !q.accept("on") {
		a.Index.Name = p.name()
	}
	if !p.accept("on") {
		return nil
	}
	p.accept("only")
	a.Table = p.name()
	return []Action{a}
}
