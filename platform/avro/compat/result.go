package compat

import "github.com/pulselearn/campus-hub/platform/avro"

// maxListed bounds how many violations are listed, and how many causes of
// them. Types that are used in many places repeat their violations, so that a
// small schema can have 2^60.
const maxListed = 10_000

// A result is what is wrong with a pair of schemas; nil is a compatible pair.
// It is a tree, because a pair that many others use would otherwise be copied
// exponentially often. Most results are tried branches of unions that nobody
// reads, so texts are made only for those that are listed.
type result struct {
	one   *finding
	parts []*result
}

// A finding is a violation that is not written out yet.
type finding struct {
	typ            Type
	message        string
	at             *place
	reader, writer avro.Pos
	causes         *result
}

// join returns what is wrong with any of the parts, in order.
func join(parts []*result) *result {
	switch len(parts) {
	case 0:
		return nil
	case 1:
		return parts[0]
	}
	return &result{parts: parts}
}

// also appends what is wrong, if anything is.
func also(parts []*result, r *result) []*result {
	if r == nil {
		return parts
	}
	return append(parts, r)
}

// why returns the causes of a result that is one missing branch.
func (r *result) why() *result {
	if r.one == nil {
		return nil
	}
	return r.one.causes
}

// list writes out the findings that ended the walk and then the others.
func list(fatal []*finding, found *result) []Incompatibility {
	l := lister{causes: maxListed, known: map[*finding]Incompatibility{}}
	var all []Incompatibility
	for _, f := range fatal {
		all = append(all, l.incompatibility(f))
	}
	return l.add(all, found, len(all)+maxListed)
}

// A lister writes findings out, each one once.
type lister struct {
	known  map[*finding]Incompatibility
	causes int // how many may still be listed
}

func (l *lister) add(to []Incompatibility, r *result, limit int) []Incompatibility {
	if r == nil || len(to) >= limit {
		return to
	}
	if r.one != nil {
		return append(to, l.incompatibility(r.one))
	}
	for _, p := range r.parts {
		to = l.add(to, p, limit)
	}
	return to
}

func (l *lister) incompatibility(f *finding) Incompatibility {
	if i, ok := l.known[f]; ok {
		return i
	}
	i := Incompatibility{Type: f.typ, Pointer: f.at.pointer(), Message: f.message, Path: f.at.path(),
		ReaderPos: f.reader, WriterPos: f.writer}
	i.Causes = l.add(nil, f.causes, l.causes)
	l.causes -= len(i.Causes)
	l.known[f] = i
	return i
}
