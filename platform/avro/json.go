package avro

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Limits on what the parser reads. They are far above any real schema and
// bound the time and stack that hostile text can cost. Depth and the length of
// numbers are those of Java's JSON parser.
const (
	maxText   = 4 << 20
	maxDepth  = 1000
	maxNumber = 1000
	maxFaults = 1000
)

type nodeKind uint8

const (
	nullNode nodeKind = iota
	boolNode
	numberNode
	stringNode
	arrayNode
	objectNode
)

func (k nodeKind) String() string {
	return [...]string{"null", "a boolean", "a number", "a string", "an array", "an object"}[k]
}

// A node is one JSON value with its place in the text.
type node struct {
	kind   nodeKind
	off    int
	raw    string  // the token of a number
	text   string  // the decoded text of a string
	truth  bool    // the value of a boolean
	elems  []*node // an array's elements; an object's values
	keys   []key   // an object's keys
	parent *node
	// at is the key or index within parent; index serves big objects.
	atKey   string
	atIndex int
	index   map[string]*node
}

type key struct {
	name string
	off  int
}

// get returns the value of a key, the last one when it is repeated (as Java
// does), or nil.
func (n *node) get(name string) *node {
	if n == nil || n.kind != objectNode {
		return nil
	}
	if len(n.keys) > 16 {
		return n.lookup()[name]
	}
	for i := len(n.keys) - 1; i >= 0; i-- {
		if n.keys[i].name == name {
			return n.elems[i]
		}
	}
	return nil
}

func (n *node) lookup() map[string]*node {
	if n.index == nil {
		n.index = make(map[string]*node, len(n.keys))
		for i, k := range n.keys {
			n.index[k.name] = n.elems[i]
		}
	}
	return n.index
}

// str returns the text of a key's string value; ok is false when it is absent
// or not a string.
func (n *node) str(name string) (text string, ok bool) {
	v := n.get(name)
	if v == nil || v.kind != stringNode {
		return "", false
	}
	return v.text, true
}

// pointer returns the node's JSON pointer.
func (n *node) pointer() string {
	var parts []string
	for ; n != nil && n.parent != nil; n = n.parent {
		if n.parent.kind == arrayNode {
			parts = append(parts, strconv.Itoa(n.atIndex))
			continue
		}
		parts = append(parts, pointerEscape.Replace(n.atKey))
	}
	if len(parts) == 0 {
		return ""
	}
	slices.Reverse(parts)
	return "/" + strings.Join(parts, "/")
}

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

// appendJSON appends the node as minified JSON; numbers keep their spelling,
// and of a repeated key only the last value remains.
func (n *node) appendJSON(b []byte) []byte {
	switch n.kind {
	case nullNode:
		return append(b, "null"...)
	case boolNode:
		return strconv.AppendBool(b, n.truth)
	case numberNode:
		return append(b, n.raw...)
	case stringNode:
		return appendQuoted(b, n.text)
	case arrayNode:
		return n.appendArray(b)
	}
	return n.appendObject(b)
}

func (n *node) appendArray(b []byte) []byte {
	b = append(b, '[')
	for i, e := range n.elems {
		if i > 0 {
			b = append(b, ',')
		}
		b = e.appendJSON(b)
	}
	return append(b, ']')
}

func (n *node) appendObject(b []byte) []byte {
	b = append(b, '{')
	first := true
	for i, k := range n.keys {
		if n.get(k.name) != n.elems[i] {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(appendQuoted(b, k.name), ':')
		b = n.elems[i].appendJSON(b)
	}
	return append(b, '}')
}

const hexDigits = "0123456789abcdef"

// appendQuoted appends s as a JSON string with no escapes but the necessary.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\t':
			b = append(b, '\\', 't')
		case c == '\r':
			b = append(b, '\\', 'r')
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// lines finds the line and column of an offset.
type lines struct {
	file   string
	starts []int
}

func newLines(file string, text []byte) lines {
	l := lines{file: file, starts: []int{0}}
	for i := 0; ; {
		j := bytes.IndexByte(text[i:], '\n')
		if j < 0 {
			return l
		}
		i += j + 1
		l.starts = append(l.starts, i)
	}
}

func (l lines) pos(off int) Pos {
	i, exact := slices.BinarySearch(l.starts, off)
	if !exact {
		i--
	}
	return Pos{File: l.file, Line: i + 1, Col: off - l.starts[i] + 1}
}

// A syntaxError is where and why a text is not JSON.
type syntaxError struct {
	off       int
	code, msg string
	fix       string
}

func syntaxErrorf(off int, fix, format string, args ...any) *syntaxError {
	return &syntaxError{off: off, code: CodeSyntax, msg: fmt.Sprintf(format, args...), fix: fix}
}
