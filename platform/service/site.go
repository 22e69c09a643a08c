package service

import (
	"net/http"
	"slices"
	"strings"
)

// Site gives the app pages for people. pages makes their handler, which leaves
// to next what it does not have. It is asked for GET and HEAD alone, and only
// where nothing else of the process is.
func (a *App) Site(pages func(next http.Handler) http.Handler) { a.site = pages }

// reserved is how the paths of calls and protocols begin, those that do not
// exist included.
var reserved = []string{"/api/", "/graphql", "/realtime", "/pl.", "/grpc.", "/oauth/", "/.well-known/"}

// withSite puts the app's pages in front of calls.
func (p *Process) withSite(calls http.Handler) http.Handler {
	if p.app.site == nil {
		return calls
	}
	pages := p.app.site(calls)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if forPages(r) {
			pages.ServeHTTP(w, r)
			return
		}
		calls.ServeHTTP(w, r)
	})
}

func forPages(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) &&
		!slices.ContainsFunc(reserved, func(prefix string) bool { return strings.HasPrefix(r.URL.Path, prefix) })
}
