package avro

import "fmt"

// NeverEnds returns a fault for every field within the schemas by which a
// record requires itself, directly or through others, so that no finite value
// of it exists.
// An optional branch of a union, an array or a map breaks the circle. Java
// accepts such schemas; a writer of one never comes to an end.
func NeverEnds(schemas ...*Schema) Faults {
	e := newEndings(schemas)
	e.solve()
	c := &circleFinder{endings: e, index: map[*Schema]int{}, low: map[*Schema]int{}, circle: map[*Schema]int{}}
	var faults Faults
	for _, s := range e.records {
		if !e.finite[s] && c.index[s] == 0 {
			c.visit(s)
		}
	}
	for _, s := range e.records {
		for _, f := range s.Fields {
			if next := e.endless(f.Type); next != nil && c.circle[next] == c.circle[s] {
				faults = append(faults, neverEnds(s, f, next))
			}
		}
	}
	faults.sort()
	return faults
}

func neverEnds(s *Schema, f *Field, next *Schema) Fault {
	through := ""
	if next != s {
		through = " through " + next.FullName()
	}
	return Fault{Pos: f.TypePos, Code: CodeNeverEnds,
		Message: fmt.Sprintf("the field %q makes every %s require another one%s, without end", f.Name, s.FullName(), through),
		Fix:     `make it optional (["null", …]), an array or a map`}
}

// endings finds the schemas that have finite values: the least fixed point,
// spread from those that obviously do.
type endings struct {
	records []*Schema
	users   map[*Schema][]*Schema // who is made of a schema
	missing map[*Schema]int       // how many more parts of a schema must be finite
	finite  map[*Schema]bool
	ready   []*Schema
}

func newEndings(schemas []*Schema) *endings {
	e := &endings{users: map[*Schema][]*Schema{}, missing: map[*Schema]int{}, finite: map[*Schema]bool{}}
	walk(&Schema{Kind: Union, Branches: schemas}, e.add)
	return e
}

func (e *endings) add(s *Schema) {
	switch {
	case s.Kind == Record:
		e.records = append(e.records, s)
		e.missing[s] = len(s.Fields)
		for _, f := range s.Fields {
			e.users[f.Type] = append(e.users[f.Type], s)
		}
	case s.Kind == Union && len(s.Branches) > 0:
		e.missing[s] = 1
		for _, b := range s.Branches {
			e.users[b] = append(e.users[b], s)
		}
	}
	if e.missing[s] == 0 {
		e.ready = append(e.ready, s)
	}
}

func (e *endings) solve() {
	for len(e.ready) > 0 {
		s := e.ready[len(e.ready)-1]
		e.ready = e.ready[:len(e.ready)-1]
		if e.finite[s] {
			continue
		}
		e.finite[s] = true
		for _, user := range e.users[s] {
			if e.missing[user]--; e.missing[user] == 0 {
				e.ready = append(e.ready, user)
			}
		}
	}
}

// endless returns the record that a type without an end leads to; nil when the
// type ends.
func (e *endings) endless(s *Schema) *Schema {
	if e.finite[s] {
		return nil
	}
	if s.Kind == Union {
		return s.Branches[0]
	}
	return s
}

// A circleFinder numbers the strongly connected components of the records that
// never end (Tarjan's algorithm).
type circleFinder struct {
	*endings
	index, low map[*Schema]int
	circle     map[*Schema]int
	stack      []*Schema
}

func (c *circleFinder) visit(s *Schema) {
	c.index[s] = len(c.index) + 1
	c.low[s] = c.index[s]
	c.stack = append(c.stack, s)
	for _, f := range s.Fields {
		if next := c.endless(f.Type); next != nil {
			c.follow(s, next)
		}
	}
	if c.low[s] == c.index[s] {
		c.pop(s)
	}
}

func (c *circleFinder) follow(s, next *Schema) {
	if c.index[next] == 0 {
		c.visit(next)
	}
	if c.circle[next] == 0 {
		c.low[s] = min(c.low[s], c.low[next])
	}
}

func (c *circleFinder) pop(s *Schema) {
	for {
		top := c.stack[len(c.stack)-1]
		c.stack = c.stack[:len(c.stack)-1]
		c.circle[top] = c.index[s]
		if top == s {
			return
		}
	}
}
