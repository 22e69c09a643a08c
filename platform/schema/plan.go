package schema

import (
	"errors"
	"fmt"

	"github.com/pulselearn/campus-hub/platform/avro"
)

// A Plan turns data written with one schema into data of another, by the
// rules of Avro 1.12.1 for Java. Wherever schemas are resolved without regard
// to data, a part that cannot match becomes an error that only the data that
// needs it meets. A Plan is immutable and safe for concurrent use.
type Plan struct {
	root *node
	// presets is the size of all defaults together.
	presets int
}

// NewPlan resolves the writer's schema against the reader's. The error matches
// ErrIncompatible.
func NewPlan(writer, reader *avro.Schema) (*Plan, error) {
	c := compiler{
		aliases:  aliasesOf(reader),
		resolved: map[pair]*node{},
		copied:   map[*avro.Schema]*node{},
		min:      map[*avro.Schema]int{},
	}
	root := c.resolve(writer, reader)
	if c.err != nil {
		return nil, fmt.Errorf("%w: %w", ErrIncompatible, c.err)
	}
	return &Plan{root: root, presets: c.presets}, nil
}

// Append appends the datum in data, rewritten for the reader's schema, to dst.
// The datum must fill data exactly. Time and memory are bounded by the length
// of data, whatever the bytes are. On an error, which matches ErrMalformed or
// ErrIncompatible, dst is returned as it was.
func (p *Plan) Append(dst, data []byte) ([]byte, error) {
	r := runs.Get().(*run)
	defer r.release()
	r.in, r.out = data, dst
	r.limit = len(dst) + p.presets + min(outputFactor*len(data)+outputAllowance, maxOutput)
	if err := r.exec(p.root); err != nil {
		return dst, err
	}
	if len(r.in) > 0 {
		return dst, fmt.Errorf("%w: %d bytes after the end of the datum", ErrMalformed, len(r.in))
	}
	return r.out, nil
}

// An op is what a node does with the writer's bytes.
type op uint8

const (
	opNull op = iota
	opBoolean
	opInt
	opLong
	opFloat
	opDouble
	opBytes
	opString
	opFixed
	opIntToFloat
	opIntToDouble
	opFloatToDouble
	opRecord
	opEnum
	opArray
	opMap
	opWriterUnion
	opReaderUnion
	opError
)

// A node of a plan. Nodes of recursive schemas form cycles.
type node struct {
	op op
	// size is a fixed type's length.
	size int
	// index is the reader's branch of opReaderUnion.
	index int64
	// symbols maps the writer's symbol to the reader's, or to -1.
	symbols []int64
	// child is the item of a collection or the branch of opReaderUnion.
	child *node
	// itemMin is the least number of bytes that the writer's item takes.
	itemMin int
	// branches follow the writer's union.
	branches []*node
	// fields follow the writer's record.
	fields []field
	// order is the reader's record: a field of the writer, or a default.
	order []source
	// direct means that fields can be written as they are read; order is then
	// merged into lead and tail.
	direct bool
	tail   []byte
	err    error
}

// A field is one field of the writer's record.
type field struct {
	node *node
	// skip means that the reader does not have it.
	skip bool
	// lead holds the defaults that the reader has just before it.
	lead []byte
}

// A source says where a field of the reader comes from.
type source struct {
	// from is the index of the writer's field, or -1 for the default.
	from   int
	preset []byte
}

type pair struct{ writer, reader *avro.Schema }

type compiler struct {
	aliases  aliases
	resolved map[pair]*node
	copied   map[*avro.Schema]*node
	min      map[*avro.Schema]int
	presets  int
	// err is a fault that makes the schemas unusable with any data.
	err error
}

func failure(format string, args ...any) *node {
	return &node{op: opError, err: fmt.Errorf("%w: %s", ErrIncompatible, fmt.Sprintf(format, args...))}
}

func mismatch(w, r *avro.Schema) *node {
	return failure("the writer has %s where the reader expects %s", w.FullName(), r.FullName())
}

var primitiveOps = map[avro.Kind]op{
	avro.Null: opNull, avro.Boolean: opBoolean, avro.Int: opInt, avro.Long: opLong,
	avro.Float: opFloat, avro.Double: opDouble, avro.Bytes: opBytes, avro.String: opString,
}

// resolve returns the node that reads w and writes r.
func (c *compiler) resolve(w, r *avro.Schema) *node {
	switch {
	case w.Kind == avro.Union:
		return c.writerUnion(w, r)
	case w.Kind == r.Kind:
		return c.sameKind(w, r)
	case r.Kind == avro.Union:
		return c.readerUnion(w, r)
	}
	return promote(w, r)
}

func (c *compiler) sameKind(w, r *avro.Schema) *node {
	switch w.Kind {
	case avro.Record:
		return c.record(w, r)
	case avro.Array, avro.Map:
		return c.collection(w, c.resolve(w.Items, r.Items))
	case avro.Enum:
		return c.enum(w, r)
	case avro.Fixed:
		if c.aliases.shortName(w) != r.Name || w.Size != r.Size {
			return mismatch(w, r)
		}
		return &node{op: opFixed, size: w.Size}
	}
	return &node{op: primitiveOps[w.Kind]}
}

func (c *compiler) collection(w *avro.Schema, item *node) *node {
	n := &node{op: opArray, child: item, itemMin: c.minSize(w.Items)}
	if w.Kind == avro.Map {
		n.op = opMap
		n.itemMin++ // the key
	}
	return n
}

func (c *compiler) enum(w, r *avro.Schema) *node {
	if c.aliases.shortName(w) != r.Name {
		return mismatch(w, r)
	}
	n := &node{op: opEnum, symbols: make([]int64, len(w.Symbols))}
	fallback := indexOf(r.Symbols, r.Default)
	for i, symbol := range w.Symbols {
		if n.symbols[i] = indexOf(r.Symbols, symbol); n.symbols[i] < 0 {
			n.symbols[i] = fallback
		}
	}
	return n
}

func indexOf(symbols []string, symbol string) int64 {
	for i, s := range symbols {
		if s == symbol {
			return int64(i)
		}
	}
	return -1
}

// promote converts between primitive types of different kinds.
func promote(w, r *avro.Schema) *node {
	switch {
	case w.Kind == avro.Int && r.Kind == avro.Long:
		return &node{op: opInt}
	case (w.Kind == avro.Int || w.Kind == avro.Long) && r.Kind == avro.Float:
		return &node{op: opIntToFloat, size: bits(w)}
	case (w.Kind == avro.Int || w.Kind == avro.Long) && r.Kind == avro.Double:
		return &node{op: opIntToDouble, size: bits(w)}
	case w.Kind == avro.Float && r.Kind == avro.Double:
		return &node{op: opFloatToDouble}
	case isText(w) && isText(r):
		return &node{op: opString} // one encoding; both sides must be UTF-8
	}
	return mismatch(w, r)
}

func bits(s *avro.Schema) int {
	if s.Kind == avro.Int {
		return 32
	}
	return 64
}

func isText(s *avro.Schema) bool { return s.Kind == avro.Bytes || s.Kind == avro.String }

// record resolves by field names alone: as in Java, the names of records count
// only where a union offers several. The node is known before its fields are
// resolved, so that recursion ends.
func (c *compiler) record(w, r *avro.Schema) *node {
	key := pair{w, r}
	if n := c.resolved[key]; n != nil {
		return n
	}
	n := &node{op: opRecord}
	c.resolved[key] = n
	at := c.writerFields(w)
	for _, wf := range w.Fields {
		rf := fieldNamed(r, c.aliases.field(w, wf.Name))
		if rf == nil {
			n.fields = append(n.fields, field{node: c.copy(wf.Type), skip: true})
			continue
		}
		n.fields = append(n.fields, field{node: c.resolve(wf.Type, rf.Type)})
	}
	err := n.arrange(r, at)
	for _, s := range n.order {
		c.presets += len(s.preset)
	}
	if err != nil {
		*n = node{op: opError, err: fmt.Errorf("%w: record %s: %w", ErrIncompatible, r.FullName(), err)}
	}
	return n
}

// writerFields returns the writer's fields by the names that the reader's
// aliases give them.
func (c *compiler) writerFields(w *avro.Schema) map[string]int {
	at := make(map[string]int, len(w.Fields))
	for i, wf := range w.Fields {
		name := c.aliases.field(w, wf.Name)
		if _, twice := at[name]; twice {
			c.err = errors.Join(c.err, fmt.Errorf("the reader's aliases make two fields %q of the writer's record %s", name, w.FullName()))
		}
		at[name] = i
	}
	return at
}

func fieldNamed(r *avro.Schema, name string) *avro.Field {
	for _, f := range r.Fields {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// arrange sets the reader's order and, where the writer's order agrees with
// it, merges the defaults into the fields that follow them.
func (n *node) arrange(r *avro.Schema, at map[string]int) error {
	for _, rf := range r.Fields {
		if i, ok := at[rf.Name]; ok {
			n.order = append(n.order, source{from: i})
			continue
		}
		if !rf.HasDefault {
			return fmt.Errorf("the writer lacks field %q, which has no default", rf.Name)
		}
		preset, err := encodeDefault(nil, rf.Type, rf.Default, 0)
		if err != nil {
			return fmt.Errorf("default of field %q: %w", rf.Name, err)
		}
		n.order = append(n.order, source{from: -1, preset: preset})
	}
	n.merge()
	return nil
}

func (n *node) merge() {
	last, pending := -1, []byte(nil)
	leads := make([][]byte, len(n.fields))
	for _, s := range n.order {
		switch {
		case s.from < 0:
			pending = append(pending, s.preset...)
		case s.from < last:
			return
		default:
			last = s.from
			leads[last], pending = pending, nil
		}
	}
	for i := range n.fields {
		n.fields[i].lead = leads[i]
	}
	n.direct, n.tail = true, pending
}

// copy returns the node that reads s and writes it again. It is used for what
// the reader skips, so it knows no aliases.
func (c *compiler) copy(s *avro.Schema) *node {
	if n := c.copied[s]; n != nil {
		return n
	}
	n := &node{}
	c.copied[s] = n
	switch s.Kind {
	case avro.Record:
		n.op, n.direct = opRecord, true
		for _, f := range s.Fields {
			n.fields = append(n.fields, field{node: c.copy(f.Type)})
		}
	case avro.Array, avro.Map:
		*n = *c.collection(s, c.copy(s.Items))
	case avro.Enum:
		n.op = opEnum
		for i := range s.Symbols {
			n.symbols = append(n.symbols, int64(i))
		}
	case avro.Fixed:
		n.op, n.size = opFixed, s.Size
	case avro.Union:
		n.op = opWriterUnion
		for i, b := range s.Branches {
			n.branches = append(n.branches, &node{op: opReaderUnion, index: int64(i), child: c.copy(b)})
		}
	default:
		n.op = primitiveOps[s.Kind]
	}
	return n
}

// minSize returns a lower bound of the encoded size of a datum of s.
func (c *compiler) minSize(s *avro.Schema) int {
	if size, ok := c.min[s]; ok {
		return size
	}
	c.min[s] = 0 // what a record that contains itself adds to itself
	size := 1
	switch s.Kind {
	case avro.Null:
		size = 0
	case avro.Float:
		size = 4
	case avro.Double:
		size = 8
	case avro.Fixed:
		size = s.Size
	case avro.Record:
		size = 0
		for _, f := range s.Fields {
			size = min(size+c.minSize(f.Type), maxMinSize)
		}
	}
	c.min[s] = size
	return size
}

// maxMinSize keeps sums of sizes from overflowing.
const maxMinSize = 1 << 30
