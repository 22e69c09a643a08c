//go:build race

package event

// arenaAllocations is 1 under the race detector, which makes a pool drop some
// of what is put into it.
const arenaAllocations = 1
