package ddl

func (p *parser) alterTable() []Action {
	p.accept("if exists")
	p.accept("only")
	table := p.name()
	var list []Action
	for _, c := range p.clauses() {
		if c.done() {
			return nil
		}
		at, what := c.at(), c.words(3)
		actions := c.alteration()
		if len(actions) == 0 {
			actions = []Action{{Verb: Opaque, What: "ALTER TABLE ... " + what}}
		}
		for _, a := range actions {
			a.Table, a.At = table, at
			list = append(list, a)
		}
	}
	return list
}

// alteration reads one clause of ALTER TABLE.
func (p *parser) alteration() []Action {
	switch {
	case p.accept("add"):
		return p.addition()
	case p.accept("drop constraint"):
		return []Action{{Verb: Harmless}}
	case p.accept("drop"):
		p.accept("column")
		p.accept("if exists")
		return []Action{{Verb: DropColumn, Column: Column{Name: p.name()}}}
	case p.accept("alter"):
		p.accept("column")
		return p.alterColumn(p.name())
	case p.accept("rename"):
		return p.rename()
	case p.acceptAny("validate constraint", "owner to", "enable", "disable", "set (", "reset (", "attach partition", "replica identity"):
		return []Action{{Verb: Harmless}}
	}
	return nil
}

func (p *parser) addition() []Action {
	if p.constraint() {
		return p.tableConstraint("")
	}
	p.accept("column")
	p.accept("if not exists")
	unique := p.has("unique") || p.has("primary key")
	checked := p.has("references") || p.has("check (")
	c := p.column()
	actions := []Action{{Verb: AddColumn, Column: c}}
	if unique {
		actions = append(actions, Action{Verb: AddConstraint, What: "UNIQUE", Index: Index{Unique: true}})
	}
	if checked && c.Default {
		actions = append(actions, Action{Verb: AddConstraint, What: "REFERENCES or CHECK", Scans: true})
	}
	return actions
}

func (p *parser) alterColumn(name string) []Action {
	a := Action{Column: Column{Name: name}}
	switch {
	case p.acceptAny("set data type", "type"):
		a.Verb, a.Column.Type = SetType, p.typeName()
	case p.accept("set not null"):
		a.Verb = SetNotNull
	case p.accept("drop not null"):
		a.Verb = DropNotNull
	case p.accept("set default"):
		a.Verb = SetDefault
	case p.accept("drop default"):
		a.Verb = DropDefault
	case p.acceptAny("set statistics", "set (", "set storage"):
		a.Verb = Harmless
	default:
		return nil
	}
	return []Action{a}
}

func (p *parser) rename() []Action {
	switch {
	case p.accept("to"):
		return []Action{{Verb: RenameTable, To: p.name()}}
	case p.accept("constraint"):
		return []Action{{Verb: Harmless}}
	}
	p.accept("column")
	a := Action{Verb: RenameColumn, Column: Column{Name: p.name()}}
	if !p.accept("to") {
		return nil
	}
	a.To = p.name()
	return []Action{a}
}
