// Package tx makes a handler one transaction: consuming an event or serving a
// command, changing state and publishing events commit together or not at all.
//
// A consumer's position, its inbox, the outbox and the commands' idempotency
// keys live in the context's own database, in tables whose names begin with
// pl_. A [Store] applies deliveries and commands; a [Relay] takes what they
// published from the outbox to the broker; [Database.Maintain] keeps the
// tables small.
//
// The package knows no SQL driver. The packages sqlite and postgres below it
// open a [Database]; entdriver gives Ent the open transaction.
package tx
