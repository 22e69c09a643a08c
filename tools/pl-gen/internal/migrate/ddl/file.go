package ddl

import (
	"regexp"
	"strconv"
	"strings"

	"ariga.io/atlas/sql/migrate"
)

// A File is one migration.
type File struct {
	// Path is relative to the repository's root.
	Path string
	// Statements are in their order.
	Statements []Statement

	text string
}

// A Statement is one statement of a file.
type Statement struct {
	// Actions are what it does, in their order; at least one.
	Actions []Action
	// Comments are the lines of comment right above it, with where they
	// begin.
	Comments []Comment
	// At is the byte offset of its first word.
	At int
}

// A Comment is a line of comment, without its dashes.
type Comment struct {
	Text string
	At   int
}

// A SyntaxError is a file that Atlas cannot take apart, because of a quote that
// is not closed, for example.
type SyntaxError struct {
	// At is the byte offset at which it begins.
	At   int
	text string
}

// Error returns what is wrong.
func (e *SyntaxError) Error() string { return e.text }

var placed = regexp.MustCompile(`^(\d+):(\d+): (.*)`)

// syntaxError reads the place that Atlas puts in front of its messages.
func (f *File) syntaxError(err error) *SyntaxError {
	m := placed.FindStringSubmatch(err.Error())
	if m == nil {
		return &SyntaxError{text: err.Error()}
	}
	line, _ := strconv.Atoi(m[1]) // digits
	col, _ := strconv.Atoi(m[2])
	at := 0
	for ; line > 1; line-- {
		at += strings.IndexByte(f.text[at:], '\n') + 1
	}
	return &SyntaxError{min(at+max(col, 1)-1, len(f.text)), m[3]}
}

// Parse reads a migration. The error is a *[SyntaxError].
func Parse(path string, content []byte) (*File, error) {
	f := &File{Path: path, text: string(content)}
	found, err := migrate.Stmts(f.text)
	if err != nil {
		return f, f.syntaxError(err)
	}
	for _, s := range found {
		list := tokens(s.Text, s.Pos)
		if n := len(list); n > 0 && list[n-1].text == ";" && list[n-1].kind == sign {
			list = list[:n-1]
		}
		if len(list) == 0 {
			continue
		}
		at := list[0].at
		f.Statements = append(f.Statements, Statement{Actions: parse(list), Comments: f.above(at), At: at})
	}
	return f, nil
}

// above returns the lines of comment between the statement at the offset and
// the first line above it that is none.
func (f *File) above(at int) []Comment {
	var list []Comment
	end := strings.LastIndexByte(f.text[:at], '\n')
	for end >= 0 {
		begin := strings.LastIndexByte(f.text[:end], '\n') + 1
		line := strings.TrimSpace(f.text[begin:end])
		rest, ok := strings.CutPrefix(line, "--")
		if !ok {
			break
		}
		list = append([]Comment{{strings.TrimSpace(rest), begin}}, list...)
		end = begin - 1
	}
	return list
}

// Position returns the line and column of a byte offset, both from 1.
func (f *File) Position(at int) (line, col int) {
	before := f.text[:min(at, len(f.text))]
	return strings.Count(before, "\n") + 1, len(before) - strings.LastIndexByte(before, '\n')
}
