package token

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// A form is that of a log-in page, ready to be filled in.
type form struct {
	action         string
	values         url.Values
	name, password string // the fields' names
}

var errForm = errors.New("the log-in page has no form for a name and a password; log in with a browser")

// findForm returns the form with a password on a page at a URL.
func findForm(page []byte, at *url.URL) (*form, error) {
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		return nil, fmt.Errorf("read the log-in page: %w", err)
	}
	for node := range root.Descendants() {
		if node.DataAtom != atom.Form {
			continue
		}
		f := fields(node)
		if f.password == "" || f.name == "" {
			continue
		}
		to, err := at.Parse(attribute(node, "action"))
		if err != nil || to.Host != at.Host || to.Scheme != at.Scheme {
			return nil, errors.New("the log-in page sends its form elsewhere; nothing was sent")
		}
		f.action = to.String()
		return f, nil
	}
	return nil, errForm
}

// fields finds the inputs of a form.
func fields(node *html.Node) *form {
	f := &form{values: url.Values{}}
	for input := range node.Descendants() {
		if input.DataAtom != atom.Input {
			continue
		}
		name := attribute(input, "name")
		switch strings.ToLower(attribute(input, "type")) {
		case "password":
			f.password = name
		case "", "text", "email":
			f.name = name
		case "hidden":
			f.values.Set(name, attribute(input, "value"))
		}
	}
	return f
}

// alert returns the text of a page that is announced as a problem, or else its
// heading and first paragraph of a page that says something.
func alert(page []byte) string {
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		return ""
	}
	said := ""
	for node := range root.Descendants() {
		switch {
		case attribute(node, "role") == "alert":
			return text(node)
		case attribute(node, "class") == "lead":
			said = text(node)
		}
	}
	return said
}

func text(node *html.Node) string {
	var b strings.Builder
	for part := range node.Descendants() {
		if part.Type == html.TextNode {
			b.WriteString(part.Data)
		}
	}
	return strings.TrimSpace(b.String())
}

func attribute(node *html.Node, name string) string {
	for _, a := range node.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
