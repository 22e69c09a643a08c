package avro

import (
	"cmp"
	"slices"
	"strings"
)

// The codes of faults. A code is stable: tools key explanations on it.
const (
	CodeSyntax         = "syntax"          // the text is not JSON
	CodeLimit          = "limit"           // the text is larger or deeper than this parser reads
	CodeBadProperty    = "bad-property"    // a required property is absent, or is JSON of the wrong kind
	CodeBadName        = "bad-name"        // a name, namespace or alias breaks Avro's rules
	CodeUnknownType    = "unknown-type"    // a reference to a type that nobody defines
	CodeDuplicateName  = "duplicate-name"  // two different types have one name
	CodeDuplicateField = "duplicate-field" // a record has two fields of one name
	CodeDuplicateKey   = "duplicate-key"   // a JSON object has a key twice
	CodeBadSymbol      = "bad-symbol"      // an enum symbol is invalid, repeated or unknown
	CodeBadUnion       = "bad-union"       // a union holds a union, or one type twice
	CodeBadDefault     = "bad-default"     // a default that its type does not accept
	CodeNeverEnds      = "never-ends"      // a record that requires itself
	CodeCycle          = "cycle"           // files that refer to each other in a circle
)

// A Fault is one thing that is wrong with a schema text.
type Fault struct {
	Pos  Pos
	Code string
	// Pointer is the JSON pointer (RFC 6901) of the place within the file.
	Pointer string
	Message string
	// Fix says what to do, or is "".
	Fix string
}

// Error returns "file:line:col: code: message; fix".
func (f Fault) Error() string {
	text := f.Pos.String() + ": " + f.Code + ": " + f.Message
	if f.Fix != "" {
		text += "; " + f.Fix
	}
	return text
}

// Faults are all the faults of a text, in the order of their places.
type Faults []Fault

// Error returns one fault a line.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// err returns nil for no faults, so that a nil Faults never becomes a non-nil
// error.
func (fs Faults) err() error {
	if len(fs) == 0 {
		return nil
	}
	return fs
}

func (fs Faults) sort() {
	slices.SortStableFunc(fs, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Col, b.Pos.Col))
	})
}
