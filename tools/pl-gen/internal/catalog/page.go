package catalog

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
	"strings"
)

// A page is what the layout shows around a body.
type page struct {
	Title, Description string
	// Root leads from the page to the site's root: "" or "../".
	Root base
	Body any
}

// Script is the page's script.
func (page) Script() template.JS { return script }

var (
	script    = template.JS(mustRead("template/site.js")) //nolint:gosec // the text is embedded, not input
	templates = template.Must(template.New("").Funcs(template.FuncMap{
		"count": count,
	}).ParseFS(assets, "template/*.html"))
)

func mustRead(name string) string {
	text, err := assets.ReadFile(name)
	if err != nil {
		panic(err) // the file is embedded
	}
	return string(text)
}

// ContentSecurityPolicy is the policy that the site's pages can be served
// with: nothing but its style sheet and its one script.
func ContentSecurityPolicy() string {
	sum := sha256.Sum256([]byte(script))
	return "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; " +
		"script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// render adds a page made by the named template, which defines "main".
func (s *site) render(path, body string, p page) error {
	p.Root = base(strings.Repeat("../", strings.Count(path, "/")))
	var inner, outer bytes.Buffer
	if err := templates.ExecuteTemplate(&inner, body, p); err != nil {
		return fmt.Errorf("render %s: %w", path, err)
	}
	p.Body = template.HTML(inner.String()) //nolint:gosec // html/template escaped it
	if err := templates.ExecuteTemplate(&outer, "layout.html", p); err != nil {
		return fmt.Errorf("render %s: %w", path, err)
	}
	s.add(path, outer.Bytes())
	return nil
}

// count says how many there are of something: count 2 "event" "events".
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
