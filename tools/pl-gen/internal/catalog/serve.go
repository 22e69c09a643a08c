package catalog

import (
	"bytes"
	"net/http"
	"strings"
	"time"
)

// Handler serves a site. load is called for every page, so that a caller can
// serve what the contracts say now; its error is shown to the reader, who is
// the author of the contracts.
func Handler(load func() ([]File, error)) http.Handler {
	policy := ContentSecurityPolicy()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "the catalog is read only", http.StatusMethodNotAllowed)
			return
		}
		files, err := load()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-cache")
		serveFile(w, r, files)
	})
}

func serveFile(w http.ResponseWriter, r *http.Request, files []File) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == "" {
		name = "index.html"
	}
	for _, f := range files {
		if f.Path == name {
			if strings.HasSuffix(name, ".avsc") {
				w.Header().Set("Content-Type", "application/json")
			}
			http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(f.Content))
			return
		}
	}
	http.NotFound(w, r)
}
