// Package door is what stands in front of everything that a process serves to
// the outside: security headers, origins, limits on size, time and rate, and
// the end of it all when the process drains. What it refuses is answered in
// the protocol of the request.
package door

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pulselearn/campus-hub/platform/gateway/problem"
	"github.com/pulselearn/campus-hub/platform/identity"
)

// Config says what the door lets through. The zero Config has no limits and
// knows no origins.
type Config struct {
	// Origins are the web origins whose pages may read answers; "*" means
	// every one. Credentials that a browser adds by itself are never asked
	// for, so a page has to know a token.
	Origins []string
	// Proxies are the networks whose word on a request's origin is taken:
	// X-Forwarded-For and X-Forwarded-Proto.
	Proxies []netip.Prefix
	// MaxBytes bounds the body of a request, 0 does not. Calls whose messages
	// are in frames, as gRPC's are, are left to what reads the frames: the
	// bound is meant for a message, and a body has more bytes than that.
	MaxBytes int64
	// Timeout bounds a call from its arrival on, 0 does not.
	Timeout time.Duration
	// Rate is how many requests a second one caller makes for long, and Burst
	// how many at once. A Rate of 0 means any number.
	Rate  float64
	Burst int
	// Log gets what the door has to say; nil discards it.
	Log *slog.Logger
}

// A Door guards a handler. It is safe for concurrent use.
type Door struct {
	config  Config
	limiter *Limiter
	cors    cors
	closed  atomic.Bool
}

// New returns an open door.
func New(c Config) *Door {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Door{config: c, limiter: NewLimiter(c.Rate, c.Burst), cors: newCORS(c.Origins)}
}

// Close lets nothing more in: further requests are told to come back, to
// another process most likely. Those that are inside go on.
func (d *Door) Close() { d.closed.Store(true) }

// Limiter returns the limit of each caller, for what does not come as
// requests. Its keys are the names of callers.
func (d *Door) Limiter() *Limiter { return d.limiter }

// retryDrained is what a client is told to wait when a process ends.
const retryDrained = time.Second

// Guard is the outside of the door: everything but the limit of the caller,
// who is not known here. Behind it [identity.Address] is where a request comes
// from, whatever serves it.
func (d *Door) Guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.WithContext(identity.WithAddress(r.Context(), d.address(r)))
		secure(w.Header(), d.isHTTPS(r))
		if d.cors.answer(w, r) {
			return
		}
		if name := ambiguous(r.Header); name != "" {
			Refuse(w, r, problem.New("invalid_argument", "the header "+name+" is given more than once"))
			return
		}
		if d.closed.Load() {
			w.Header().Set("Connection", "close")
			p := problem.New("unavailable", "the process is about to end; send the request again")
			p.RetryAfter = retryDrained
			Refuse(w, r, p)
			return
		}
		d.bounded(next).ServeHTTP(w, r)
	})
}

// bounded limits the size of the request and the time that it takes.
func (d *Door) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.config.Timeout > 0 && !long(r) {
			ctx, cancel := context.WithTimeout(r.Context(), d.config.Timeout)
			defer cancel()
			r = r.WithContext(ctx)
		}
		if d.config.MaxBytes > 0 && !framed(r) {
			if r.ContentLength > d.config.MaxBytes {
				Refuse(w, r, tooLarge(d.config.MaxBytes))
				return
			}
			r.Body = http.MaxBytesReader(w, r.Body, d.config.MaxBytes)
		}
		next.ServeHTTP(w, r)
	})
}

// long tells whether a request is the beginning of a connection that lives on:
// a websocket, or a stream of events.
func long(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket") || r.Header.Get("Accept") == "text/event-stream"
}

// Limit is the inside of the door, behind what puts the caller into the
// context: it holds each caller to the rate. Contexts that call each other are
// not limited.
func (d *Door) Limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.admit(w, r, identity.From(r.Context())) {
			next.ServeHTTP(w, r)
		}
	})
}

// Unknown answers a request whose token is not good with the problem that says
// so, and holds its address to the rate: guessing costs as much as asking.
func (d *Door) Unknown(w http.ResponseWriter, r *http.Request, p *problem.Problem) {
	if d.admit(w, r, identity.Caller{}) {
		Refuse(w, r, p)
	}
}

func (d *Door) admit(w http.ResponseWriter, r *http.Request, c identity.Caller) bool {
	if c.Service != "" {
		return true
	}
	key := c.Name()
	if c.Anonymous() {
		key = "address:" + identity.Address(r.Context())
	}
	wait := d.limiter.Take(key)
	if wait == 0 {
		return true
	}
	p := problem.New("resource_exhausted", "this caller makes too many requests; Retry-After says when the next one is let in")
	p.RetryAfter = wait
	Refuse(w, r, p)
	return false
}
