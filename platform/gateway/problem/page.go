package problem

import (
	"fmt"
	"net/http"
	"strings"
)

// Describe answers the paths below [Path], which identify kinds of problems:
// each with what the kind means and what to do about it, [Path] itself with all
// of them.
func Describe(w http.ResponseWriter, r *http.Request) {
	var text strings.Builder
	for _, k := range kinds {
		if r.URL.Path == Path || r.URL.Path == k.Type() {
			fmt.Fprintf(&text, "%s: %d %s\n%s\n\n", k.Code, k.Status, k.Title, k.Doc)
		}
	}
	if text.Len() == 0 {
		New("not_found", "there is no such kind of problem; "+Path+" lists all").Write(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(text.String())) // the client may be gone
}
