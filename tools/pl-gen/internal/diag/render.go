package diag

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// A Format is a way to print findings.
type Format string

// The formats that "--format" takes.
const (
	Text   Format = "text"
	JSON   Format = "json"
	GitHub Format = "github"
	JUnit  Format = "junit"
	SARIF  Format = "sarif"
)

// Formats lists the formats, the default one first.
func Formats() []Format { return []Format{Text, JSON, GitHub, JUnit, SARIF} }

// ParseFormat returns the format of that name.
func ParseFormat(name string) (Format, error) {
	for _, f := range Formats() {
		if string(f) == name {
			return f, nil
		}
	}
	return "", fmt.Errorf("format %q is not known; use text, json, github, junit or sarif", name)
}

// Render writes the findings. Text writes nothing when there are none; the
// others always write a complete document.
func Render(w io.Writer, format Format, list []Diagnostic) error {
	render, ok := renderers[format]
	if !ok {
		return fmt.Errorf("render findings: format %q is not known", format)
	}
	return render(w, list)
}

var renderers = map[Format]func(io.Writer, []Diagnostic) error{
	Text: renderText, JSON: renderJSON, GitHub: renderGitHub, JUnit: renderJUnit, SARIF: renderSARIF,
}

// Place returns "path:line:col".
func (d Diagnostic) Place() string {
	pos := d.place()
	return fmt.Sprintf("%s:%d:%d", pos.File, pos.Line, pos.Col)
}

// place is the finding's place, or the nearest that can be named: other tools
// need a file and a line.
func (d Diagnostic) place() Pos {
	return Pos{File: cmp.Or(d.Pos.File, "contracts"), Line: max(1, d.Pos.Line), Col: max(1, d.Pos.Col)}
}

// String returns the finding's first line of text.
func (d Diagnostic) String() string {
	return fmt.Sprintf("%s: %s %s", d.Place(), d.Rule, d.Message)
}

func renderText(w io.Writer, list []Diagnostic) error {
	var b strings.Builder
	for _, d := range list {
		fmt.Fprintln(&b, d)
		line(&b, "cause", d.Cause)
		d.Change.each(func(label, text string) { line(&b, label, text) })
		line(&b, "fix", d.Fix)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func line(b *strings.Builder, label, text string) {
	if text != "" {
		fmt.Fprintf(b, "    %-6s %s\n", label+":", strings.ReplaceAll(text, "\n", "\n            "))
	}
}

type jsonFinding struct {
	Rule     Rule   `json:"rule"`
	Severity string `json:"severity"`
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Message  string `json:"message"`
	Cause    string `json:"cause,omitempty"`
	Fix      string `json:"fix,omitempty"`
	Change   Change `json:"change,omitzero"`
}

func renderJSON(w io.Writer, list []Diagnostic) error {
	out := make([]jsonFinding, 0, len(list))
	for _, d := range list {
		out = append(out, jsonFinding{
			d.Rule, d.Severity.String(), d.Pos.File, d.Pos.Line, d.Pos.Col, d.Message, d.Cause, d.Fix, d.Change,
		})
	}
	return writeJSON(w, map[string]any{"findings": out})
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

var (
	githubData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	githubProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func renderGitHub(w io.Writer, list []Diagnostic) error {
	var b strings.Builder
	for _, d := range list {
		fmt.Fprintf(&b, "::%s file=%s,line=%d,col=%d,title=%s::%s\n", d.Severity,
			githubProperty.Replace(d.place().File), d.place().Line, d.place().Col, d.Rule, githubData.Replace(d.prose()))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// prose is the message with its cause, what is known about the change and the
// fix on lines of their own.
func (d Diagnostic) prose() string {
	lines := []string{d.Message}
	if d.Cause != "" {
		lines = append(lines, d.Cause)
	}
	d.Change.each(func(label, text string) { lines = append(lines, label+": "+text) })
	if d.Fix != "" {
		lines = append(lines, d.Fix)
	}
	return strings.Join(lines, "\n")
}
