//go:build !race

package codectest

// decoderOnHeap is 0: without the race detector the decoder stays on the stack.
const decoderOnHeap = 0
