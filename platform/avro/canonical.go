package avro

import (
	"crypto/md5"
	"crypto/sha256"
	"strconv"
)

// Canonical returns the Parsing Canonical Form of a schema (Avro 1.12,
// "Parsing Canonical Form for Schemas"): what matters to a reader, with full
// names, in a fixed order.
func Canonical(s *Schema) []byte {
	c := canonical{known: map[string]bool{}}
	c.schema(s)
	return c.b
}

type canonical struct {
	b     []byte
	known map[string]bool
}

func (c *canonical) text(parts ...string) {
	for _, p := range parts {
		c.b = append(c.b, p...)
	}
}

func (c *canonical) schema(s *Schema) {
	switch s.Kind {
	case Record, Enum, Fixed:
		c.named(s)
	case Union:
		c.text("[")
		for i, b := range s.Branches {
			c.comma(i)
			c.schema(b)
		}
		c.text("]")
	case Array:
		c.text(`{"type":"array","items":`)
		c.schema(s.Items)
		c.text("}")
	case Map:
		c.text(`{"type":"map","values":`)
		c.schema(s.Items)
		c.text("}")
	default:
		c.text(`"`, s.Kind.String(), `"`)
	}
}

func (c *canonical) comma(i int) {
	if i > 0 {
		c.text(",")
	}
}

func (c *canonical) named(s *Schema) {
	name := s.FullName()
	if c.known[name] {
		c.text(`"`, name, `"`)
		return
	}
	c.known[name] = true
	c.text(`{"name":"`, name, `","type":"`, s.Kind.String(), `"`)
	switch s.Kind {
	case Enum:
		c.symbols(s)
	case Fixed:
		c.text(`,"size":`, strconv.Itoa(s.Size))
	default:
		c.fields(s)
	}
	c.text("}")
}

func (c *canonical) symbols(s *Schema) {
	c.text(`,"symbols":[`)
	for i, symbol := range s.Symbols {
		c.comma(i)
		c.text(`"`, symbol, `"`)
	}
	c.text("]")
}

func (c *canonical) fields(s *Schema) {
	c.text(`,"fields":[`)
	for i, f := range s.Fields {
		c.comma(i)
		c.text(`{"name":"`, f.Name, `","type":`)
		c.schema(f.Type)
		c.text("}")
	}
	c.text("]")
}

// emptyCRC is the CRC-64-AVRO of no bytes, and the polynomial.
const emptyCRC = 0xc15d213aa4d7a795

var crcTable = func() (table [256]uint64) {
	for i := range table {
		fp := uint64(i)
		for range 8 {
			fp = fp>>1 ^ emptyCRC&-(fp&1)
		}
		table[i] = fp
	}
	return table
}()

// Fingerprint64 returns the CRC-64-AVRO of the schema's canonical form. Avro
// writes it to single-object encodings in little-endian order.
func Fingerprint64(s *Schema) uint64 {
	fp := uint64(emptyCRC)
	for _, c := range Canonical(s) {
		fp = fp>>8 ^ crcTable[byte(fp)^c]
	}
	return fp
}

// FingerprintMD5 returns the MD5 of the schema's canonical form. It
// identifies; it protects nothing.
func FingerprintMD5(s *Schema) [md5.Size]byte { return md5.Sum(Canonical(s)) }

// FingerprintSHA256 returns the SHA-256 of the schema's canonical form.
func FingerprintSHA256(s *Schema) [sha256.Size]byte { return sha256.Sum256(Canonical(s)) }
