package auth

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
)

// explained shows people a page where the protocol answers an application with
// an error in JSON: an authorization request that cannot be sent back.
func (p *provider) explained(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept"), "text/html") {
			next.ServeHTTP(w, r)
			return
		}
		held := &heldAnswer{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(held, r)
		if held.status < http.StatusBadRequest {
			held.release()
			return
		}
		var problem struct {
			Text string `json:"error_description"`
		}
		_ = json.Unmarshal(held.body.Bytes(), &problem) // without a text the page says so
		if problem.Text == "" {
			problem.Text = "The application has asked for something that is not served."
		}
		p.fail(w, held.status, "This log-in cannot begin", problem.Text)
	})
}

// A heldAnswer keeps an answer back until it is known what it is.
type heldAnswer struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (h *heldAnswer) WriteHeader(status int)         { h.status = status }
func (h *heldAnswer) Write(text []byte) (int, error) { return h.body.Write(text) }

func (h *heldAnswer) release() {
	h.ResponseWriter.WriteHeader(h.status)
	_, _ = h.ResponseWriter.Write(h.body.Bytes()) // the browser may be gone
}
