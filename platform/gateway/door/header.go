package door

import (
	"net/http"
	"slices"
	"strings"
)

// singular are the headers that decide who asks for what. When one is there
// twice, a proxy may have looked at the other one.
var singular = []string{"Authorization", "Content-Type", "Idempotency-Key"}

// ambiguous returns a singular header that is there more than once, or "".
func ambiguous(h http.Header) string {
	for _, name := range singular {
		if len(h[name]) > 1 {
			return name
		}
	}
	return ""
}

// secure sets what every answer says to browsers. A handler of pages puts its
// own policy in the place of the one for data.
func secure(h http.Header, https bool) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	if https {
		h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	}
}

// What pages of other origins may send and read.
var (
	sentMethods = strings.Join([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}, ", ")
	sentHeaders = strings.Join([]string{
		"Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "Traceparent", "Tracestate",
		"Connect-Protocol-Version", "Connect-Timeout-Ms", "Grpc-Timeout", "X-Grpc-Web", "X-User-Agent", "Graphql-Require-Preflight",
	}, ", ")
	readHeaders = strings.Join([]string{
		"ETag", "Link", "Retry-After", "Idempotency-Replayed", "WWW-Authenticate", "Grpc-Status", "Grpc-Message", "Grpc-Status-Details-Bin",
	}, ", ")
)

// preflightSeconds is how long a browser remembers what it was told; longer
// times are cut by browsers.
const preflightSeconds = "7200"

// cors answers browsers that ask for pages of other origins.
type cors struct {
	origins []string
	all     bool
}

func newCORS(origins []string) cors {
	return cors{origins: origins, all: slices.Contains(origins, "*")}
}

// answer says whether the page may read the answer, and answers a preflight
// request by itself: it returns true when nothing is left to do.
func (c cors) answer(w http.ResponseWriter, r *http.Request) bool {
	if len(c.origins) == 0 {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	switch {
	case origin == "", !c.all && !slices.Contains(c.origins, origin):
		return false
	case c.all:
		h.Set("Access-Control-Allow-Origin", "*")
	default:
		h.Set("Access-Control-Allow-Origin", origin)
	}
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		h.Set("Access-Control-Expose-Headers", readHeaders)
		return false
	}
	h.Set("Access-Control-Allow-Methods", sentMethods)
	h.Set("Access-Control-Allow-Headers", sentHeaders)
	h.Set("Access-Control-Max-Age", preflightSeconds)
	w.WriteHeader(http.StatusNoContent)
	return true
}
