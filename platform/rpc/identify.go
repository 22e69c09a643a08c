package rpc

import (
	"context"
	"strings"

	"connectrpc.com/connect/v2"

	"github.com/pulselearn/campus-hub/platform/identity"
)

const (
	headerAuthorization = "Authorization"
	headerForwarded     = "X-Forwarded-For"
)

// Bearer sends an access token with every call of a client. The token of a
// call that has one already is replaced.
func Bearer(token string) connect.ClientInterceptor {
	return sendToken(func(context.Context) (string, error) { return token, nil })
}

// sendToken sends the token that of returns; "" is none.
func sendToken(of func(ctx context.Context) (string, error)) connect.ClientInterceptor {
	return func(next connect.ClientFunc) connect.ClientFunc {
		return func(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
			token, err := of(ctx)
			if err != nil {
				return nil, err
			}
			info, ok := connect.CallInfoForClientContext(ctx)
			if token == "" || !ok {
				return next(ctx, spec)
			}
			return lend(info.RequestHeader(), headerAuthorization, "Bearer "+token, func() (connect.ClientStream, error) {
				return next(ctx, spec)
			})
		}
	}
}

// sendAddress says where the request comes from that a call is made for, which
// is believed where this process is among PL_TRUSTED_PROXIES.
func sendAddress(next connect.ClientFunc) connect.ClientFunc {
	return func(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
		address, _, _ := strings.Cut(identity.Address(ctx), "/") // of a network its first
		info, ok := connect.CallInfoForClientContext(ctx)
		if address == "" || !ok {
			return next(ctx, spec)
		}
		return lend(info.RequestHeader(), headerForwarded, address, func() (connect.ClientStream, error) {
			return next(ctx, spec)
		})
	}
}

// lend makes a call with one header more. The headers belong to the caller,
// who may use them for another call: that one finds what was there before.
func lend(
	headers *connect.Header, name, value string, open func() (connect.ClientStream, error),
) (connect.ClientStream, error) {
	restore := func() { headers.Delete(name) }
	if before := headers.Values(name); len(before) > 0 {
		restore = func() { headers.SetValues(name, before) }
	}
	headers.Set(name, value)
	stream, err := open()
	if err != nil {
		restore()
		return nil, err
	}
	return &lentStream{stream, restore}, nil
}

// lentStream takes the header back when its call is over.
type lentStream struct {
	connect.ClientStream
	restore func()
}

func (s *lentStream) Close() error {
	s.restore()
	return s.ClientStream.Close()
}

// As returns a directory of the same contexts whose calls are all made by c,
// whoever is in their context. Its clients are new ones. It is asked once the
// directory is filled.
func (d *Directory) As(c identity.Caller) *Directory {
	own := *d
	own.caller = func(context.Context) identity.Caller { return c }
	return &own
}

// identify says to the named context who makes a call: in this process by the
// call's context, elsewhere by an access token.
func (d *Directory) identify(name string) connect.ClientInterceptor {
	if d.remote[name] != "" {
		token := sendToken(func(ctx context.Context) (string, error) { return d.token(d.caller(ctx), name) })
		return func(next connect.ClientFunc) connect.ClientFunc { return sendAddress(token(next)) }
	}
	return func(next connect.ClientFunc) connect.ClientFunc {
		return func(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
			return next(identity.With(ctx, d.caller(ctx)), spec)
		}
	}
}

// token returns what c is known by in another process.
func (d *Directory) token(c identity.Caller, to string) (string, error) {
	switch {
	case c.Service != "" && d.services == nil:
		return "", connect.Errorf(connect.CodeUnauthenticated,
			"%s is in another process, which knows the contexts of this one by PL_SERVICE_SECRET: set it, the same in all processes", to)
	case c.Service != "":
		return d.services.Token(c.Service, to)
	case c.Token == "" && !c.Anonymous():
		return "", connect.Errorf(connect.CodeUnauthenticated, "%s is in another process, and the caller has no access token to show there", to)
	}
	return c.Token, nil
}
