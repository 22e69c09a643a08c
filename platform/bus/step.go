package bus

import "context"

// A Step is a point between two actions that a crash can separate. The steps
// of one path are numbered in the order in which they are passed.
type Step string

// The steps of a batch, of a command, of the relay, and of a saga's calls.
const (
	ConsumeOpened    Step = "consume.1-opened"    // the transaction is open
	ConsumeFenced    Step = "consume.2-fenced"    // the position is moved
	ConsumeAdmitted  Step = "consume.3-admitted"  // the inbox knows the events
	ConsumeHandled   Step = "consume.4-handled"   // the handlers have run
	ConsumeStored    Step = "consume.5-stored"    // the outbox has what they published
	ConsumeCommitted Step = "consume.6-committed" // the broker does not know yet

	CommandOpened    Step = "command.1-opened"    // the transaction is open
	CommandReserved  Step = "command.2-reserved"  // the idempotency key is taken
	CommandHandled   Step = "command.3-handled"   // the handler has run
	CommandStored    Step = "command.4-stored"    // the answer and the outbox are written
	CommandCommitted Step = "command.5-committed" // the caller does not know yet

	RelayRead      Step = "relay.1-read"      // rows are read
	RelayPublished Step = "relay.2-published" // the broker has them
	RelayMarked    Step = "relay.3-marked"    // the outbox knows

	SagaCalling  Step = "saga.1-calling"  // it is committed that a call will be made
	SagaCalled   Step = "saga.2-called"   // the call has been made
	SagaRecorded Step = "saga.3-recorded" // its result is committed
)

// A StepHook is called at every step of every path. Tests use it to crash
// there; a hook that blocks or panics is on its own.
type StepHook interface {
	Step(ctx context.Context, s Step)
}

// Step calls every [StepHook].
func (h Hooks) Step(ctx context.Context, s Step) {
	for _, hook := range h {
		if p, ok := hook.(StepHook); ok {
			p.Step(ctx, s)
		}
	}
}
