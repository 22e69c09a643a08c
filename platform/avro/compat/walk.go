package compat

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
)

// The bounds of a walk, far beyond what anybody writes by hand. Java's stack
// overflows earlier.
const (
	maxSteps = 1 << 20
	maxDepth = 10_000
)

// A walker compares two schemas as Java's ReaderWriterCompatibilityChecker
// does. It remembers the result of each pair, by identity; where and how often
// a violation is reported follows from that, so the order of its steps matters.
type walker struct {
	results map[pair]*result
	fields  map[*avro.Schema]map[string]*avro.Field
	fatal   []*finding
	steps   int
	depth   int
	over    bool
}

type pair struct{ reader, writer *avro.Schema }

func newWalker() *walker {
	return &walker{results: map[pair]*result{}, fields: map[*avro.Schema]map[string]*avro.Field{}}
}

// check returns what is wrong with a pair. A pair that is being compared
// further up counts as compatible: it is unless something else proves it not.
// Unnamed types stand in one place, so a pair of them is met once at most.
func (w *walker) check(r, wr *avro.Schema, at *place) *result {
	p := pair{r, wr}
	named := r.Name != "" || wr.Name != ""
	if known, ok := w.results[p]; named && ok {
		return known
	}
	if w.givesUp(r, wr, at) {
		return nil
	}
	if named {
		w.results[p] = nil
	}
	w.depth++
	found := w.compare(r, wr, at)
	w.depth--
	if named && found != nil {
		w.results[p] = found
	}
	return found
}

// givesUp counts the steps of a pair and reports, once, that there were too
// many.
func (w *walker) givesUp(r, wr *avro.Schema, at *place) bool {
	w.steps += 1 + len(r.Aliases) + len(r.Fields) + len(r.Symbols) + len(wr.Symbols)
	if !w.over && (w.steps > maxSteps || w.depth >= maxDepth) {
		w.over = true
		w.fatal = append(w.fatal, &finding{typ: TooComplex, at: at, reader: r.Pos, writer: wr.Pos,
			message: fmt.Sprintf("comparing the schemas takes more than %d steps or leads through more than %d types inside one another", maxSteps, maxDepth)})
	}
	return w.over
}

func (w *walker) compare(r, wr *avro.Schema, at *place) *result {
	switch {
	case r.Kind == avro.Union && wr.Kind == avro.Union:
		return w.unions(r, wr, at)
	case wr.Kind == avro.Union:
		return w.writerUnion(r, wr, at)
	case r.Kind == avro.Union:
		return w.readerUnion(r, wr, at)
	case r.Kind == wr.Kind:
		return w.alike(r, wr, at)
	case slices.Contains(promotions[r.Kind], wr.Kind):
		return nil
	}
	reader, writer := at.use(r, wr)
	return at.one(TypeMismatch, reader, writer,
		"reader type: "+javaKind(r)+" not compatible with writer type: "+javaKind(wr))
}

// promotions holds what a reader of a kind reads besides that kind.
var promotions = map[avro.Kind][]avro.Kind{
	avro.Long:   {avro.Int},
	avro.Float:  {avro.Int, avro.Long},
	avro.Double: {avro.Int, avro.Long, avro.Float},
	avro.Bytes:  {avro.String},
	avro.String: {avro.Bytes},
}

// javaKind returns a kind as Java writes it.
func javaKind(s *avro.Schema) string { return strings.ToUpper(s.Kind.String()) }

// alike compares two schemas of one kind.
func (w *walker) alike(r, wr *avro.Schema, at *place) *result {
	switch r.Kind {
	case avro.Array:
		return w.check(r.Items, wr.Items, at.down("items", "[]"))
	case avro.Map:
		return w.check(r.Items, wr.Items, at.down("values", "{}"))
	case avro.Fixed:
		return join(also(names(r, wr, at), size(r, wr, at)))
	case avro.Enum:
		return join(also(names(r, wr, at), symbols(r, wr, at)))
	case avro.Record:
		return join(also(names(r, wr, at), w.record(r, wr, at)))
	}
	return nil
}

// names compares names without namespaces, or the reader's aliases with the
// writer's full name.
func names(r, wr *avro.Schema, at *place) []*result {
	if r.Name == wr.Name || slices.Contains(r.Aliases, wr.FullName()) {
		return nil
	}
	return []*result{at.down("name", "").one(NameMismatch, r.NamePos, wr.NamePos, "expected: "+wr.FullName())}
}

func size(r, wr *avro.Schema, at *place) *result {
	if r.Size == wr.Size {
		return nil
	}
	return at.down("size", "").one(FixedSizeMismatch, property(r, "size"), property(wr, "size"),
		fmt.Sprintf("expected: %d, found: %d", wr.Size, r.Size))
}

func symbols(r, wr *avro.Schema, at *place) *result {
	if r.Default != "" {
		return nil
	}
	known := make(map[string]bool, len(r.Symbols))
	for _, s := range r.Symbols {
		known[s] = true
	}
	var missing []string
	first := wr.NamePos
	for i, s := range wr.Symbols {
		if !known[s] {
			if missing == nil {
				first = wr.SymbolPos[i]
			}
			missing = append(missing, s)
		}
	}
	if missing == nil {
		return nil
	}
	slices.Sort(missing)
	return at.down("symbols", "").one(MissingEnumSymbols, property(r, "symbols"), first, "["+strings.Join(missing, ", ")+"]")
}

func property(s *avro.Schema, name string) avro.Pos {
	if at, ok := s.PropPos[name]; ok {
		return at
	}
	return s.NamePos
}
