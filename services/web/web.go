// Package web is the page that people see the campus with. Its source is in
// app; what a browser loads is built from it into dist (make web), which is
// committed, so that the hub needs nothing but Go.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
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

// A file is what is sent, and how.
type file struct {
	plain, packed []byte // packed is nil where gzip does not pay
	hash          string
	contentType   string
	keep          string
}

const index = "/index.html"

func (s *site) read(dist fs.FS) fs.WalkDirFunc {
	return func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(dist, name)
		hash := sha256.Sum256(content)
		s.files["/"+name] = file{content, pack(content), hex.EncodeToString(hash[:12]), typeOf(name), keepOf(name)}
		return err
	}
}

// pack returns content as gzip makes it, or nil when that saves little.
func pack(content []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // a level that there is
	_, _ = w.Write(content)                               // a buffer takes everything
	_ = w.Close()
	if b.Len() > len(content)*9/10 {
		return nil
	}
	return b.Bytes()
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
		f, ok = s.files[index]
	}
	if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
		s.next.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Security-Policy", policy)
	w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
	f.send(w, r)
}

func (f *file) send(w http.ResponseWriter, r *http.Request) {
	h, content := w.Header(), f.plain
	h.Set("Content-Type", f.contentType)
	h.Set("Cache-Control", f.keep)
	h.Set("ETag", `"`+f.hash+`"`)
	h.Add("Vary", "Accept-Encoding")
	if f.packed != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") && r.Header.Get("Range") == "" {
		h.Set("Content-Encoding", "gzip")
		h.Set("ETag", `"`+f.hash+`-gzip"`)
		content = f.packed
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// navigates tells whether a person goes to the address: a file that is missing
// and a program get no page.
func navigates(r *http.Request) bool {
	return path.Ext(r.URL.Path) == "" && strings.Contains(r.Header.Get("Accept"), "text/html")
}
