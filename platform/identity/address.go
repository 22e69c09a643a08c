package identity

import "context"

type addressKey struct{}

// WithAddress returns a context whose requests come from an address. The front
// door is the one place that finds it out.
func WithAddress(ctx context.Context, address string) context.Context {
	return context.WithValue(ctx, addressKey{}, address)
}

// Address returns where a request comes from, as far as that is known: the
// last address that no trusted proxy has, and of IPv6 the network of 64 bits,
// 2001:db8::/64, because a household has all addresses in it. It is "" for what
// did not come through the front door. It tells callers apart whom nothing else
// tells apart, and proves nothing.
func Address(ctx context.Context) string {
	address, _ := ctx.Value(addressKey{}).(string)
	return address
}
