package auth

import (
	"bytes"
	"context"
	"embed"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/pulselearn/campus-hub/gen/ent/auth/session"
	authservice "github.com/pulselearn/campus-hub/gen/service/auth"
)

//go:embed page
var files embed.FS

var pages = template.Must(template.ParseFS(files, "page/*.html"))

func (p *provider) mountPages(mux *http.ServeMux) {
	mux.HandleFunc("GET "+pathLogin, p.showLogin)
	mux.HandleFunc("POST "+pathLogin, p.logIn)
	mux.HandleFunc("GET "+pathLogout, p.showLogout)
	mux.HandleFunc("POST "+pathLogout, p.logOut)
	mux.HandleFunc("GET "+pathPassword, p.showPassword)
	mux.HandleFunc("POST "+pathPassword, p.changePassword)
	if p.mail != nil {
		mux.HandleFunc("GET "+pathForgot, p.showForgot)
		mux.HandleFunc("POST "+pathForgot, p.forgot)
		mux.HandleFunc("GET "+pathReset, p.showReset)
		mux.HandleFunc("POST "+pathReset, p.reset)
	}
	mux.HandleFunc("GET "+pathStyle, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=3600")
		http.ServeFileFS(w, r, files, "page/style.css")
	})
}

// A loginForm is what the log-in page shows.
type loginForm struct {
	Client  string // the application's name
	Token   string // against forms of other sites
	Request string // the sealed request
	Name    string // as it was typed before
	Problem string // "" at first
	Mail    bool   // whether a forgotten password can be replaced
}

func (p *provider) loginForm(w http.ResponseWriter, r *http.Request, request *loginRequest, form loginForm, status int) {
	form.Client, form.Token, form.Mail = p.clients[request.Client].Name, p.formToken(w, r), p.mail != nil
	p.show(w, "login.html", form, status, request.Redirect)
}

// A message is a page that says something, with a link to go on or without.
type message struct{ Title, Text, To, Link string }

func (p *provider) fail(w http.ResponseWriter, status int, title, text string) {
	p.show(w, "message.html", message{Title: title, Text: text}, status, "")
}

// show writes a page. A browser runs no script on it, frames it nowhere, and
// sends its form to us alone, or from us to where the form may lead.
func (p *provider) show(w http.ResponseWriter, page string, data any, status int, leads string) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, page, data); err != nil {
		slog.Error("a page cannot be shown", "page", page, "error", err)
		http.Error(w, textTrouble, http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"+origin(leads))
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the browser may be gone
}

// origin returns a URL's origin as a source of a policy, with a space before.
func origin(of string) string {
	u, err := url.Parse(of)
	switch {
	case err != nil || u.Scheme == "":
		return ""
	case u.Host == "":
		return " " + u.Scheme + ":"
	}
	return " " + u.Scheme + "://" + u.Host
}

func (p *provider) log(r *http.Request, what string, err error) {
	slog.ErrorContext(r.Context(), what, "path", r.URL.Path, "error", err)
}

// A logoutForm is what the log-out page shows.
type logoutForm struct{ Token string }

func (p *provider) showLogout(w http.ResponseWriter, r *http.Request) {
	in, err := p.sessionOf(r.Context(), r)
	switch {
	case err != nil:
		p.log(r, "the log-out page failed", err)
		p.fail(w, http.StatusServiceUnavailable, "Not now", textTrouble)
	case in == nil || r.URL.Query().Has("done"):
		p.fail(w, http.StatusOK, "You are logged out", "You can close this page.")
	default:
		p.show(w, "logout.html", logoutForm{p.formToken(w, r)}, http.StatusOK, "")
	}
}

func (p *provider) logOut(w http.ResponseWriter, r *http.Request) {
	if !p.ownForm(r) {
		p.fail(w, http.StatusForbidden, "You are still logged in", textForm)
		return
	}
	in, err := p.sessionOf(r.Context(), r)
	if err == nil && in != nil {
		err = p.run.InTx(r.Context(), func(ctx context.Context, tx *authservice.Tx) error {
			return endSession(ctx, tx, in, session.EndReasonLogout)
		})
	}
	if err != nil {
		p.log(r, "a log-out failed", err)
		p.fail(w, http.StatusServiceUnavailable, "You are still logged in", textTrouble)
		return
	}
	p.setCookie(w, cookieSession, "", -1)
	http.Redirect(w, r, pathLogout+"?done=1", http.StatusSeeOther)
}
