package schema

import (
	"encoding/binary"
	"fmt"
	"math"
	"sync"
	"unicode/utf8"
)

// The bounds of one run. An honest message meets none of them; a hostile one
// is refused before it costs more than its own length explains.
const (
	// maxDepth is how deep records may nest.
	maxDepth = 256
	// maxEmptyItems is how many items that take no bytes one message may hold.
	maxEmptyItems = 4096
	// The output may grow with the input and by every default once, and never
	// beyond maxOutput and those defaults.
	outputFactor    = 64
	outputAllowance = 64 << 10
	maxOutput       = 16 << 20
	// moveFactor bounds the bytes moved to put fields into the reader's order,
	// as a multiple of what the output may be.
	moveFactor = 8
)

// A run executes a plan once. It eats in from the front and appends to out.
type run struct {
	in, out []byte
	limit   int
	depth   int
	empty   int
	moved   int
	// parts is a stack of places in out, scratch a buffer for moving them.
	parts   []part
	scratch []byte
}

type part struct{ start, end int }

var runs = sync.Pool{New: func() any { return new(run) }}

// release keeps the buffers of r, unless they grew large, for the next run.
func (r *run) release() {
	if cap(r.scratch) > maxPooled || cap(r.parts) > maxPooled/16 {
		return
	}
	*r = run{parts: r.parts[:0], scratch: r.scratch[:0]}
	runs.Put(r)
}

func malformed(what string) error { return fmt.Errorf("%w: %s", ErrMalformed, what) }

func (r *run) exec(n *node) error {
	switch n.op {
	case opNull:
		return nil
	case opBoolean:
		return r.boolean()
	case opInt, opLong:
		return r.long(n.op == opInt)
	case opFloat:
		return r.raw(4)
	case opDouble:
		return r.raw(8)
	case opBytes, opString:
		return r.text(n.op == opString)
	case opFixed:
		return r.raw(n.size)
	case opIntToFloat, opIntToDouble, opFloatToDouble:
		return r.convert(n)
	}
	return r.compound(n)
}

func (r *run) compound(n *node) error {
	switch n.op {
	case opRecord:
		return r.record(n)
	case opEnum:
		return r.enum(n)
	case opArray, opMap:
		return r.items(n)
	case opWriterUnion:
		return r.union(n)
	case opReaderUnion:
		r.out = appendLong(r.out, n.index)
		return r.exec(n.child)
	}
	return n.err
}

func (r *run) boolean() error {
	if len(r.in) > 0 && r.in[0] > 1 {
		return malformed("a boolean that is neither 0 nor 1")
	}
	return r.raw(1)
}

// raw copies n bytes.
func (r *run) raw(n int) error {
	if n > len(r.in) {
		return malformed("truncated")
	}
	r.out = append(r.out, r.in[:n]...)
	r.in = r.in[n:]
	return nil
}

func (r *run) long(narrow bool) error {
	v, err := r.varint()
	if err == nil && narrow && v != int64(int32(v)) {
		return malformed("an int of more than 32 bits")
	}
	r.out = appendLong(r.out, v)
	return err
}

// varint reads a zigzag number of at most 64 bits.
func (r *run) varint() (int64, error) {
	if len(r.in) > 0 && r.in[0] < 0x80 {
		u := uint64(r.in[0])
		r.in = r.in[1:]
		return int64(u>>1) ^ -int64(u&1), nil
	}
	v, n := binary.Varint(r.in)
	switch {
	case n == 0:
		return 0, malformed("truncated")
	case n < 0:
		return 0, malformed("a number of more than 64 bits")
	}
	r.in = r.in[n:]
	return v, nil
}

func appendLong(dst []byte, v int64) []byte { return binary.AppendVarint(dst, v) }

// text copies bytes with their length.
func (r *run) text(mustBeUTF8 bool) error {
	n, err := r.varint()
	switch {
	case err != nil:
		return err
	case n < 0:
		return malformed("a negative length")
	case n > int64(len(r.in)):
		return malformed("truncated")
	case mustBeUTF8 && !utf8.Valid(r.in[:n]):
		return malformed("a string that is not UTF-8")
	}
	r.out = appendLong(r.out, n)
	return r.raw(int(n))
}

func (r *run) convert(n *node) error {
	if n.op == opFloatToDouble {
		if len(r.in) < 4 {
			return malformed("truncated")
		}
		r.double(float64(math.Float32frombits(binary.LittleEndian.Uint32(r.in))))
		r.in = r.in[4:]
		return nil
	}
	v, err := r.varint()
	switch {
	case err != nil:
		return err
	case n.size == 32 && v != int64(int32(v)):
		return malformed("an int of more than 32 bits")
	case n.op == opIntToFloat:
		r.out = binary.LittleEndian.AppendUint32(r.out, math.Float32bits(float32(v)))
	default:
		r.double(float64(v))
	}
	return nil
}

func (r *run) double(f float64) {
	r.out = binary.LittleEndian.AppendUint64(r.out, math.Float64bits(f))
}

func (r *run) enum(n *node) error {
	i, err := r.varint()
	switch {
	case err != nil:
		return err
	case i < 0 || i >= int64(len(n.symbols)):
		return malformed("an enum symbol out of range")
	case n.symbols[i] < 0:
		return fmt.Errorf("%w: the reader's enum lacks the writer's symbol %d and has no default", ErrIncompatible, i)
	}
	r.out = appendLong(r.out, n.symbols[i])
	return nil
}

func (r *run) union(n *node) error {
	i, err := r.varint()
	switch {
	case err != nil:
		return err
	case i < 0 || i >= int64(len(n.branches)):
		return malformed("a union branch out of range")
	}
	return r.exec(n.branches[i])
}

// items rewrites the blocks of an array or map. The bytes of every item are
// known to be there before the first is read.
func (r *run) items(n *node) error {
	for {
		count, rest, err := r.block(n)
		if err != nil {
			return err
		}
		r.out = appendLong(r.out, count)
		if count == 0 {
			return nil
		}
		for range count {
			if err := r.item(n); err != nil {
				return err
			}
		}
		if rest >= 0 && len(r.in) != rest {
			return malformed("a block whose size is wrong")
		}
	}
}

// block reads a block's header. rest is what must be left of the input after
// the block, or -1 if the header does not say.
func (r *run) block(n *node) (count int64, rest int, err error) {
	rest = -1
	if count, err = r.varint(); err != nil {
		return 0, 0, err
	}
	if count < 0 {
		size, err := r.varint()
		switch {
		case err != nil:
			return 0, 0, err
		case size < 0 || size > int64(len(r.in)):
			return 0, 0, malformed("a block larger than the message")
		case count == math.MinInt64:
			return 0, 0, malformed("a block of too many items")
		}
		count, rest = -count, len(r.in)-int(size)
	}
	return count, rest, r.afford(count, n.itemMin)
}

// afford refuses a block that cannot be in what is left of the message.
func (r *run) afford(count int64, itemMin int) error {
	if itemMin > 0 {
		if count > int64(len(r.in)/itemMin) {
			return malformed("a block of more items than the message has bytes for")
		}
		return nil
	}
	if count > int64(maxEmptyItems-r.empty) {
		return malformed(fmt.Sprintf("more than %d items that take no bytes", maxEmptyItems))
	}
	r.empty += int(count)
	return nil
}

func (r *run) item(n *node) error {
	if n.op == opMap {
		if err := r.text(true); err != nil {
			return err
		}
	}
	if err := r.exec(n.child); err != nil {
		return err
	}
	return r.room()
}

// room refuses output that grew out of proportion.
func (r *run) room() error {
	if len(r.out) > r.limit {
		return malformed("defaults make the message too large")
	}
	return nil
}

func (r *run) record(n *node) error {
	if r.depth++; r.depth > maxDepth {
		return malformed(fmt.Sprintf("nested more than %d records deep", maxDepth))
	}
	var err error
	if n.direct {
		err = r.inOrder(n)
	} else {
		err = r.reordered(n)
	}
	r.depth--
	if err != nil {
		return err
	}
	return r.room()
}

func (r *run) inOrder(n *node) error {
	for i := range n.fields {
		f := &n.fields[i]
		r.out = append(r.out, f.lead...)
		mark := len(r.out)
		if err := r.exec(f.node); err != nil {
			return err
		}
		if f.skip {
			r.out = r.out[:mark]
		}
	}
	r.out = append(r.out, n.tail...)
	return nil
}

// reordered writes the fields as they come and then moves them to their
// places.
func (r *run) reordered(n *node) error {
	base, first := len(r.out), len(r.parts)
	for i := range n.fields {
		mark := len(r.out)
		if err := r.exec(n.fields[i].node); err != nil {
			return err
		}
		if n.fields[i].skip {
			r.out = r.out[:mark]
		}
		r.parts = append(r.parts, part{mark - base, len(r.out) - base})
	}
	if r.moved += len(r.out) - base; r.moved > moveFactor*r.limit {
		return malformed("records nested too deep to be put into order")
	}
	r.scratch = append(r.scratch[:0], r.out[base:]...)
	r.out = r.out[:base]
	for _, s := range n.order {
		if s.from < 0 {
			r.out = append(r.out, s.preset...)
			continue
		}
		p := r.parts[first+s.from]
		r.out = append(r.out, r.scratch[p.start:p.end]...)
	}
	r.parts = r.parts[:first]
	return nil
}
