package realtime

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gobwas/ws"

	"github.com/pulselearn/campus-hub/platform/identity"
)

// bearerPrefix is before a token that a browser offers as a subprotocol, the
// one header that it lets a page set.
const bearerPrefix = "bearer."

// An admission is a request that may become a session.
type admission struct {
	caller   *identity.Caller // nil for one that says later who it is
	protocol string           // what the client is told to speak; "" when it did not ask
}

// A refusal is the answer to a request that does not become a session.
type refusal struct {
	status int
	text   string
	later  bool // the client may try again
}

func (r *refusal) write(w http.ResponseWriter) {
	if r.later {
		w.Header().Set("Retry-After", "2")
	}
	if r.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	if r.status == http.StatusUpgradeRequired {
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
	}
	http.Error(w, r.text, r.status)
}

// admit decides about a request before the connection is taken over.
func (s *Server) admit(r *http.Request) (*admission, *refusal) {
	switch {
	case r.ProtoMajor != 1 || !strings.EqualFold(r.Header.Get("Upgrade"), "websocket"):
		return nil, &refusal{http.StatusUpgradeRequired, "this address is for websockets, over HTTP/1.1", false}
	case !s.knows(r.Header.Get("Origin"), r.Host):
		return nil, &refusal{http.StatusForbidden, "web pages of this origin may not connect; PL_CORS_ORIGINS lists those that may", false}
	case s.draining.Load():
		return nil, &refusal{http.StatusServiceUnavailable, "the server is about to end; another takes over", true}
	}
	if err := s.Ready(); err != nil {
		return nil, &refusal{http.StatusServiceUnavailable, "the server is starting: " + err.Error(), true}
	}
	a, token, refused := offered(r)
	if c := identity.From(r.Context()); refused == nil && !c.Anonymous() {
		a.caller = &c // the door knows already
		return a, nil
	}
	if refused != nil || token == "" {
		return a, refused
	}
	c, err := s.cfg.Verifier.Verify(r.Context(), token)
	if errors.Is(err, identity.ErrUnavailable) {
		return nil, &refusal{http.StatusServiceUnavailable, "it cannot be told now who you are", true}
	}
	if err != nil {
		return nil, &refusal{http.StatusUnauthorized, err.Error(), false}
	}
	a.caller = &c
	return a, nil
}

// offered reads the subprotocols and the token of a request.
func offered(r *http.Request) (*admission, string, *refusal) {
	a := &admission{}
	token, err := identity.BearerToken(r.Header.Get("Authorization"))
	if err != nil {
		return nil, "", &refusal{http.StatusUnauthorized, err.Error(), false}
	}
	protocols := strings.FieldsFunc(strings.Join(r.Header.Values("Sec-WebSocket-Protocol"), ","), func(r rune) bool { return r == ',' || r == ' ' })
	if len(protocols) == 0 {
		return a, token, nil
	}
	if !slices.Contains(protocols, Subprotocol) {
		return nil, "", &refusal{http.StatusBadRequest, "this server speaks the subprotocol " + Subprotocol + " alone", false}
	}
	a.protocol = Subprotocol
	for _, p := range protocols {
		if t, ok := strings.CutPrefix(p, bearerPrefix); ok && token == "" {
			token = t
		}
	}
	return a, token, nil
}

// knows tells whether a page of the origin may connect. Clients that are no
// browsers have none.
func (s *Server) knows(origin, host string) bool {
	if origin == "" || slices.Contains(s.cfg.Origins, "*") || slices.Contains(s.cfg.Origins, origin) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && strings.EqualFold(u.Host, host)
}

// sit takes one of the places for sessions, if one is left. Who has taken one
// leaves it when the session ends or does not begin.
func (s *Server) sit() *refusal {
	if s.seats.Add(1) <= int64(s.cfg.Limits.Sessions) {
		return nil
	}
	s.seats.Add(-1)
	return &refusal{http.StatusServiceUnavailable, "the server has as many sessions as it may have", true}
}

// upgrade makes a session of a request that has a place.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request, a *admission) {
	upgrader := ws.HTTPUpgrader{
		Timeout:  s.cfg.Limits.Handshake,
		Protocol: func(p string) bool { return p == a.protocol },
	}
	stream, buffered, _, err := upgrader.Upgrade(r, w)
	if err != nil {
		s.seats.Add(-1)
		s.refusedHere.Add(1)
		if stream != nil {
			_ = stream.Close() // it has had its answer
		}
		return
	}
	var already []byte
	if n := buffered.Reader.Buffered(); n > 0 {
		already, _ = buffered.Reader.Peek(n) // it is there
	}
	if err := s.begin(stream, already, a.caller); err != nil {
		s.seats.Add(-1)
		s.cfg.Logger.Warn("realtime: a connection could not be taken over", "error", err)
		_ = stream.Close() // it is of no use
	}
}

func (s *Server) begin(stream net.Conn, already []byte, caller *identity.Caller) error {
	c := newSession(s)
	conn, err := s.sockets.Adopt(stream, c)
	if err != nil {
		return fmt.Errorf("begin a session: %w", err)
	}
	c.conn = conn
	s.open.Add(1)
	s.accepted.Add(1)
	b := c.bucket()
	b.mu.Lock()
	b.sessions[c] = struct{}{}
	b.mu.Unlock()
	if caller != nil {
		c.welcome(caller, "")
	}
	conn.Start(already)
	return nil
}
