package rpc

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"connectrpc.com/connect/v2"

	"github.com/pulselearn/campus-hub/platform/identity"
)

// Access says who may make the calls of one context, by procedure. Generated
// code makes it of the contract.
type Access map[string]identity.Rules

// An Authorizer finds out who makes each call of a server, and refuses those
// that no rule lets in: a procedure without rules is refused to everybody. It
// is filled before the first call and then safe for concurrent use.
type Authorizer struct {
	people   *identity.Verifier
	services *identity.Services
	log      *slog.Logger
	refused  Refused
	doors    map[string]door // by procedure
}

// Refused is told of every call that was refused, with its name, such as
// "quiz.GetQuiz", and why: Unauthenticated, PermissionDenied, or Unavailable
// when that could not be told.
type Refused func(ctx context.Context, call string, code connect.Code)

// A door is what stands before one procedure.
type door struct {
	context string
	rules   identity.Rules
}

// NewAuthorizer returns an authorizer that knows people by the tokens that
// people verifies, and other processes by those that services does. Without
// one of them, no such token is taken. Refusals are logged and told to
// refused.
func NewAuthorizer(people *identity.Verifier, services *identity.Services, log *slog.Logger, refused Refused) *Authorizer {
	return &Authorizer{people: people, services: services, log: log, refused: refused, doors: map[string]door{}}
}

// Add adds the calls of a context.
func (a *Authorizer) Add(context string, access Access) {
	for procedure, rules := range access {
		a.doors[procedure] = door{context, rules}
	}
}

// Authenticate puts the caller of each HTTP request into its context for next:
// the one whose token the Authorization header holds, or the anonymous caller.
// A request whose token is not good is answered by refused, with the error of
// [IdentityError], and does not reach next. Calls behind next are not
// authenticated again.
func (a *Authorizer) Authenticate(next http.Handler, refused func(w http.ResponseWriter, r *http.Request, err error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d, called := a.doors[r.URL.Path]
		c, err := a.verify(r.Context(), r.Header.Get(headerAuthorization), d)
		if err == nil {
			next.ServeHTTP(w, r.WithContext(identity.With(r.Context(), c)))
			return
		}
		procedure := r.URL.Path
		if !called {
			procedure = noProcedure
		}
		err = IdentityError(err)
		a.note(r.Context(), procedure, c, err)
		refused(w, r, err)
	})
}

// noProcedure stands in logs and metrics for requests that are no calls of
// their own: those of REST and GraphQL, and of paths that there are not.
const noProcedure = "front door"

// Intercept is a [connect.ServerInterceptor]. The caller of a call in this
// process is the one of its context, see [identity.With]; that of a call from
// elsewhere is the one that its access token names. Behind Intercept the
// context has the caller.
func (a *Authorizer) Intercept(next connect.ServerFunc) connect.ServerFunc {
	return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
		d := a.doors[spec.Procedure]
		c, err := a.authenticate(ctx, d)
		if err != nil {
			return a.refuse(ctx, spec, c, err)
		}
		switch ctx = identity.With(ctx, c); d.rules.Judge(c) {
		case identity.Admitted:
			return next(ctx, spec, stream)
		case identity.IfOwner:
			return next(ctx, spec, &ownedStream{ServerStream: stream, admits: func(request any) error {
				if d.rules.Owned(c, request) {
					return nil
				}
				return a.refuse(ctx, spec, c, denied(spec, d, c))
			}})
		}
		return a.refuse(ctx, spec, c, denied(spec, d, c))
	}
}

// ownedStream looks at requests before the handler does.
type ownedStream struct {
	connect.ServerStream
	admits func(request any) error
}

func (s *ownedStream) Receive(request any) error {
	if err := s.ServerStream.Receive(request); err != nil {
		return err
	}
	return s.admits(request)
}

// authenticate returns who makes the call.
func (a *Authorizer) authenticate(ctx context.Context, d door) (identity.Caller, error) {
	if c, known := identity.Known(ctx); known {
		return c, nil
	}
	info, ok := connect.CallInfoForServerContext(ctx)
	if !ok {
		return identity.Caller{}, nil
	}
	c, err := a.verify(ctx, info.RequestHeader().Get(headerAuthorization), d)
	return c, IdentityError(err)
}

func (a *Authorizer) verify(ctx context.Context, authorization string, d door) (identity.Caller, error) {
	token, err := identity.BearerToken(authorization)
	switch {
	case err != nil || token == "":
		return identity.Caller{}, err
	case identity.OfService(token) && d.context == "":
		return identity.Caller{}, errNoContext
	case identity.OfService(token):
		return a.services.Verify(token, d.context)
	}
	return a.people.Verify(ctx, token)
}

// errNoContext refuses the token of a service where no context is called.
var errNoContext = &identity.TokenError{Reason: "is that of a service, which is for the calls of one context alone"}

// IdentityError gives an error with which package identity refuses a token its
// code: Unauthenticated, or Unavailable when the token could not be judged.
func IdentityError(err error) error {
	var bad *identity.TokenError
	switch {
	case errors.As(err, &bad), errors.Is(err, identity.ErrScheme):
		return connect.NewError(connect.CodeUnauthenticated, err.Error())
	case errors.Is(err, identity.ErrUnavailable):
		return connect.NewError(connect.CodeUnavailable, identity.ErrUnavailable.Error()+"; try again").WithCause(err)
	}
	return err
}

// denied is the error of a caller that is known, or known to be nobody, and
// not let in. It says who would be, in the contract's words.
func denied(spec connect.Spec, d door, c identity.Caller) error {
	name := callName(spec.Procedure)
	switch {
	case len(d.rules) == 0:
		return connect.Errorf(connect.CodePermissionDenied, "%s lets nobody in: its contract has no access option", name)
	case c.Anonymous():
		return connect.Errorf(connect.CodeUnauthenticated,
			"%s lets in %v; send an access token in the header Authorization: Bearer <token>", name, d.rules)
	}
	return connect.Errorf(connect.CodePermissionDenied, "%s lets in %v, and the caller is none of these", name, d.rules)
}

// refuse logs and counts a call that is not made, and returns err.
func (a *Authorizer) refuse(ctx context.Context, spec connect.Spec, c identity.Caller, err error) error {
	a.note(ctx, spec.Procedure, c, err)
	if info, ok := connect.CallInfoForServerContext(ctx); ok && connect.CodeOf(err) == connect.CodeUnauthenticated {
		info.ResponseHeader().Set("WWW-Authenticate", "Bearer") // RFC 6750, section 3
	}
	return err
}

// note logs and counts a refusal.
func (a *Authorizer) note(ctx context.Context, procedure string, c identity.Caller, err error) {
	code := connect.CodeOf(err)
	a.log.LogAttrs(ctx, slog.LevelInfo, "call refused",
		slog.String("procedure", procedure), slog.String("caller", c.Name()),
		slog.String("code", code.String()), slog.String("reason", fullText(err)))
	a.refused(ctx, callName(procedure), code)
}
