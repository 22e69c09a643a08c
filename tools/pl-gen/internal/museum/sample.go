package museum

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// A Sample is one datum in Avro's binary encoding, without a frame.
type Sample struct {
	// Name tells how it was chosen: "edge-3" takes the fourth choice wherever
	// there is one, "mixed-1" another choice in each place.
	Name string
	Data []byte
}

const (
	// minEdges covers the edges of numbers, texts and lists; schemas with more
	// symbols or branches have more samples, up to maxEdges.
	minEdges, maxEdges = 6, 24
	mixed              = 3
	// shallow is the number of records within each other up to which lists have
	// items and unions any branch; maxDepth ends what goes on all the same.
	shallow, maxDepth = 4, 64
)

// Samples returns data of a schema: always the same, with every branch of its
// unions, every symbol of its enums (as far as maxEdges goes), empty and long
// lists in one block and in several, and the edges of numbers, times and texts
// that people and brokers get wrong. They are what a publisher may write, not
// what a decoder must refuse.
func Samples(s *avro.Schema) ([]Sample, error) {
	edges := min(max(minEdges, widest(s)), maxEdges)
	samples := make([]Sample, 0, edges+mixed)
	for i := range edges {
		samples = append(samples, Sample{Name: fmt.Sprintf("edge-%d", i)})
	}
	for i := range mixed {
		samples = append(samples, Sample{Name: fmt.Sprintf("mixed-%d", i)})
	}
	known := heightsOf(s)
	for i := range samples {
		w := writer{heights: known, choice: i}
		if i >= edges {
			w.choice, w.step = i-edges, 2*(i-edges)+1
		}
		if err := w.value(s, 0); err != nil {
			return nil, err
		}
		samples[i].Data = w.out
	}
	return samples, nil
}

// widest is the most branches or symbols that one type has.
func widest(s *avro.Schema) int {
	most := 0
	for t := range source.Types(s) {
		most = max(most, len(t.Symbols), len(t.Branches))
	}
	return most
}

// A writer encodes one datum. Wherever the schema leaves a choice it takes
// that of its number, which grows by step from one to the next.
type writer struct {
	heights      heights
	out          []byte
	choice, step int
}

func (w *writer) pick(n int) int {
	i := w.choice % n
	w.choice += w.step
	return i
}

func (w *writer) long(n int64) { w.out = binary.AppendVarint(w.out, n) }

func (w *writer) bytes(b []byte) {
	w.long(int64(len(b)))
	w.out = append(w.out, b...)
}

func (w *writer) value(s *avro.Schema, depth int) error {
	if s.Kind == avro.Union && len(s.Branches) == 0 || s.Kind == avro.Enum && len(s.Symbols) == 0 {
		return fmt.Errorf("%s at %s has no values", s.FullName(), s.Pos)
	}
	switch s.Kind {
	case avro.Null:
	case avro.Boolean:
		w.out = append(w.out, byte(w.pick(2)))
	case avro.Int, avro.Long:
		numbers := integers(s)
		w.long(numbers[w.pick(len(numbers))])
	case avro.Float:
		w.out = binary.LittleEndian.AppendUint32(w.out, math.Float32bits(float32(floats[w.pick(len(floats))])))
	case avro.Double:
		w.out = binary.LittleEndian.AppendUint64(w.out, math.Float64bits(floats[w.pick(len(floats))]))
	case avro.String:
		list := texts(s)
		w.bytes([]byte(list[w.pick(len(list))]))
	case avro.Bytes:
		list := binaries(s)
		w.bytes(list[w.pick(len(list))])
	case avro.Fixed:
		w.fixed(s)
	case avro.Enum:
		w.long(int64(w.pick(len(s.Symbols))))
	case avro.Array, avro.Map:
		return w.list(s, depth)
	case avro.Union:
		return w.union(s, depth)
	case avro.Record:
		return w.record(s, depth)
	}
	return nil
}

func (w *writer) record(s *avro.Schema, depth int) error {
	if depth > maxDepth {
		return errors.New("record " + s.FullName() + " nests without an end")
	}
	for _, f := range s.Fields {
		if err := w.value(f.Type, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// union takes any branch, but below a certain depth the one that ends soonest.
func (w *writer) union(s *avro.Schema, depth int) error {
	i := w.pick(len(s.Branches))
	if depth > shallow {
		i = w.heights.flattest(s)
	}
	w.long(int64(i))
	return w.value(s.Branches[i], depth)
}

// list writes no items, one, two in one block, or two in two blocks with their
// sizes in bytes, which other encoders write and readers must take.
func (w *writer) list(s *avro.Schema, depth int) error {
	form := w.pick(4)
	if depth > shallow {
		form = 0
	}
	switch form {
	case 1:
		return w.blocks(s, depth, 1)
	case 2:
		return w.blocks(s, depth, 2)
	case 3:
		return w.blocks(s, depth, -1, -1)
	}
	w.long(0)
	return nil
}

func (w *writer) blocks(s *avro.Schema, depth int, counts ...int) error {
	n := 0
	for _, count := range counts {
		inner := writer{heights: w.heights, choice: w.choice, step: w.step}
		for range max(count, -count) {
			if s.Kind == avro.Map {
				inner.bytes([]byte(keys[n]))
			}
			n++
			if err := inner.value(s.Items, depth+1); err != nil {
				return err
			}
		}
		w.long(int64(count))
		if count < 0 {
			w.long(int64(len(inner.out)))
		}
		w.out, w.choice = append(w.out, inner.out...), inner.choice
	}
	w.long(0)
	return nil
}

func (w *writer) fixed(s *avro.Schema) {
	if s.LogicalType == "decimal" {
		list := unscaled(s.Precision)
		w.out = append(w.out, twosComplement(list[w.pick(len(list))], s.Size)...)
		return
	}
	pattern := [][]byte{{0}, {0xff}, {0x01, 0x80, 0x7f}}[w.pick(3)]
	for i := range s.Size {
		w.out = append(w.out, pattern[i%len(pattern)])
	}
}

var (
	keys   = []string{"", "ключ"}
	floats = []float64{0, 1.5, -1.5, math.MaxFloat32, -math.SmallestNonzeroFloat32, math.Inf(1)}
)

const (
	dayMillis = 86_400_000
	// The first and the last second of the years 1 and 9999.
	firstSecond, lastSecond = -62_135_596_800, 253_402_300_799
)

// integers returns edges of an int or long, within what its logical type means.
func integers(s *avro.Schema) []int64 {
	switch s.LogicalType {
	case "date":
		return []int64{0, 1, -1, firstSecond / 86_400, lastSecond / 86_400, 20_000}
	case "time-millis":
		return []int64{0, 1, dayMillis - 1, dayMillis / 2}
	case "time-micros":
		return []int64{0, 1, 1000*dayMillis - 1, 1000 * dayMillis / 2}
	case "timestamp-millis", "local-timestamp-millis":
		return instants(1000)
	case "timestamp-micros", "local-timestamp-micros":
		return instants(1_000_000)
	case "timestamp-nanos", "local-timestamp-nanos":
		return []int64{0, 1, -1, math.MaxInt64, math.MinInt64, 1_700_000_000_123_456_789}
	}
	if s.Kind == avro.Int {
		return []int64{0, 1, -1, math.MaxInt32, math.MinInt32, 64}
	}
	return []int64{0, 1, -1, math.MaxInt64, math.MinInt64, 64}
}

func instants(perSecond int64) []int64 {
	return []int64{0, 1, -1, (lastSecond+1)*perSecond - 1, firstSecond * perSecond, 1_700_000_000 * perSecond}
}

func texts(s *avro.Schema) []string {
	if s.LogicalType == "uuid" {
		return []string{"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "0193A5F2-9c1e-7d3b-8a4f-5e6d7c8b9a01"}
	}
	return []string{"", "a", "Zoë 學生 🎓", "\x00\t\"\\\n", strings.Repeat("x", 70)}
}

func binaries(s *avro.Schema) [][]byte {
	if s.LogicalType == "decimal" {
		var list [][]byte
		for _, n := range unscaled(s.Precision) {
			list = append(list, twosComplement(n, n.BitLen()/8+1))
		}
		return list
	}
	return [][]byte{{}, {0}, {0xff, 0xfe}, []byte(strings.Repeat("\x80", 70))}
}

// unscaled returns edges of a decimal: the largest have all its digits.
func unscaled(precision int) []*big.Int {
	most := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(precision)), nil)
	most.Sub(most, big.NewInt(1))
	return []*big.Int{big.NewInt(0), big.NewInt(1), big.NewInt(-1), most, new(big.Int).Neg(most)}
}

// twosComplement writes n in size bytes, most significant first.
func twosComplement(n *big.Int, size int) []byte {
	if n.Sign() < 0 {
		n = new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), uint(8*size)))
	}
	return n.FillBytes(make([]byte, size))
}
