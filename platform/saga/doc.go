// Package saga runs processes that go through several contexts: an event
// begins an instance, its steps call other contexts, publish and wait for
// events, and what was done is undone in reverse order when a later step fails
// for good. The instances of a context are rows of its own database.
//
// A call commits that it will be made, is made outside of any transaction
// under an idempotency key that stays the same on every attempt, and commits
// its result, which is one of three: done, refused or unknown. Unknown is tried
// again with the same key. A step that fails while its effect is still possible
// is undone itself, before those that were done.
//
// # What a called context promises
//
// A step is called with the Idempotency-Key <saga>/<instance>/<step>, and its
// compensation with that key and "/undo" behind it. The platform answers a
// repeated key from its record for 24 hours. Beyond that, and for attempts that
// arrive late, two rules are up to the contract:
//
//   - The step finds what it has done by the business id in its request, and
//     answers the same again.
//   - The compensation succeeds whether or not the step has ever happened, and
//     leaves a record that makes the step refuse that business id from then on
//     (a tombstone), because an attempt may arrive after its compensation.
//
// # What holds at any moment
//
// Every change of an instance is one transaction that is guarded by the
// instance's version, so that an engine that was suspended, or has lost the
// connection to its database, can never write over what another one has done.
// An instance that is not at its end has a time at which an engine looks at it
// again, or waits for a person as stuck.
package saga
