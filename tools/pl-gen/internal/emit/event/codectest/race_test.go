//go:build race

package codectest

// decoderOnHeap is 1 under the race detector, which keeps the decoder on the heap.
const decoderOnHeap = 1
