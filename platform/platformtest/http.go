package platformtest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
)

// visitor is where the requests of tests come from.
const visitor = "192.0.2.1:1234"

// HTTP returns a client whose requests the process answers as its port would,
// whatever their host. It follows no redirect and keeps no cookies unless it is
// told to. A request that the process does not survive fails.
func (h *Harness) HTTP() *http.Client {
	return &http.Client{
		Transport:     insideTransport{h},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// insideTransport takes requests to the process without a network.
type insideTransport struct{ h *Harness }

// RoundTrip implements [http.RoundTripper].
func (t insideTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	arrived := r.Clone(r.Context())
	arrived.RequestURI, arrived.RemoteAddr, arrived.Host = r.URL.RequestURI(), visitor, r.URL.Host
	if arrived.Body == nil {
		arrived.Body = http.NoBody
	}
	answer, done, answered := httptest.NewRecorder(), make(chan struct{}), false
	go func() {
		defer close(done)
		t.h.process.Handler().ServeHTTP(answer, arrived)
		answered = true
	}()
	<-done
	if !answered {
		return nil, fmt.Errorf("%s %s: the process has ended before it answered", r.Method, r.URL.Path)
	}
	response := answer.Result()
	response.Request = r
	return response, nil
}
