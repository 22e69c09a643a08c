package event

// traits finds out which records can contain themselves and which contain
// personal data. Both need the finished graph.
func (r *resolver) traits() {
	for _, n := range r.types {
		n.recursive = reaches(n, n, make(map[*named]bool))
		n.sensitive = holdsPII(n, make(map[*named]bool))
	}
}

// reaches reports whether a value of record from can contain one of to.
func reaches(from, to *named, seen map[*named]bool) bool {
	if seen[from] {
		return false
	}
	seen[from] = true
	for _, inner := range from.inner() {
		if inner == to || reaches(inner, to, seen) {
			return true
		}
	}
	return false
}

func holdsPII(n *named, seen map[*named]bool) bool {
	if seen[n] {
		return false
	}
	seen[n] = true
	for _, f := range n.fields {
		if f.pii != "" {
			return true
		}
	}
	for _, inner := range n.inner() {
		if holdsPII(inner, seen) {
			return true
		}
	}
	return false
}

// inner returns the named types that the record's fields mention.
func (n *named) inner() []*named {
	var list []*named
	for _, f := range n.fields {
		list = f.typ.appendNamed(list)
	}
	return list
}

func (t *typ) appendNamed(list []*named) []*named {
	switch {
	case t.named != nil:
		return append(list, t.named)
	case t.elem != nil:
		return t.elem.appendNamed(list)
	case t.union != nil:
		for _, b := range t.union.branches {
			list = b.typ.appendNamed(list)
		}
	}
	return list
}

// sensitive reports whether a value of the type contains personal data.
func (t *typ) sensitive() bool {
	for _, n := range t.appendNamed(nil) {
		if n.sensitive {
			return true
		}
	}
	return false
}

// endless is more bytes than any value takes.
const endless = 1 << 20

// minSize returns how many bytes a value takes at least.
func (t *typ) minSize(open map[*named]bool) int {
	switch t.form {
	case formNull:
		return 0
	case formFloat:
		return 4
	case formDouble:
		return 8
	case formUUID:
		return 37
	case formDecimal:
		return 2
	case formFixed, formDuration, formDecimalFixed:
		return t.schema.Size
	case formRecord:
		return t.named.minSize(open)
	case formSingle:
		return 1 + t.elem.minSize(open)
	case formUnion:
		return 1 + t.union.minSize(open)
	}
	return 1
}

// minSize of a record that is being measured is endless: some branch of a
// union on the way ends without it.
func (n *named) minSize(open map[*named]bool) int {
	if open[n] {
		return endless
	}
	open[n] = true
	defer delete(open, n)
	sum := 0
	for _, f := range n.fields {
		sum = min(endless, sum+f.typ.minSize(open))
	}
	return sum
}

func (u *union) minSize(open map[*named]bool) int {
	if u.hasNull {
		return 0
	}
	least := endless
	for _, b := range u.branches {
		least = min(least, b.typ.minSize(open))
	}
	return least
}
