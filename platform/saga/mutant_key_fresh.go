//go:build mutant_saga_fresh_key

package saga

import "strconv"

// attemptKey is another one for each attempt.
func attemptKey(key string, attempt int) string { return key + "/" + strconv.Itoa(attempt) }
