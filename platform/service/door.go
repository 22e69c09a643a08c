package service

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/pulselearn/campus-hub/platform/gateway"
	"github.com/pulselearn/campus-hub/platform/gateway/door"
	"github.com/pulselearn/campus-hub/platform/gateway/graphql"
	"github.com/pulselearn/campus-hub/platform/gateway/problem"
	"github.com/pulselearn/campus-hub/platform/gateway/rest"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/realtime"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

func newDoor(cfg *Config, log *slog.Logger) *door.Door {
	c := cfg.Door
	c.Log = log
	return door.New(c)
}

// mountFront adds to mux what the front door serves besides the calls of the
// process's own contexts.
func (p *Process) mountFront(mux *http.ServeMux) error {
	front := p.app.front
	if len(front.APIs) == 0 {
		return nil
	}
	if err := p.checkFront(); err != nil {
		return err
	}
	calls := gateway.NewInvoker(p.directory, front.APIs...)
	api, err := rest.New(calls, rest.Config{Log: p.log, Routed: p.telemetry.Routed}, front.APIs...)
	if err != nil {
		return err
	}
	p.forwardCalls(calls)
	if err := p.mountRealtime(mux, calls); err != nil {
		return err
	}
	if err := p.mountGraphQL(mux, calls); err != nil {
		return err
	}
	mux.HandleFunc(problem.Path, only(problem.Describe))
	mux.Handle(rest.Prefix, api)
	mux.HandleFunc("/openapi.json", only(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(front.OpenAPI))
	}))
	return nil
}

// forwardCalls serves the calls of contexts in other processes, which decide
// themselves who may make them.
func (p *Process) forwardCalls(calls *gateway.Invoker) {
	for _, api := range p.app.front.APIs {
		if p.app.has(api.Context) {
			continue
		}
		everybody := rpc.Access{}
		for _, m := range api.Methods {
			everybody[m.Procedure] = identity.Rules{{Public: true}}
		}
		p.authorizer.Add("", everybody)
		calls.Forward(p.server, api)
	}
}

// mountGraphQL adds GraphQL, where the door has all that its schema needs.
func (p *Process) mountGraphQL(mux *http.ServeMux, calls *gateway.Invoker) error {
	if p.app.front.GraphQL.SDL == "" {
		return nil
	}
	introspection := p.cfg.GraphQL.Introspection == On || p.cfg.GraphQL.Introspection == Auto && p.cfg.Embedded()
	c := graphql.Config{
		Limits: p.cfg.GraphQL.Limits, Introspection: introspection, Origins: p.cfg.Door.Origins, Log: p.log,
		Verify: p.people.Verify, Sockets: p.cfg.Realtime.Limits, Trace: p.telemetry.Operation,
	}
	if p.live != nil {
		c.Events = occurrences{p.live}
	}
	h, err := graphql.New(p.app.front.GraphQL, calls, c)
	if err != nil {
		return err
	}
	p.graph = h
	p.closeLast("GraphQL subscriptions", h)
	mux.HandleFunc(graphqlPath, func(w http.ResponseWriter, r *http.Request) {
		p.telemetry.Routed(r.Context(), r.Method, graphqlPath)
		h.ServeHTTP(w, r)
	})
	return nil
}

// graphqlPath is where GraphQL is served.
const graphqlPath = "/graphql"

// traced tells which requests have a span of their own. Calls by Connect, gRPC
// and gRPC-Web have that of the call.
func traced(r *http.Request) bool {
	return r.URL.Path == graphqlPath || strings.HasPrefix(r.URL.Path, rest.Prefix)
}

// occurrences feeds subscriptions with what websockets are fed with.
type occurrences struct{ live *realtime.Server }

// Subscribe implements [graphql.Events].
func (o occurrences) Subscribe(ctx context.Context, wish realtime.Wish) (graphql.Stream, error) {
	stream, err := o.live.Subscribe(ctx, wish)
	if err != nil {
		return nil, err
	}
	return stream, nil
}

// refuseToken answers a request whose access token is not good.
func (p *Process) refuseToken(w http.ResponseWriter, r *http.Request, err error) {
	p.door.Unknown(w, r, problem.Of(err))
}

// checkFront fails when a context behind the door can be reached nowhere.
func (p *Process) checkFront() error {
	var errs []error
	for _, name := range p.app.front.Contexts() {
		errs = append(errs, p.directory.Check(name))
	}
	if err := errors.Join(errs...); err != nil {
		return &ConfigError{err}
	}
	return nil
}
