package rpc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"

	"connectrpc.com/connect/v2"
	"github.com/google/uuid"
)

type keysKey struct{}

// keys makes the idempotency keys of the calls under one context.
type keys struct {
	base  string
	mu    sync.Mutex
	calls map[string]int // by procedure
}

// WithKey returns a context whose commands are the same ones whenever they are
// sent under the same key: the n-th call of a procedure gets
// <key>/<procedure>/<n> as its Idempotency-Key. Whoever runs again after a
// failure has to make the same calls in the same order; another request in
// the place of one that took effect is refused with InvalidArgument.
func WithKey(ctx context.Context, key string) context.Context {
	return context.WithValue(ctx, keysKey{}, &keys{base: key, calls: map[string]int{}})
}

// keyOf returns the idempotency key of a call.
func keyOf(ctx context.Context, spec connect.Spec) (string, error) {
	if k, ok := ctx.Value(keysKey{}).(*keys); ok {
		return k.next(spec.Procedure), nil
	}
	id, err := uuid.NewV7()
	return id.String(), err
}

func (k *keys) next(procedure string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.calls[procedure]++
	key := fmt.Sprintf("%s%s/%d", k.base, procedure, k.calls[procedure])
	if len(key) <= maxKeyLength {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}
