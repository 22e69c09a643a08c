// Package adminserver answers the admin API of package admin for the contexts
// of one process. It reads and changes the contexts' databases through the
// packages that own the tables, so that a change is guarded as theirs are.
//
// It writes no payload to the log, and records every change, and every look at
// personal data, with who asked for it and why.
package adminserver

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/pulselearn/campus-hub/platform/admin"
	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/schema"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// Limits of the API.
const (
	maxBody    = 4 << 20
	maxTime    = 30 * time.Second
	maxAtOnce  = 16
	maxReason  = 2000
	maxRows    = 10_000
	changeRows = 1000
)

// Config is what a server is made of.
type Config struct {
	// Service is the process's name.
	Service string
	// Token has to come with every request. Without one the server answers
	// only requests that are addressed to the machine itself.
	Token string
	// Contexts are those of the process.
	Contexts []Context
	// NotReady returns the components of the process that are not ready.
	NotReady func(ctx context.Context) map[string]string
	Logger   *slog.Logger
}

// A Context is one context of the process.
type Context struct {
	Name string
	DB   *database.DB
	// Store applies deliveries, for trials of held ones.
	Store *tx.Store
	// Router is nil in a context that consumes nothing.
	Router *bus.Router
	// Consumers and Publishes are those of the contract.
	Consumers []tx.Consumer
	Publishes []*event.Type
	Decoder   bus.Decoder
	Schemas   Schemas
	// Broker says what a topic has; nil when the broker cannot.
	Broker driver.Surveyor
	// Pauses knows which positions take no new records.
	Pauses *Pauses
}

// Schemas knows the schemas of records. It is safe for concurrent use.
type Schemas interface {
	// Writer returns the schema that a value was written with, how the record
	// names it, and the datum.
	Writer(ctx context.Context, headers []event.Header, value []byte) (*avro.Schema, schema.Frame, []byte, error)
	// SchemaID returns the registry's id of a schema.
	SchemaID(ctx context.Context, fingerprint uint64, subject, text string) (int, error)
}

// A server is the API's handler.
type server struct {
	Config
	mux   http.ServeMux
	token [sha256.Size]byte
	slots chan struct{}
}

// New returns the API's handler.
func New(cfg Config) http.Handler {
	s := &server{Config: cfg, token: sha256.Sum256([]byte(cfg.Token)), slots: make(chan struct{}, maxAtOnce)}
	s.routes()
	return http.HandlerFunc(s.serve)
}

func (s *server) routes() {
	s.handle("GET /v1", s.service)
	s.handle("GET /v1/hold", s.listHold)
	s.handle("GET /v1/hold/{id...}", s.showLetter)
	s.handle("GET /v1/hold/jobs/{job}", s.progress)
	s.handle("GET /v1/hold/export", s.export)
	s.handle("POST /v1/hold/redrive", s.redrive)
	s.handle("POST /v1/hold/park", s.park)
	s.handle("POST /v1/hold/drop", s.drop)
	s.handle("POST /v1/hold/dry-run", s.dryRun)
	s.handle("GET /v1/consumers", s.listConsumers)
	s.handle("POST /v1/consumers/reset", s.reset)
	s.handle("GET /v1/outbox", s.outbox)
	s.handle("POST /v1/outbox/replay", s.replay)
	s.handle("GET /v1/events/{id}", s.event)
	s.handle("GET /v1/sagas", s.listSagas)
	s.handle("GET /v1/sagas/{id}", s.showSaga)
	s.handle("POST /v1/sagas/{action}", s.changeSaga)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, refused(http.StatusNotFound, "there is no "+r.Method+" "+r.URL.Path, "docs/runbooks/admin-api.md lists the requests"))
	})
}

// handle answers a pattern with what h returns, as JSON. A nil result means
// that h has answered itself.
func (s *server) handle(pattern string, h func(w http.ResponseWriter, r *http.Request) (any, error)) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		result, err := h(w, r)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		if result != nil {
			writeJSON(w, http.StatusOK, result)
		}
	})
}

// serve lets a request in.
func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	if err := s.admit(r); err != nil {
		s.refuse(w, r, err)
		return
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		w.Header().Set("Retry-After", "1")
		s.refuse(w, r, refused(http.StatusServiceUnavailable, "too many admin requests at once", "try again in a second"))
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if !strings.HasSuffix(r.URL.Path, "/export") { // which takes as long as its letters do
		ctx, cancel := context.WithTimeout(r.Context(), maxTime)
		defer cancel()
		r = r.WithContext(ctx)
	}
	s.mux.ServeHTTP(w, r)
}

// admit checks the token. Without one, a page in somebody's browser must not be
// able to ask: it can neither name this machine as the host, nor send JSON
// without being asked first.
func (s *server) admit(r *http.Request) error {
	if r.Method == http.MethodPost && !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return refused(http.StatusUnsupportedMediaType, "the request is not JSON", "send the header Content-Type: application/json")
	}
	if s.Token == "" {
		if !ownMachine(r.Host) {
			return refused(http.StatusForbidden, "without PL_ADMIN_TOKEN only requests to 127.0.0.1 or localhost are answered", "")
		}
		return nil
	}
	given, ok := strings.CutPrefix(r.Header.Get(admin.HeaderToken), "Bearer ")
	sum := sha256.Sum256([]byte(given))
	if !ok || subtle.ConstantTimeCompare(sum[:], s.token[:]) != 1 {
		return refused(http.StatusUnauthorized, "the token is missing or wrong", "send the header Authorization: Bearer $PL_ADMIN_TOKEN")
	}
	return nil
}

func ownMachine(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (s *server) service(_ http.ResponseWriter, r *http.Request) (any, error) {
	answer := admin.Service{Service: s.Service, Contexts: []string{}, NotReady: s.NotReady(r.Context())}
	for i := range s.Contexts {
		answer.Contexts = append(answer.Contexts, s.Contexts[i].Name)
	}
	return answer, nil
}

// context returns a context by its name, which may be left out where there is
// one only.
func (s *server) context(name string) (*Context, error) {
	for i := range s.Contexts {
		if s.Contexts[i].Name == name || name == "" && len(s.Contexts) == 1 {
			return &s.Contexts[i], nil
		}
	}
	if name == "" {
		return nil, refused(http.StatusBadRequest, "this process has several contexts", "say which with the parameter context: "+s.names())
	}
	return nil, refused(http.StatusNotFound, "this process does not serve context \""+name+"\"", "it serves "+s.names())
}

func (s *server) names() string {
	names := make([]string, len(s.Contexts))
	for i := range s.Contexts {
		names[i] = s.Contexts[i].Name
	}
	return strings.Join(names, ", ")
}

// chosen returns the contexts that a request is about: one, or all.
func (s *server) chosen(name, consumer string) ([]*Context, error) {
	if name == "" && consumer != "" {
		name, _, _ = strings.Cut(consumer, ".")
	}
	if name != "" {
		c, err := s.context(name)
		return []*Context{c}, err
	}
	all := make([]*Context, len(s.Contexts))
	for i := range s.Contexts {
		all[i] = &s.Contexts[i]
	}
	return all, nil
}

// consumer returns a consumer of the process by its name.
func (s *server) consumer(name string) (*Context, *tx.Consumer, error) {
	contexts, err := s.chosen("", name)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range contexts {
		if consumer := c.consumer(name); consumer != nil {
			return c, consumer, nil
		}
	}
	return nil, nil, refused(http.StatusNotFound, "there is no consumer \""+name+"\"", "GET /v1/consumers lists them")
}

func (c *Context) consumer(name string) *tx.Consumer {
	for i := range c.Consumers {
		if c.Consumers[i].Consumer == name {
			return &c.Consumers[i]
		}
	}
	return nil
}

var errNoReason = refused(http.StatusBadRequest, "a reason is required: the audit keeps it", "set the field reason")

// refused is an error that is answered as it is.
func refused(status int, message, fix string) error {
	return &admin.Error{Status: status, Message: message, Fix: fix}
}

// refuse answers an error.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	answer := s.explain(r, err)
	if answer.Status >= http.StatusInternalServerError {
		s.Logger.WarnContext(r.Context(), "admin request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	writeJSON(w, answer.Status, struct {
		Error *admin.Error `json:"error"`
	}{answer})
}

func (s *server) explain(r *http.Request, err error) *admin.Error {
	var known *admin.Error
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &large):
		return &admin.Error{Status: http.StatusRequestEntityTooLarge, Message: "the request is too large"}
	case r.Context().Err() != nil:
		return &admin.Error{Status: http.StatusServiceUnavailable, Message: "the request took longer than " + maxTime.String(), Fix: "ask for less, or try again"}
	}
	return &admin.Error{Status: http.StatusInternalServerError, Message: err.Error()}
}
