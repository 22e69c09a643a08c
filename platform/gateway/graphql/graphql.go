// Package graphql serves calls as GraphQL: queries and mutations are calls, the
// fields of their answers are those of the messages, and relations lead from
// ids to what they name with one call for all objects of a level. Subscriptions
// are the events of package realtime, over websockets. Parsing, validation and
// the protocol of websockets are those of gqlparser and gqlgen.
package graphql

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/pulselearn/campus-hub/platform/gateway"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/realtime"
)

// Config says how a [Handler] serves.
type Config struct {
	// Limits bound operations.
	Limits Limits
	// Introspection lets callers ask for the schema, and mistakes in field
	// names be answered with suggestions.
	Introspection bool
	// Events feeds subscriptions; nil means that there are none.
	Events Events
	// Sockets bound the websockets of subscriptions as they do those of package
	// realtime; no limits mean [realtime.DefaultLimits].
	Sockets realtime.Limits
	// Verify tells who the client of a websocket is that shows its token there;
	// nil knows nobody but whom the context of the request names.
	Verify Verify
	// Origins are the web origins whose pages may open websockets, besides the
	// server's own.
	Origins []string
	// Trace is told of every operation that runs: its kind, "query", "mutation"
	// or "subscription", and its name, and is told of its end: the code of the
	// first error, and whether the fault is ours. A subscription has ended with
	// its beginning. Nil traces nothing.
	Trace func(ctx context.Context, kind, name string) (context.Context, func(code string, ours bool))
	// Log gets what callers do not get to see; nil discards it.
	Log *slog.Logger
}

// Verify returns the person that a token was issued for.
type Verify func(ctx context.Context, token string) (identity.Caller, error)

// cachedQueries is how many queries are kept parsed and validated.
const cachedQueries = 500

// New returns a handler of the graph, whose calls it makes through invoker. It
// fails when the graph does not fit the calls.
func New(graph gateway.Graph, invoker *gateway.Invoker, c Config) (*Handler, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Sockets == (realtime.Limits{}) {
		c.Sockets = realtime.DefaultLimits
	}
	e, err := newExecutable(graph, invoker, c)
	if err != nil {
		return nil, err
	}
	h := &Handler{server: handler.New(e), verify: c.Verify, sockets: c.Sockets, ending: make(chan struct{}), connections: map[string]int{}}
	h.server.AddTransport(overHTTP{int64(c.Limits.Bytes)})
	h.server.AddTransport(h.websocket(c))
	h.server.Use(limiter{c.Limits})
	h.server.SetParserTokenLimit(maxTokens)
	h.server.SetQueryCache(lru.New[*ast.QueryDocument](cachedQueries))
	h.server.SetDisableSuggestion(!c.Introspection)
	h.server.SetRecoverFunc(func(_ context.Context, v any) error { return e.fault(panicked(v)) })
	if c.Introspection {
		h.server.Use(extension.Introspection{})
	}
	return h, nil
}

// A Handler serves GraphQL. It is safe for concurrent use.
type Handler struct {
	server  *handler.Server
	verify  Verify
	sockets realtime.Limits
	once    sync.Once
	ending  chan struct{}

	websockets atomic.Int64 // that are served, whoever they are of

	mu          sync.Mutex
	open        int            // connections
	connections map[string]int // by caller
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") != "" {
		h.websockets.Add(1)
		defer h.websockets.Add(-1)
	}
	h.server.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), partingKey{}, new(parting))))
}

// Close ends all websockets. Operations that came otherwise go on.
func (h *Handler) Close() error {
	h.once.Do(func() { close(h.ending) })
	return nil
}

// Drain ends all websockets as [Handler.Close] does, and waits until their
// clients have heard of it, or ctx ends.
func (h *Handler) Drain(ctx context.Context) error {
	_ = h.Close() // has no error
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for h.websockets.Load() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("GraphQL: %d websockets were cut off: %w", h.websockets.Load(), ctx.Err())
		}
	}
	return nil
}

func newExecutable(graph gateway.Graph, invoker *gateway.Invoker, c Config) (*executable, error) {
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphql", Input: graph.SDL})
	if err != nil {
		return nil, fmt.Errorf("load the GraphQL schema: %w", err)
	}
	e := &executable{
		schema: schema, invoker: invoker, events: c.Events, sockets: c.Sockets, trace: c.Trace, log: c.Log,
		subscriptions: map[string]*gateway.Subscription{}, variants: map[string]string{},
		roots: map[string]map[string]string{}, relations: map[string]map[string]*gateway.Relation{},
	}
	var errs []error
	for _, root := range graph.Roots {
		errs = append(errs, e.hasCall(root.Procedure))
		put(e.roots, root.Type, root.Name, root.Procedure)
	}
	for i := range graph.Relations {
		relation := &graph.Relations[i]
		errs = append(errs, e.hasCall(relation.Batch))
		put(e.relations, relation.Type, relation.Field, relation)
	}
	for i := range graph.Subscriptions {
		e.subscriptions[graph.Subscriptions[i].Name] = &graph.Subscriptions[i]
	}
	for _, v := range graph.Variants {
		e.variants[v.Record] = v.Type
	}
	if schema.Subscription != nil {
		for _, f := range schema.Subscription.Fields {
			if e.subscriptions[f.Name] == nil {
				errs = append(errs, fmt.Errorf("the GraphQL schema has the subscription %s, whose events nobody names; generate again", f.Name))
			}
		}
	}
	return e, errors.Join(errs...)
}

func put[T any](to map[string]map[string]T, outer, inner string, value T) {
	if to[outer] == nil {
		to[outer] = map[string]T{}
	}
	to[outer][inner] = value
}

func (e *executable) hasCall(procedure string) error {
	if _, ok := e.invoker.Method(procedure); !ok {
		return fmt.Errorf("the GraphQL schema has the call %s, which this process does not; generate again", procedure)
	}
	return nil
}
