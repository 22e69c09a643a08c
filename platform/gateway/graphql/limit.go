package graphql

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// Limits bound what one operation may ask for. A limit of 0 does not.
type Limits struct {
	// Bytes is the size of a request.
	Bytes int
	// Depth is how many fields stand inside one another.
	Depth int
	// Complexity is how many fields the answer may have: fields of a page
	// count as often as the page may have items.
	Complexity int
	// Aliases is how many fields are asked for under other names, fragments
	// counted as often as they are used.
	Aliases int
}

// maxTokens bounds the parser's work, whatever the limits are.
const maxTokens = 20_000

// usualPage is how many items a page has when the request does not say.
const usualPage = 50

// measures is what a selection asks for.
type measures struct{ depth, complexity, aliases int }

func (m *measures) add(other measures) {
	m.depth = max(m.depth, other.depth)
	m.complexity = sum(m.complexity, other.complexity)
	m.aliases = sum(m.aliases, other.aliases)
}

// sum adds without overflow.
func sum(a, b int) int {
	if a > math.MaxInt-b {
		return math.MaxInt
	}
	return a + b
}

func times(a, b int) int {
	if a != 0 && b > math.MaxInt/a {
		return math.MaxInt
	}
	return a * b
}

// limiter is the extension of gqlgen's executor that holds operations to
// limits, after validation and before anything runs.
type limiter struct{ limits Limits }

var _ interface {
	graphql.HandlerExtension
	graphql.OperationContextMutator
} = limiter{}

// ExtensionName implements [graphql.HandlerExtension].
func (limiter) ExtensionName() string { return "limits" }

// Validate implements [graphql.HandlerExtension].
func (limiter) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationContext implements [graphql.OperationContextMutator].
func (l limiter) MutateOperationContext(_ context.Context, o *graphql.OperationContext) *gqlerror.Error {
	m := (&measurer{variables: o.Variables, fragments: map[string]measures{}}).selection(o.Operation.SelectionSet)
	for _, limit := range []struct {
		code, what string
		is, atMost int
	}{
		{"DEPTH_LIMIT_EXCEEDED", "levels of fields", m.depth, l.limits.Depth},
		{"COMPLEXITY_LIMIT_EXCEEDED", "fields in its answer", m.complexity, l.limits.Complexity},
		{"ALIAS_LIMIT_EXCEEDED", "aliases", m.aliases, l.limits.Aliases},
	} {
		if limit.atMost > 0 && limit.is > limit.atMost {
			return &gqlerror.Error{
				Message:    fmt.Sprintf("the operation may have more than %d %s, which is the limit; ask for less, or in several requests", limit.atMost, limit.what),
				Extensions: map[string]any{"code": limit.code},
			}
		}
	}
	return nil
}

// A measurer measures each fragment once: fragments that spread fragments
// would take exponential time otherwise.
type measurer struct {
	variables map[string]any
	fragments map[string]measures
}

func (m *measurer) selection(set ast.SelectionSet) measures {
	var all measures
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			all.add(m.field(s))
		case *ast.InlineFragment:
			all.add(m.selection(s.SelectionSet))
		case *ast.FragmentSpread:
			all.add(m.fragment(s.Definition))
		}
	}
	return all
}

func (m *measurer) fragment(f *ast.FragmentDefinition) measures {
	if known, ok := m.fragments[f.Name]; ok {
		return known
	}
	found := m.selection(f.SelectionSet)
	m.fragments[f.Name] = found
	return found
}

func (m *measurer) field(f *ast.Field) measures {
	if f.Name == "__schema" || f.Name == "__type" {
		return measures{depth: 1, complexity: 1} // validation bounds those
	}
	found := m.selection(f.SelectionSet)
	found.depth++
	found.complexity = sum(1, times(m.page(f), found.complexity))
	if f.Alias != f.Name {
		found.aliases = sum(found.aliases, 1)
	}
	return found
}

// page is how many items the answer of a field may have.
func (m *measurer) page(f *ast.Field) int {
	if f.Definition == nil || f.Definition.Arguments.ForName("pageSize") == nil {
		return 1
	}
	if n := wholeNumber(f.ArgumentMap(m.variables)["pageSize"]); n > 0 {
		return n
	}
	return usualPage
}

func wholeNumber(v any) int {
	switch v := v.(type) {
	case int64:
		return int(v)
	case json.Number:
		n, _ := strconv.Atoi(v.String())
		return n
	}
	return 0
}
