package hold

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Bounds of what is kept of an error, in bytes.
const (
	maxCause     = 2000
	maxSignature = 200
)

// Cause returns the text of err as it is kept in a row.
func Cause(err error) string { return shorten(text(err.Error()), maxCause) }

// What differs from event to event in an error that is otherwise the same.
var (
	quoted  = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'[^']*'|` + "`[^`]*`")
	ids     = regexp.MustCompile(`\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b|\b(?:0x)?[0-9a-fA-F]*[0-9][0-9a-fA-F]{7,}\b`)
	numbers = regexp.MustCompile(`[0-9]+(?:\.[0-9]+)*`)
)

// Signature returns a cause without what differs from event to event: quoted
// text, ids and numbers become "…", "#" and "0".
func Signature(cause string) string {
	cause = quoted.ReplaceAllString(cause, "…")
	cause = ids.ReplaceAllString(cause, "#")
	cause = numbers.ReplaceAllString(cause, "0")
	return shorten(cause, maxSignature)
}

// text makes s what every database takes as text: UTF-8 without NUL.
func text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// shorten cuts s, between two characters, when it has more than most bytes.
func shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	most -= len("…")
	for !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most] + "…"
}
