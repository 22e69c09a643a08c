//go:build !mutant_retry_skips

package tx

// keepsOrder says whether records wait behind a held one of their key.
const keepsOrder = true
