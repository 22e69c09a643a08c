// Package graphql serves calls as GraphQL: queries and mutations are calls, the
// fields of their answers are those of the messages, and relations lead from
// ids to what they name with one call for all objects of a level. Parsing,
// validation and subscriptions over websockets are those of gqlparser and
// gqlgen.
package graphql

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/pulselearn/campus-hub/platform/gateway"
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
	// Log gets what callers do not get to see; nil discards it.
	Log *slog.Logger
}

// cachedQueries is how many queries are kept parsed and validated.
const cachedQueries = 500

// New returns a handler of the graph, whose calls it makes through invoker. It
// fails when the graph does not fit the calls.
func New(graph gateway.Graph, invoker *gateway.Invoker, c Config) (http.Handler, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	e, err := newExecutable(graph, invoker, c)
	if err != nil {
		return nil, err
	}
	server := handler.New(e)
	server.AddTransport(overHTTP{int64(c.Limits.Bytes)})
	server.Use(limiter{c.Limits})
	server.SetParserTokenLimit(maxTokens)
	server.SetQueryCache(lru.New[*ast.QueryDocument](cachedQueries))
	server.SetDisableSuggestion(!c.Introspection)
	server.SetRecoverFunc(func(_ context.Context, v any) error { return e.fault(panicked(v)) })
	if c.Introspection {
		server.Use(extension.Introspection{})
	}
	return server, nil
}

func newExecutable(graph gateway.Graph, invoker *gateway.Invoker, c Config) (*executable, error) {
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphql", Input: graph.SDL})
	if err != nil {
		return nil, fmt.Errorf("load the GraphQL schema: %w", err)
	}
	e := &executable{
		schema: schema, invoker: invoker, events: c.Events, log: c.Log,
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
