package rpc

import "context"

type callerKey struct{}

// anonymous is the caller of a request that carries no identity.
const anonymous = "anonymous"

// WithCaller returns a context whose calls are made by the named principal.
// Idempotency keys of different callers never meet.
func WithCaller(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, callerKey{}, name)
}

// CallerFrom returns the principal that makes the call, or "anonymous".
func CallerFrom(ctx context.Context) string {
	if name, ok := ctx.Value(callerKey{}).(string); ok && name != "" {
		return name
	}
	return anonymous
}
