package service

import (
	"net/http"
	"net/url"
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
		switch {
		case !forPages(r):
			calls.ServeHTTP(w, r)
		case p.elsewhere(r):
			http.Redirect(w, r, p.cfg.PublicURL+r.URL.RequestURI(), http.StatusTemporaryRedirect)
		default:
			pages.ServeHTTP(w, r)
		}
	})
}

// elsewhere tells whether a person on this machine has come by another of its
// names than the one that log-ins lead back to.
func (p *Process) elsewhere(r *http.Request) bool {
	public, err := url.Parse(p.cfg.PublicURL)
	asked := url.URL{Host: r.Host}
	return err == nil && r.Host != public.Host && asked.Port() == public.Port() &&
		loopback(public.Hostname()) && loopback(asked.Hostname()) && strings.Contains(r.Header.Get("Accept"), "text/html")
}

func forPages(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) &&
		!slices.ContainsFunc(reserved, func(prefix string) bool { return strings.HasPrefix(r.URL.Path, prefix) })
}
