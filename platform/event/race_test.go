//go:build race

package event

// arenaAllocations is how often an event may allocate under the race detector,
// which makes a pool drop a part of what is put into it: an arena, its chunk of
// text and its list.
const arenaAllocations = 3
