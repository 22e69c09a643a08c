package avro

import "strings"

// NeverEnds returns a fault for every record within the schemas that requires
// itself, directly or through others, so that no finite value of it exists.
// An optional branch of a union, an array or a map breaks the circle. Java
// accepts such schemas; a writer of one never comes to an end.
func NeverEnds(schemas ...*Schema) Faults {
	e := newEndings(schemas)
	e.solve()
	var faults Faults
	for _, s := range e.records {
		if f, path := e.circle(s); f != nil {
			faults = append(faults, Fault{Pos: f.TypePos, Code: CodeNeverEnds,
				Message: "the record " + s.FullName() + " requires itself: " + path,
				Fix:     `make one of these fields optional (["null", …]), an array or a map`})
		}
	}
	faults.sort()
	return faults
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

// circle follows the parts of s that never end. When that leads back to s it
// returns the field of s where the circle begins and its text.
func (e *endings) circle(s *Schema) (*Field, string) {
	if e.finite[s] {
		return nil, ""
	}
	var first *Field
	var path []string
	seen := map[*Schema]bool{}
	for at := s; at != nil && !seen[at]; {
		seen[at] = true
		f, next := e.endless(at)
		if f == nil {
			return nil, ""
		}
		if first == nil {
			first = f
		}
		path = append(path, at.FullName()+"."+f.Name)
		if next == s {
			return first, strings.Join(append(path, s.FullName()), " → ")
		}
		at = next
	}
	return nil, ""
}

// endless returns the first field of a record that never ends, and the record
// that it leads to.
func (e *endings) endless(record *Schema) (*Field, *Schema) {
	for _, f := range record.Fields {
		if !e.finite[f.Type] {
			return f, e.leadsTo(f.Type)
		}
	}
	return nil, nil
}

func (e *endings) leadsTo(s *Schema) *Schema {
	if s.Kind == Union {
		return s.Branches[0]
	}
	return s
}
