package gofile

import (
	"strings"
	"unicode/utf8"
)

// width is where comments wrap, counted without indentation.
const width = 78

// comment renders text as line comments. Paragraphs, which blank lines
// separate, are wrapped; indented lines and list items keep their own line.
func comment(text string) string {
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r", ""))
	if text == "" {
		return ""
	}
	var out strings.Builder
	var words []string
	flush := func() {
		wrap(&out, words)
		words = words[:0]
	}
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case strings.TrimSpace(line) == "":
			flush()
			out.WriteString("//\n")
		case strings.HasPrefix(line, "- "):
			flush()
			out.WriteString("//   " + strings.TrimSpace(line) + "\n")
		case line[0] == ' ' || line[0] == '\t':
			flush()
			out.WriteString("// " + strings.TrimRight(line, " \t") + "\n")
		default:
			words = append(words, strings.Fields(line)...)
		}
	}
	flush()
	return out.String()
}

// wrap prints words as one paragraph, as many on a line as fit.
func wrap(out *strings.Builder, words []string) {
	col := 0
	for _, word := range words {
		n := utf8.RuneCountInString(word) + 1
		switch {
		case col == 0:
			out.WriteString("//")
			col = len("//")
		case col+n > width:
			out.WriteString("\n//")
			col = len("//")
		}
		out.WriteString(" " + word)
		col += n
	}
	if col > 0 {
		out.WriteByte('\n')
	}
}
