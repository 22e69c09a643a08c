//go:build mutant_no_inbox

package tx

const settlesDuplicates = false
