package avro

// recheckDefaults checks the defaults again when every reference is resolved.
// Java does it while it copies the schema, inner types first, and refuses a
// default whose check needs the fields of a record that is not copied yet, so
// the order of the copy decides (Java's SchemaResolver.ResolvingVisitor).
func (p *parser) recheckDefaults(root *Schema) {
	if len(p.forward) == 0 || len(p.defaults) == 0 {
		return
	}
	c := &copier{parser: p, started: map[*Schema]bool{}, unset: map[*Schema]bool{}}
	for _, s := range p.order {
		c.unset[s] = s.Kind == Record
	}
	for _, s := range append(p.order, root) {
		c.copy(s, map[*Schema]bool{})
	}
}

// A copier follows Java's copy of a schema.
type copier struct {
	parser         *parser
	started, unset map[*Schema]bool
	steps          int
}

// copy visits what is in s. A reference that was open begins a visit of its
// own, which goes again into records that are underway.
func (c *copier) copy(s *Schema, seen map[*Schema]bool) {
	if c.steps++; seen[s] || c.started[s] && !c.unset[s] || c.steps > maxCopySteps {
		return
	}
	seen[s], c.started[s] = true, s.Kind == Record
	for _, part := range c.parts(s) {
		switch {
		case !part.late:
			c.copy(part.schema, seen)
		case part.schema.Kind == Record && !c.started[part.schema]:
			c.copy(part.schema, map[*Schema]bool{})
		}
	}
	if c.unset[s] {
		c.setFields(s)
	}
}

// maxCopySteps bounds the work on one text; real schemas need a few thousand.
const maxCopySteps = 1 << 18

func (c *copier) setFields(s *Schema) {
	for _, f := range s.Fields {
		c.check(f)
	}
	delete(c.unset, s)
}

func (c *copier) check(f *Field) {
	d, has := c.parser.defaults[f]
	if !has {
		return
	}
	if _, ok := floatText(f.Type, d); ok {
		return
	}
	check := &defaultCheck{memo: map[defaultCase]bool{}, unset: c.unset}
	if !check.valid(f.Type, d) || c.steps > maxCopySteps {
		c.parser.badDefault(f, d, check.steps > maxDefaultSteps || c.steps > maxCopySteps)
	}
}

// A part is a schema directly inside another; late when it was an open
// reference.
type part struct {
	schema *Schema
	late   bool
}

// A slot is a place in a schema where another stands.
type slot struct {
	schema *Schema
	index  int
}

// parts returns the schemas inside s in the order of Java's visit: fields
// forwards, branches backwards.
func (c *copier) parts(s *Schema) []part {
	var parts []part
	add := func(inner *Schema, i int) {
		parts = append(parts, part{inner, c.parser.late[slot{s, i}]})
	}
	if s.Items != nil {
		add(s.Items, 0)
	}
	for i, f := range s.Fields {
		add(f.Type, i)
	}
	for i := len(s.Branches) - 1; i >= 0; i-- {
		add(s.Branches[i], i)
	}
	return parts
}
