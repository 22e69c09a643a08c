package platformtest

import "github.com/pulselearn/campus-hub/platform/database"

// Database returns the database of a context, for what reads it or steers what
// is in it as the admin API does, for example saga.List and saga.Retry. It
// is closed with the test, and another one after a restart.
func (h *Harness) Database(context string) *database.DB {
	h.T.Helper()
	db, ok := h.dbs[context]
	if !ok {
		h.T.Fatalf("context %s is not part of the test; register it", context)
	}
	return db
}
