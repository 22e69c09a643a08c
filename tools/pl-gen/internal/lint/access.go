package lint

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// access checks who may make the calls of each context, and that contexts may
// make the calls that they declare.
func (c *checker) access() {
	for _, ctx := range c.model.Contexts {
		if ctx.Service == nil {
			continue
		}
		for _, m := range ctx.Service.Methods {
			c.methodAccess(ctx, m)
		}
		c.declaredCalls(ctx)
	}
}

func (c *checker) methodAccess(ctx *model.Context, m *model.Method) {
	if len(m.Access) == 0 {
		c.report(diag.New(diag.AccessMissing, m.Pos, fmt.Sprintf("nobody may call %s.%s", ctx.Name, m.Name)).Because(
			"a call without an access option is refused to everybody",
			`say who may: option (pl.options.v1.access) = {allow: {role: "teacher"}}; or {allow: {public: true}} for everybody`))
	}
	for _, a := range m.Access {
		c.allow(ctx, m, a)
	}
}

func (c *checker) allow(ctx *model.Context, m *model.Method, a *model.Allow) {
	c.emptyAllow(m, a)
	if a.Role != "" && !slices.Contains(model.Roles(), a.Role) {
		c.report(diag.New(diag.AccessRole, a.RolePos, fmt.Sprintf("%s lets in %q, a role that nobody has", m.Name, a.Role)).Because(
			"people have the roles that the platform knows", diag.Suggest(a.Role, model.Roles())))
	}
	if a.Own != "" {
		c.ownField(m, a)
	}
	if a.Service != "" {
		c.serviceAccess(ctx, m, a)
	}
}

// emptyAllow reports entries that say nothing, or more than can hold.
func (c *checker) emptyAllow(m *model.Method, a *model.Allow) {
	person := a.Role != "" || a.Own != "" || a.Scope != ""
	var message, fix string
	switch {
	case a.Empty():
		message, fix = "has an access entry that says nothing", "say whom it lets in, or remove it"
	case a.Public && (person || a.Service != ""):
		message, fix = "lets everybody in under a condition", "remove public, or all that stands beside it"
	case a.Service != "" && person:
		message, fix = "lets in a context that has to be a person, too", "write an entry for the context, and one for people"
	case a.Public && len(m.Access) > 1:
		message, fix = "lets everybody in, and others as well", "remove the other entries"
	default:
		return
	}
	c.report(diag.New(diag.AccessEmpty, a.Pos, m.Name+" "+message).Because(
		"all that one entry says must hold, and any one entry lets a caller in", fix))
}

func (c *checker) ownField(m *model.Method, a *model.Allow) {
	f := a.OwnField
	var message, fix string
	switch {
	case f == nil:
		message, fix = "is no field of "+string(m.Input.Desc.Name()), diag.Suggest(a.Own, stringFields(m.Input.Desc))
	case f.Kind() != protoreflect.StringKind || f.IsList() || f.ContainingOneof() != nil && !f.HasOptionalKeyword():
		message, fix = "is not one string", diag.Suggest("", stringFields(m.Input.Desc))
	default:
		return
	}
	c.report(diag.New(diag.AccessField, a.OwnPos, fmt.Sprintf("%q, which is to hold the id of the caller of %s, %s", a.Own, m.Name, message)).Because(
		"ownership is decided before the handler runs, by one string field of the request",
		fix+" (or leave own out, and let the handler compare: identity.From(ctx).ActsFor)"))
}

func stringFields(d protoreflect.MessageDescriptor) []string {
	var names []string
	for i := range d.Fields().Len() {
		if f := d.Fields().Get(i); f.Kind() == protoreflect.StringKind && !f.IsList() {
			names = append(names, string(f.Name()))
		}
	}
	return names
}

func (c *checker) serviceAccess(ctx *model.Context, m *model.Method, a *model.Allow) {
	caller := c.context(a.Service)
	var message, fix string
	switch {
	case a.Service == ctx.Name:
		message, fix = "itself", "remove the entry: a context reaches its own data in its own transactions"
	case caller == nil || caller.Service == nil:
		message, fix = fmt.Sprintf("%q, which is no context with a service", a.Service), diag.Suggest(a.Service, c.callersOf(ctx))
	case !slices.Contains(caller.Calls, ctx):
		message = fmt.Sprintf("%s, which does not call %s", a.Service, ctx.Name)
		fix = fmt.Sprintf("add calls: %q to the context of %s, or remove the entry", ctx.Name, a.Service)
	default:
		return
	}
	c.report(diag.New(diag.AccessService, a.ServicePos, fmt.Sprintf("%s lets in %s", m.Name, message)).Because(
		"who calls whom is declared on both sides, so that neither door is left open nor shut by mistake", fix))
}

// declaredCalls reports calls that a context says it makes, in sagas and
// policies, and that do not let it in; and contexts that it says it calls
// without being let into any of their calls.
func (c *checker) declaredCalls(ctx *model.Context) {
	for _, other := range ctx.Calls {
		if !slices.ContainsFunc(other.Service.Methods, func(m *model.Method) bool { return letsIn(m, ctx) }) {
			c.shut(ctx.Pos, fmt.Sprintf("%s calls %s, and no call of %s lets it in", ctx.Name, other.Name, other.Name), ctx)
		}
	}
	for _, p := range ctx.Policies {
		if p.Method != nil {
			c.open(ctx, p.Target, p.Method, p.Pos)
		}
	}
	for _, s := range ctx.Sagas {
		c.sagaCall(ctx, s.Compensate, s.Pos)
		for _, step := range s.Steps {
			c.sagaCall(ctx, step.Call, step.Pos)
			c.sagaCall(ctx, step.Compensate, step.Pos)
		}
	}
}

func (c *checker) sagaCall(ctx *model.Context, call *model.Call, pos diag.Pos) {
	if call != nil {
		c.open(ctx, call.Context, call.Method, pos)
	}
}

func (c *checker) open(ctx, target *model.Context, m *model.Method, pos diag.Pos) {
	if !letsIn(m, ctx) {
		c.shut(pos, fmt.Sprintf("%s calls %s.%s, which does not let it in", ctx.Name, target.Name, m.Name), ctx)
	}
}

func (c *checker) shut(pos diag.Pos, message string, ctx *model.Context) {
	c.report(diag.New(diag.AccessService, pos, message).Because(
		"every such call would be refused", fmt.Sprintf("add allow: {service: %q} to the access option of the call", ctx.Name)))
}

func letsIn(m *model.Method, ctx *model.Context) bool {
	return slices.ContainsFunc(m.Access, func(a *model.Allow) bool { return a.Public || a.Service == ctx.Name })
}

func (c *checker) context(name string) *model.Context {
	for _, ctx := range c.model.Contexts {
		if ctx.Name == name {
			return ctx
		}
	}
	return nil
}

// callersOf returns the contexts that could call another one.
func (c *checker) callersOf(called *model.Context) []string {
	var names []string
	for _, ctx := range c.model.Contexts {
		if ctx.Service != nil && ctx != called {
			names = append(names, ctx.Name)
		}
	}
	return names
}
