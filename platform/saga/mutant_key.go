//go:build !mutant_saga_fresh_key

package saga

// attemptKey is the idempotency key of every attempt of a call.
func attemptKey(key string, _ int) string { return key }
