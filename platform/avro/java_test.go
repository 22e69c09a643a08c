package avro_test

import (
	"testing"

	"github.com/pulselearn/campus-hub/platform/avro"
)

// TestJavaParser holds the parser against verdicts recorded from Avro Java
// 1.12.1 on the corners of the specification.
func TestJavaParser(t *testing.T) {
	type verdict struct {
		ID, Schema, Canonical, Logical string
		Valid                          bool
		JavaError                      string `json:"java_error"`
	}
	for _, c := range loadCases[verdict](t, "testdata/java_parser.json") {
		t.Run(c.ID, func(t *testing.T) {
			s, err := avro.Parse("s.avsc", []byte(c.Schema), nil)
			switch {
			case err != nil && c.Valid:
				t.Fatalf("Java accepts %s\ngot %v", c.Schema, err)
			case err == nil && !c.Valid:
				t.Fatalf("Java refuses %s (%s)", c.Schema, c.JavaError)
			case err != nil:
				return
			}
			want(t, "canonical form", string(avro.Canonical(s)), c.Canonical)
			want(t, "logical type", s.LogicalType, c.Logical)
		})
	}
}
