// Package explain holds a page for each rule. A page is a txtar file whose
// examples are tests: the bad one gives exactly the findings that the page
// shows, the good one gives none.
package explain

import (
	"bytes"
	"embed"
	"fmt"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
)

//go:embed rules/*.txtar
var pages embed.FS

// A Page explains one rule.
type Page struct {
	Rule diag.Rule
	// Why says what would go wrong, and Fix what to do.
	Why, Fix string
	// Bad and Good are example files; a file without content is one that is
	// missing. For a rule about changes, Old is what they are changes of.
	Old, Bad, Good []txtar.File
	// Want is what pl-gen says about the bad example.
	Want string
}

// Find returns the page of a rule.
func Find(rule diag.Rule) (*Page, error) {
	if !rule.Known() {
		return nil, fmt.Errorf("there is no rule %q", rule)
	}
	text, err := pages.ReadFile("rules/" + string(rule) + ".txtar")
	if err != nil {
		return nil, fmt.Errorf("rule %s has no page: %w", rule, err)
	}
	return parse(rule, text), nil
}

func parse(rule diag.Rule, text []byte) *Page {
	archive := txtar.Parse(text)
	p := &Page{Rule: rule}
	p.Why, p.Fix, _ = strings.Cut(strings.TrimSpace(string(archive.Comment)), "\n\nfix: ")
	p.Why = strings.TrimPrefix(p.Why, "why: ")
	for _, f := range archive.Files {
		kind, name, _ := strings.Cut(f.Name, "/")
		switch kind {
		case "old":
			p.Old = append(p.Old, txtar.File{Name: name, Data: f.Data})
		case "bad":
			p.Bad = append(p.Bad, txtar.File{Name: name, Data: f.Data})
		case "good":
			p.Good = append(p.Good, txtar.File{Name: name, Data: f.Data})
		case "want":
			p.Want = string(f.Data)
		}
	}
	return p
}

// Text returns the page as it is printed.
func (p *Page) Text() []byte {
	var b bytes.Buffer
	info := p.Rule.Info()
	fmt.Fprintf(&b, "%s (%s): %s\n\nWhy\n%s\n", p.Rule, severity(info), info.Title, indent(p.Why))
	section(&b, "Before", p.Old)
	section(&b, "Bad", p.Bad)
	if p.Want != "" {
		fmt.Fprintf(&b, "\nWhat pl-gen says\n%s", indent(p.Want))
	}
	section(&b, "Good", p.Good)
	fmt.Fprintf(&b, "\nHow to fix it\n%s\n", indent(p.Fix))
	return b.Bytes()
}

func severity(info diag.Info) string {
	if info.Waivable {
		return info.Severity.String() + `, can be waived with "allow"`
	}
	return info.Severity.String()
}

func section(b *bytes.Buffer, title string, files []txtar.File) {
	for _, f := range files {
		content := indent(string(f.Data))
		if len(f.Data) == 0 {
			content = indent("(the file does not exist)\n")
		}
		fmt.Fprintf(b, "\n%s: %s\n%s", title, f.Name, content)
	}
}

func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line != "\n" {
			b.WriteString("  ")
		}
		b.WriteString(line)
	}
	return b.String()
}
