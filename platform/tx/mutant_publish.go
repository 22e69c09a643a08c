//go:build !mutant_publish_before_commit

package tx

import "context"

// rolledBack is called with what a transaction would have published that was
// not committed: nothing of it is published.
func (r *run) rolledBack(context.Context) {}
