//go:build !mutant_no_inbox

package tx

// settlesDuplicates says whether the inbox decides what runs. The crash tests
// are also run with the other value, and must fail then.
const settlesDuplicates = true
