//go:build !race

package event

// arenaAllocations is 0: without the race detector arenas come from the pool.
const arenaAllocations = 0
