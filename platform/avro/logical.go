package avro

import (
	"math"
	"strconv"
)

// logicalFits tells for each logical type of the specification whether it fits
// a schema. Decimal needs more, see decimal.
var logicalFits = map[string]func(*Schema) bool{
	"date":                   isKind(Int),
	"time-millis":            isKind(Int),
	"time-micros":            isKind(Long),
	"timestamp-millis":       isKind(Long),
	"timestamp-micros":       isKind(Long),
	"timestamp-nanos":        isKind(Long),
	"local-timestamp-millis": isKind(Long),
	"local-timestamp-micros": isKind(Long),
	"local-timestamp-nanos":  isKind(Long),
	"big-decimal":            isKind(Bytes),
	"uuid":                   func(s *Schema) bool { return s.Kind == String || s.Kind == Fixed && s.Size == 16 },
	"duration":               func(s *Schema) bool { return s.Kind == Fixed && s.Size == 12 },
	"decimal":                func(s *Schema) bool { return s.Kind == Bytes || s.Kind == Fixed },
}

func isKind(k Kind) func(*Schema) bool { return func(s *Schema) bool { return s.Kind == k } }

// javaProps make Java ignore a logical type.
var javaProps = []string{"avro.java.string", "java-class", "java-key-class", "java-element-class"}

// applyLogicalType sets the logical type that the definition names, when it is
// one and fits (specification: otherwise ignore it and use the underlying
// type).
func applyLogicalType(n *node, s *Schema) {
	name, _ := n.str("logicalType")
	fits := logicalFits[name]
	if fits == nil || !fits(s) {
		return
	}
	for _, prop := range javaProps {
		if _, set := n.str(prop); set {
			return
		}
	}
	if name == "decimal" && !decimal(n, s) {
		return
	}
	s.LogicalType = name
	delete(s.Props, "logicalType")
}

// decimal reads precision and scale and reports whether they are valid.
func decimal(n *node, s *Schema) bool {
	precision, ok := intProp(n, "precision")
	if !ok || precision <= 0 || precision > maxPrecision(s) {
		return false
	}
	scale, ok := intProp(n, "scale")
	if n.get("scale") != nil && !ok || scale < 0 || scale > precision {
		return false
	}
	s.Precision, s.Scale = precision, scale
	delete(s.Props, "precision")
	delete(s.Props, "scale")
	return true
}

func intProp(n *node, name string) (int, bool) {
	v := n.get(name)
	if v == nil || v.kind != numberNode {
		return 0, false
	}
	i, err := strconv.ParseInt(v.raw, 10, 32)
	return int(i), err == nil
}

// maxPrecision is how many decimal digits always fit the type. The product
// overflows beyond 256 MiB, as it does in Java.
func maxPrecision(s *Schema) int {
	if s.Kind == Bytes {
		return math.MaxInt32
	}
	return int(math.Floor(math.Log10(2) * float64(8*int32(s.Size)-1)))
}
