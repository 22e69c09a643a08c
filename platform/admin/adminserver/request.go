package adminserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/pulselearn/campus-hub/platform/admin"
)

// body reads the request's JSON. A field that it does not know is an error: it
// would be a wish that is not met.
func body[T any](r *http.Request) (in T, err error) {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err = d.Decode(&in)
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return in, err
	}
	if err != nil {
		return in, refused(http.StatusBadRequest, fmt.Sprintf("the request cannot be read: %v", err), "")
	}
	return in, nil
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(v) // the client may be gone
}

// A query reads parameters of a URL and keeps the first error.
type query struct {
	values url.Values
	err    error
}

func (q *query) text(name string) string { return q.values.Get(name) }

func (q *query) flag(name string) bool {
	text := q.values.Get(name)
	if text == "" {
		return false
	}
	b, err := strconv.ParseBool(text)
	q.fail(err, name, "true or false")
	return b
}

func (q *query) limit(fallback int) int {
	text := q.values.Get("limit")
	if text == "" {
		return fallback
	}
	n, err := strconv.Atoi(text)
	if err == nil && (n < 1 || n > maxRows) {
		err = strconv.ErrRange
	}
	q.fail(err, "limit", fmt.Sprintf("a number from 1 to %d", maxRows))
	return n
}

func (q *query) time(name string) time.Time {
	text := q.values.Get(name)
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	q.fail(err, name, "a time such as 2026-11-23T03:00:00Z")
	return t
}

func (q *query) fail(err error, name, want string) {
	if err != nil && q.err == nil {
		q.err = refused(http.StatusBadRequest, "the parameter "+name+" is not "+want, "")
	}
}

func filterOf(r *http.Request) (admin.Filter, *query) {
	q := &query{values: r.URL.Query()}
	return admin.Filter{
		Context: q.text("context"), Consumer: q.text("consumer"), Topic: q.text("topic"), State: q.text("state"), Key: q.text("key"),
		Signature: q.text("signature"), EventID: q.text("eventId"), Since: q.time("since"),
	}, q
}

// actor is who asks: a person by name, as far as the request says, or else the
// address.
func actor(r *http.Request) string {
	if name := r.Header.Get(admin.HeaderActor); name != "" {
		return name[:min(len(name), 200)]
	}
	return r.RemoteAddr
}
