package operate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// emit prints a result as the command's --format says.
func (env Env) emit(c *connection, result any, text func(w io.Writer) error) error {
	if c.json() {
		return printJSON(env.Stdout, result)
	}
	return text(env.Stdout)
}

func printJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// table prints rows whose columns are separated by tabs.
func table(w io.Writer, rows func(w io.Writer)) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	rows(t)
	return t.Flush()
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

// line shortens a text to one line of at most n characters.
func line(text string, n int) string {
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return text
}

func indented(text json.RawMessage, prefix string) string {
	var out bytes.Buffer
	if json.Indent(&out, text, prefix, "  ") != nil {
		return string(text)
	}
	return out.String()
}

func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func letters(n int64) string { return count(n, "letter", "letters") }

func offset(n int64) string {
	switch n {
	case -2:
		return "oldest"
	case -1:
		return "new"
	}
	return fmt.Sprint(n)
}

func known(n int64) string {
	if n < 0 {
		return "?"
	}
	return fmt.Sprint(n)
}
