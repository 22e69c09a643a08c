// Package web is the page that people see the campus with. Its source is in
// app; what a browser loads is built from it into dist (make web), which is
// committed, so that the hub needs nothing but Go.
package web

import (
	"embed"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed dist
var files embed.FS

// policy lets the page load what this server has, and connect to it, by
// websocket too. There is no inline script or style. The door's other headers
// are right for pages as well.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// How long browsers keep what they have loaded. A file below assets has the
// hash of its content in its name.
const (
	keepForever = "public, max-age=31536000, immutable"
	keepAnHour  = "public, max-age=3600"
	ask         = "no-cache"
)

// Site serves the page: its files, and index.html for every other address that
// a person goes to. It leaves all other requests to next. It is safe for
// concurrent use.
func Site(next http.Handler) http.Handler {
	dist, err := fs.Sub(files, "dist")
	if err != nil {
		panic(err) // the name is embedded
	}
	s := &site{next: next, files: map[string]file{}}
	if err := fs.WalkDir(dist, ".", s.read(dist)); err != nil {
		panic(err) // what is embedded can be read
	}
	return s
}

type site struct {
	next  http.Handler
	files map[string]file // by path, "/assets/index-1a2b.js"
}

type file struct {
	content     string
	contentType string
	keep        string
}

const index = "/index.html"

func (s *site) read(dist fs.FS) fs.WalkDirFunc {
	return func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(dist, name)
		s.files["/"+name] = file{string(content), typeOf(name), keepOf(name)}
		return err
	}
}

// typeOf does not depend on what the system knows of types.
func typeOf(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return mime.TypeByExtension(path.Ext(name))
}

func keepOf(name string) string {
	switch {
	case strings.HasPrefix(name, "assets/"):
		return keepForever
	case "/"+name == index:
		return ask
	}
	return keepAnHour
}

// ServeHTTP implements [http.Handler].
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, ok := s.files[r.URL.Path]
	if !ok && navigates(r) {
		f, ok = s.files[index], true
	}
	if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
		s.next.ServeHTTP(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("Cache-Control", f.keep)
	h.Set("Content-Security-Policy", policy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(f.content))
}

// navigates tells whether a person goes to the address: a file that is missing
// and a program get no page.
func navigates(r *http.Request) bool {
	return path.Ext(r.URL.Path) == "" && strings.Contains(r.Header.Get("Accept"), "text/html")
}
