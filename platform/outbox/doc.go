// Package outbox takes events from a context's database to the broker.
// [Insert] writes them in the transaction that they are facts of; a [Relay]
// publishes what is there, in order by key, and marks it.
package outbox
