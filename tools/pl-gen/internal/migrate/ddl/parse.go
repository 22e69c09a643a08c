package ddl

import (
	"slices"
	"strings"
)

// A parser reads the tokens of one statement.
type parser struct {
	list []token
	pos  int
}

func (p *parser) done() bool { return p.pos >= len(p.list) }

func (p *parser) peek() token {
	if p.done() {
		return token{kind: sign}
	}
	return p.list[p.pos]
}

// accept goes over the words, given with spaces between them, when they are
// what comes next.
func (p *parser) accept(words string) bool {
	n := 0
	for w := range strings.FieldsSeq(words) {
		i := p.pos + n
		if i >= len(p.list) || p.list[i].text != w || p.list[i].kind != word && p.list[i].kind != sign {
			return false
		}
		n++
	}
	p.pos += n
	return true
}

// acceptAny goes over the first of the alternatives that comes next.
func (p *parser) acceptAny(alternatives ...string) bool {
	return slices.ContainsFunc(alternatives, p.accept)
}

// name reads a name, of which the schema is left out.
func (p *parser) name() string {
	t := p.peek()
	if t.kind != word && t.kind != quoted {
		return ""
	}
	p.pos++
	for p.accept(".") {
		t = p.peek()
		p.pos++
	}
	return t.text
}

// clause returns a parser of what comes up to the next comma or closing
// parenthesis on this level, and goes over that.
func (p *parser) clause() *parser {
	start, depth := p.pos, 0
	for ; !p.done(); p.pos++ {
		t := p.peek()
		switch {
		case t.kind != sign:
		case t.text == "(":
			depth++
		case t.text == ")" && depth > 0:
			depth--
		case depth == 0 && (t.text == "," || t.text == ")" || t.text == ";"):
			return &parser{list: p.list[start:p.pos]}
		}
	}
	return &parser{list: p.list[start:p.pos]}
}

// clauses returns the clauses up to the closing parenthesis, or the end.
func (p *parser) clauses() []*parser {
	var list []*parser
	for {
		list = append(list, p.clause())
		if !p.accept(",") {
			p.accept(")")
			return list
		}
	}
}

// has reports whether the words stand anywhere in the rest, in any nesting.
func (p *parser) has(words string) bool {
	for q := (parser{p.list, p.pos}); !q.done(); q.pos++ {
		if q.accept(words) {
			return true
		}
	}
	return false
}

func (p *parser) at() int { return p.peek().at }

// words returns the next n words as they are read aloud.
func (p *parser) words(n int) string {
	var list []string
	for _, t := range p.list[p.pos:min(len(p.list), p.pos+n)] {
		if t.kind == word {
			list = append(list, strings.ToUpper(t.text))
		}
	}
	return strings.Join(list, " ")
}

// parse returns what a statement does; at least one action.
func parse(list []token) []Action {
	p := &parser{list: list}
	at := p.at()
	what := p.words(2)
	actions := p.statement()
	if len(actions) == 0 {
		actions = []Action{{Verb: Opaque}}
	}
	for i := range actions {
		if actions[i].At == 0 {
			actions[i].At = at
		}
		if actions[i].What == "" {
			actions[i].What = what
		}
	}
	return actions
}

func (p *parser) statement() []Action {
	switch {
	case p.accept("create"):
		return p.create()
	case p.accept("alter table"):
		return p.alterTable()
	case p.accept("drop"):
		return p.drop()
	case p.acceptAny("insert into", "insert or replace into", "insert or ignore into"):
		return p.insert()
	case p.accept("update"):
		p.accept("only")
		return []Action{{Verb: Update, Table: p.name(), Where: p.has("where"), What: "UPDATE"}}
	case p.accept("delete from"):
		p.accept("only")
		return []Action{{Verb: Delete, Table: p.name(), Where: p.has("where"), What: "DELETE"}}
	case p.accept("truncate"):
		p.accept("table")
		p.accept("only")
		return p.each(Truncate)
	}
	return p.other()
}

// other reads statements that are no part of what describes tables.
func (p *parser) other() []Action {
	switch {
	case p.acceptAny("set local", "set constraints", "comment on", "analyze", "grant", "revoke", "alter sequence", "alter index", "select", "create sequence",
		"create extension", "set transaction"):
		return []Action{{Verb: Harmless}}
	case p.acceptAny("begin", "start transaction", "commit", "end", "rollback", "savepoint", "release", "vacuum", "set", "reset", "discard", "pragma",
		"attach", "detach", "alter system", "checkpoint", "listen", "notify"):
		return []Action{{Verb: Session}}
	case p.acceptAny("cluster", "lock table", "lock", "reindex table", "reindex index", "reindex"):
		return []Action{{Verb: Rewrite, Table: p.name()}}
	}
	return nil
}

// each returns one action for each of the names that come next.
func (p *parser) each(verb Verb) []Action {
	var list []Action
	for {
		at := p.at()
		name := p.name()
		if name == "" {
			return list
		}
		list = append(list, Action{Verb: verb, Table: name, At: at})
		if !p.accept(",") {
			return list
		}
	}
}

func (p *parser) drop() []Action {
	switch {
	case p.accept("table"):
		p.accept("if exists")
		return p.each(DropTable)
	case p.accept("index"):
		return p.dropIndex()
	case p.acceptAny("schema", "database"):
		return []Action{{Verb: DropTable, Table: "", What: p.describe(2)}}
	case p.acceptAny("trigger", "view", "function", "sequence", "type", "extension", "policy", "materialized view"):
		return []Action{{Verb: Harmless}}
	}
	return nil
}

// describe returns the first n words of the statement, and the name after
// them.
func (p *parser) describe(n int) string {
	p.accept("if exists")
	return (&parser{list: p.list}).words(n) + " " + p.name()
}

func (p *parser) dropIndex() []Action {
	concurrently := p.accept("concurrently")
	p.accept("if exists")
	if concurrently {
		return []Action{{Verb: Session, What: "DROP INDEX CONCURRENTLY"}}
	}
	list := p.each(DropIndex)
	for i := range list {
		list[i].Index.Name, list[i].Table = list[i].Table, ""
	}
	return list
}

// insert reads INSERT ... SELECT ... FROM one table.
func (p *parser) insert() []Action {
	a := Action{Verb: Insert, Table: p.name(), What: "INSERT"}
	for ; !p.done(); p.pos++ {
		if p.accept("from") {
			a.Source = p.name()
			break
		}
	}
	return []Action{a}
}
