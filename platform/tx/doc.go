// Package tx makes a handler one transaction: consuming an event or serving a
// command, changing state and publishing events commit together or not at all.
//
// A consumer's position, its inbox and the commands' idempotency keys live in
// the context's own database. A [Store] applies deliveries and commands there,
// and holds what fails in the order of its key, with package hold; package
// outbox takes what they published to the broker. Package entdriver
// gives Ent the open transaction.
package tx
