package codectest

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
)

// A reference makes random values of any schema and writes them in Avro's
// binary encoding. It walks the schema and shares nothing with the codec.
type reference struct{ *rand.Rand }

type (
	pair   struct{ key, value any }
	choice struct {
		index int
		value any
	}
)

// value returns a random value: a scalar, []any for arrays and records,
// []pair sorted by key for maps, and choice for unions.
func (r reference) value(s *avro.Schema, depth int) any {
	switch s.Kind {
	case avro.Boolean:
		return r.IntN(2) == 1
	case avro.Int, avro.Long:
		return r.number(s)
	case avro.Float:
		return float32(r.NormFloat64())
	case avro.Double:
		return r.NormFloat64() * 1e6
	case avro.Bytes:
		return r.raw(s)
	case avro.String:
		return r.text(s)
	case avro.Fixed:
		return r.fixed(s)
	case avro.Enum:
		return int64(r.IntN(len(s.Symbols)))
	case avro.Array:
		items := make([]any, r.size(depth))
		for i := range items {
			items[i] = r.value(s.Items, depth+1)
		}
		return items
	case avro.Map:
		return r.pairs(s, depth)
	case avro.Record:
		fields := make([]any, len(s.Fields))
		for i, f := range s.Fields {
			fields[i] = r.value(f.Type, depth+1)
		}
		return fields
	case avro.Union:
		return r.choice(s, depth)
	}
	return nil
}

// size of a collection: smaller further down, so that recursion ends.
func (r reference) size(depth int) int {
	if depth > 6 || r.IntN(4) == 0 {
		return 0
	}
	return r.IntN(4)
}

func (r reference) choice(s *avro.Schema, depth int) any {
	i := r.IntN(len(s.Branches))
	if depth > 6 {
		i = max(0, slices.IndexFunc(s.Branches, func(b *avro.Schema) bool { return b.Kind != avro.Record }))
	}
	return choice{i, r.value(s.Branches[i], depth+1)}
}

func (r reference) pairs(s *avro.Schema, depth int) any {
	values := map[string]any{}
	for range r.size(depth) {
		values[r.text(&avro.Schema{}).(string)] = r.value(s.Items, depth+1)
	}
	list := []pair{}
	for k, v := range values {
		list = append(list, pair{k, v})
	}
	slices.SortFunc(list, func(a, b pair) int { return strings.Compare(a.key.(string), b.key.(string)) })
	return list
}

func (r reference) number(s *avro.Schema) any {
	switch s.LogicalType {
	case "date":
		return r.Int64N(80_000) - 40_000
	case "time-millis":
		return r.Int64N(86_400_000)
	case "time-micros":
		return r.Int64N(86_400_000_000)
	case "":
		if s.Kind == avro.Int {
			return int64(int32(r.Uint32()) >> r.IntN(32))
		}
		return int64(r.Uint64()) >> r.IntN(64)
	}
	return (r.Int64N(8e9) - 4e9) * 1_000_003 / 1000 // within decades of 1970 in every unit
}

func (r reference) text(s *avro.Schema) any {
	if s.LogicalType == "uuid" {
		return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", r.Uint32(), r.IntN(1<<16), r.IntN(1<<16), r.IntN(1<<16), r.Int64N(1<<48))
	}
	n := []int{0, 1, 3, 5, 8, 15, 20, 40, 63, 64, 200}[r.IntN(11)]
	if r.IntN(3) == 0 {
		return strings.Repeat("ñ水a🙂", n/4)
	}
	text := make([]byte, n)
	for i := range text {
		text[i] = byte('a' + r.IntN(26))
	}
	return string(text)
}

func (r reference) raw(s *avro.Schema) any {
	if s.LogicalType == "decimal" {
		return twosComplement(r.unscaled(s))
	}
	return r.octets(r.IntN(20))
}

func (r reference) fixed(s *avro.Schema) any {
	if s.LogicalType != "decimal" {
		return r.octets(s.Size)
	}
	v := twosComplement(r.unscaled(s))
	sign := byte(0)
	if v[0] >= 0x80 {
		sign = 0xff
	}
	return append(slices.Repeat([]byte{sign}, s.Size-len(v)), v...)
}

func (r reference) octets(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func (r reference) unscaled(s *avro.Schema) *big.Int {
	digits := make([]byte, 1+r.IntN(s.Precision))
	for i := range digits {
		digits[i] = byte('0' + r.IntN(10))
	}
	v, _ := new(big.Int).SetString(string(digits), 10)
	if r.IntN(2) == 0 {
		v.Neg(v)
	}
	return v
}

func twosComplement(v *big.Int) []byte {
	n := v.BitLen()/8 + 1
	if v.Sign() < 0 {
		n = new(big.Int).Not(v).BitLen()/8 + 1
		v = new(big.Int).Add(v, new(big.Int).Lsh(big.NewInt(1), uint(8*n)))
	}
	return v.FillBytes(make([]byte, n))
}

// encode appends the value. With split, arrays and maps come in several
// blocks, some with their size in bytes, and maps in any order.
func (r reference) encode(b []byte, s *avro.Schema, v any, split bool) []byte {
	switch v := v.(type) {
	case bool:
		return append(b, map[bool]byte{true: 1}[v])
	case int64:
		return binary.AppendVarint(b, v)
	case float32:
		return binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	case float64:
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	case []byte:
		if s.Kind == avro.Bytes {
			b = binary.AppendVarint(b, int64(len(v)))
		}
		return append(b, v...)
	case string:
		return append(binary.AppendVarint(b, int64(len(v))), v...)
	case choice:
		return r.encode(binary.AppendVarint(b, int64(v.index)), s.Branches[v.index], v.value, split)
	case []any:
		if s.Kind == avro.Record {
			for i, f := range s.Fields {
				b = r.encode(b, f.Type, v[i], split)
			}
			return b
		}
		return r.blocks(b, len(v), split, func(b []byte, i int) []byte { return r.encode(b, s.Items, v[i], split) })
	case []pair:
		if split {
			v = slices.Clone(v)
			r.Shuffle(len(v), func(i, j int) { v[i], v[j] = v[j], v[i] })
		}
		return r.blocks(b, len(v), split, func(b []byte, i int) []byte {
			return r.encode(r.encode(b, &avro.Schema{Kind: avro.String}, v[i].key, split), s.Items, v[i].value, split)
		})
	}
	return b
}

func (r reference) blocks(b []byte, n int, split bool, item func(b []byte, i int) []byte) []byte {
	for i := 0; i < n; {
		size := n - i
		if split {
			size = 1 + r.IntN(size)
		}
		var block []byte
		for range size {
			block = item(block, i)
			i++
		}
		if split && r.IntN(2) == 0 {
			b = binary.AppendVarint(binary.AppendVarint(b, int64(-size)), int64(len(block)))
		} else {
			b = binary.AppendVarint(b, int64(size))
		}
		b = append(b, block...)
	}
	return append(b, 0)
}
