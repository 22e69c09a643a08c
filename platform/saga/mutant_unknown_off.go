//go:build mutant_saga_no_own_undo

package saga

const undoesUnknown = false
