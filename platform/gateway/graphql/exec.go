package graphql

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/pulselearn/campus-hub/platform/gateway"
	"github.com/pulselearn/campus-hub/platform/gateway/problem"
	"github.com/pulselearn/campus-hub/platform/realtime"
)

// executable is the schema as gqlgen's executor runs it.
type executable struct {
	schema    *ast.Schema
	invoker   *gateway.Invoker
	roots     map[string]map[string]string // type, field: procedure
	relations map[string]map[string]*gateway.Relation
	events    Events
	sockets   realtime.Limits
	trace     func(ctx context.Context, kind, name string) (context.Context, func(code string, ours bool))
	log       *slog.Logger

	subscriptions map[string]*gateway.Subscription // by field
	variants      map[string]string                // record: type
}

var _ graphql.ExecutableSchema = (*executable)(nil)

// Schema implements [graphql.ExecutableSchema].
func (e *executable) Schema() *ast.Schema { return e.schema }

// Complexity implements [graphql.ExecutableSchema]; package graphql measures
// operations itself.
func (e *executable) Complexity(context.Context, string, string, int, map[string]any) (int, bool) {
	return 0, false
}

// Exec implements [graphql.ExecutableSchema].
func (e *executable) Exec(ctx context.Context) graphql.ResponseHandler {
	operation := graphql.GetOperationContext(ctx)
	ctx, end := e.traced(ctx, operation.Operation)
	if operation.Operation.Operation == ast.Subscription {
		return e.subscribe(ctx, operation, end)
	}
	answer := e.newRun(operation).answer(ctx)
	end(answer.Errors)
	return graphql.OneShot(answer)
}

// traced begins to trace an operation, whose end is told with its errors.
func (e *executable) traced(ctx context.Context, operation *ast.OperationDefinition) (context.Context, func(gqlerror.List)) {
	if e.trace == nil {
		return ctx, func(gqlerror.List) {}
	}
	ctx, end := e.trace(ctx, string(operation.Operation), operation.Name)
	return ctx, func(errs gqlerror.List) {
		if len(errs) == 0 {
			end("", false)
			return
		}
		code, _ := errs[0].Extensions["code"].(string)
		end(code, slices.ContainsFunc(errs, ours))
	}
}

// ours tells whether an error is a fault of the server's.
func ours(e *gqlerror.Error) bool {
	code, _ := e.Extensions["code"].(string)
	return problem.New(strings.ToLower(code), "").Status >= http.StatusInternalServerError
}

func (e *executable) newRun(operation *graphql.OperationContext) *run {
	return &run{executable: e, operation: operation, loaded: map[string]map[string]proto.Message{}}
}

// concurrentRoots is how many fields of a query are worked at at one time.
const concurrentRoots = 8

// answer runs a query or a mutation to its end. The fields of a mutation run
// one after the other.
func (r *run) answer(ctx context.Context) *graphql.Response {
	of, limit := r.schema.Query, concurrentRoots
	if r.operation.Operation.Operation == ast.Mutation {
		of, limit = r.schema.Mutation, 1
	}
	root := &slot{kind: objectSlot}
	fields := r.collect(of, r.operation.Operation.SelectionSet)
	for i := range fields {
		root.field(fields[i].Alias, fields[i].Definition.Type.NonNull)
	}
	var group errgroup.Group
	group.SetLimit(limit)
	for i, s := range root.inner {
		group.Go(func() error {
			r.root(ctx, of, s, &fields[i])
			return nil
		})
	}
	_ = group.Wait() // errors are in the slots
	return r.response(root)
}

func (r *run) response(root *slot) *graphql.Response {
	var data bytes.Buffer
	root.write(&data)
	slices.SortStableFunc(r.errs, func(a, b *gqlerror.Error) int { return strings.Compare(a.Path.String(), b.Path.String()) })
	return &graphql.Response{Data: data.Bytes(), Errors: r.errs}
}

// root fills one field of Query or Mutation.
func (r *run) root(ctx context.Context, of *ast.Definition, s *slot, f *graphql.CollectedField) {
	defer r.contain(s, f)
	switch f.Name {
	case "__typename":
		s.leaf = quoted(of.Name)
		return
	case "__schema", "__type":
		r.introspect(s, f)
		return
	}
	procedure := r.roots[of.Name][f.Name]
	request, err := r.request(procedure, f.ArgumentMap(r.operation.Variables), of == r.schema.Mutation)
	if err != nil {
		r.fail(s, f, err)
		return
	}
	answer, err := r.invoker.Invoke(ctx, procedure, request)
	if err != nil {
		r.fail(s, f, err)
		return
	}
	r.objects(ctx, r.typeOf(f), []item{{answer.ProtoReflect(), s}}, f.Selections)
}

// contain turns a panic into the failure of its field.
func (r *run) contain(s *slot, f *graphql.CollectedField) {
	if v := recover(); v != nil {
		s.inner, s.kind = nil, leafSlot
		r.fail(s, f, panicked(v))
	}
}

// request makes the request of a call of a field's arguments.
func (r *run) request(procedure string, arguments map[string]any, wrapped bool) (proto.Message, error) {
	method, _ := r.invoker.Method(procedure) // New has looked
	request := method.Request()
	if wrapped {
		arguments, _ = arguments["input"].(map[string]any)
	}
	if len(arguments) == 0 {
		return request, nil
	}
	text, err := json.Marshal(arguments)
	if err != nil {
		return nil, err
	}
	if protojson.Unmarshal(text, request) == nil {
		return request, nil
	}
	return nil, wrongArgument(method.Request, arguments)
}

// wrongArgument names the first argument that does not fit its scalar.
func wrongArgument(empty func() proto.Message, arguments map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(arguments)) {
		text, err := json.Marshal(map[string]any{name: arguments[name]})
		if err != nil || protojson.Unmarshal(text, empty()) != nil {
			return problem.Invalid(name, "has a value that its scalar does not take")
		}
	}
	return problem.New("invalid_argument", "the arguments exclude each other")
}
