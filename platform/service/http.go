package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/grpcreflect/v2"

	"github.com/pulselearn/campus-hub/platform/gateway/door"
	"github.com/pulselearn/campus-hub/platform/gateway/problem"
	"github.com/pulselearn/campus-hub/platform/gateway/rest"
)

// Limits of what a client may send, and of how slowly.
const (
	maxHeaderBytes   = 64 << 10
	headerTimeout    = 10 * time.Second
	readTimeout      = 30 * time.Second
	writeTimeout     = 60 * time.Second
	idleTimeout      = 2 * time.Minute
	readinessTimeout = 2 * time.Second
)

// A webServer is one listening port. Connect, gRPC and gRPC-Web share it,
// HTTP/2 without TLS included.
type webServer struct {
	http *http.Server
	addr net.Addr
	done chan struct{}
}

// listen opens addr, which the named setting chose.
func (e *Engines) listen(addr, setting string) (net.Listener, error) {
	open := net.Listen
	if e.Listen != nil {
		open = e.Listen
	}
	l, err := open("tcp", addr)
	if err != nil {
		return nil, portError(err, addr, setting)
	}
	return l, nil
}

// portError explains why addr cannot be listened on.
func portError(err error, addr, setting string) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		err = fmt.Errorf("%s: another process listens on %s: stop it, or set %s to a free address", setting, addr, setting)
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EADDRNOTAVAIL):
		err = fmt.Errorf("%s: this process may not listen on %s: set %s to another address: %w", setting, addr, setting, err)
	default:
		return fmt.Errorf("%s: listen on %s: %w", setting, addr, err)
	}
	return &ConfigError{err}
}

// serve begins to answer on l. A server that fails sends its error to failed.
func serve(l net.Listener, h http.Handler, log *slog.Logger, failed chan<- error) *webServer {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	s := &webServer{addr: l.Addr(), done: make(chan struct{}), http: &http.Server{
		Handler: h, Protocols: &protocols,
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			report(failed, fmt.Errorf("serve %s: %w", l.Addr(), err))
		}
	}()
	return s
}

// drain stops listening and waits for the requests in flight. When ctx ends
// first, it cuts them off.
func (s *webServer) drain(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("requests on %s were cut off: %w", s.addr, errors.Join(err, s.http.Close()))
	}
	<-s.done
	return err
}

// A gate answers "unavailable" until a handler is behind it.
type gate struct{ open atomic.Pointer[http.Handler] }

func (g *gate) set(h http.Handler) { g.open.Store(&h) }

// ServeHTTP implements [http.Handler].
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h := g.open.Load(); h != nil {
		(*h).ServeHTTP(w, r)
		return
	}
	p := problem.New("unavailable", "the service is starting")
	p.RetryAfter = time.Second
	door.Refuse(w, r, p)
}

// callsHandler serves every procedure of server, and reflection.
func callsHandler(server *connect.Server, maxBytes int64) http.Handler {
	grpcreflect.Register(server)
	mux := http.NewServeMux()
	connecthttp.Mount(mux, server, connecthttp.WithReadMaxBytes(int(maxBytes)))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		problem.New("not_found", "there is no such path").Write(w, r)
	})
	return explainForms(mux)
}

// exactPaths refuses paths of the REST API with empty segments, "." and "..",
// which net/http would lead elsewhere: an id that is empty by mistake would be
// left out, and the call would be another.
func exactPaths(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked := r.URL.EscapedPath()
		if clean := path.Clean(asked); strings.HasPrefix(asked, rest.Prefix) && clean != asked && clean+"/" != asked {
			problem.New("not_found", "there is no such path: a segment is empty, \".\" or \"..\"; /openapi.json lists all").Write(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// only answers other methods than GET and HEAD.
func only(read http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			read(w, r)
			return
		}
		p := problem.New("method_not_allowed", "this path is read with GET")
		p.Allow = []string{http.MethodGet, http.MethodHead}
		p.Write(w, r)
	}
}

// explainForms says what to send instead of a form, which is what curl -d
// sends unless it is told otherwise. Connect refuses it without a word.
func explainForms(calls http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
			problem.New("unsupported_media_type", "a call takes JSON or protobuf: send it with the header Content-Type: application/json").Write(w, r)
			return
		}
		calls.ServeHTTP(w, r)
	})
}

// readiness is the answer of /readyz.
type readiness struct {
	Ready bool `json:"ready"`
	// Components holds "ready", or why not, by component.
	Components map[string]string `json:"components"`
}

func readyHandler(check func(ctx context.Context) map[string]error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readinessTimeout)
		defer cancel()
		answer := readiness{Ready: true, Components: map[string]string{}}
		for name, err := range check(ctx) {
			answer.Components[name] = "ready"
			if err != nil {
				answer.Ready = false
				answer.Components[name] = err.Error()
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if !answer.Ready {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(answer) // the client may be gone
	}
}

func aliveHandler(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("alive\n")) // the client may be gone
}
