//go:build !mutant_saga_no_own_undo

package saga

// undoesUnknown says whether a step that failed with an unknown result is
// undone like one that is done.
const undoesUnknown = true
