package saga

import "context"

// An Attempt is one call on its way.
type Attempt struct {
	Saga, Instance string
	// Step is the step that is called or undone, "compensate" for what undoes
	// the start.
	Step string
	// Procedure is what is called.
	Procedure string
	Undo      bool
	// Number counts the attempts, beginning at 1.
	Number int
	// TraceParent is the W3C trace context of the event that began the
	// instance, or empty.
	TraceParent string
}

// An AttemptHook observes calls.
type AttemptHook interface {
	// AttemptStarted is called before the call, which is made in the context
	// that it returns; end is called with the result, "done", "refused" or
	// "unknown", and the error.
	AttemptStarted(ctx context.Context, a *Attempt) (_ context.Context, end func(result string, err error))
}

// A MoveHook observes what happens to instances.
type MoveHook interface {
	// Moved is called for each line of an instance's history after its commit.
	// The entry must not be changed or kept.
	Moved(saga string, e *Entry)
}

// A CountHook observes how many instances there are.
type CountHook interface {
	// Counted is called from time to time with the instances of these sagas
	// that are not at their end, or have parked steps.
	Counted(sagas []string, counts []Count)
}

func (c *Config) stepStarted(ctx context.Context, a *Attempt) (_ context.Context, end func(string, error)) {
	var ends []func(string, error)
	for _, h := range c.Hooks {
		if hook, ok := h.(AttemptHook); ok {
			var end func(string, error)
			ctx, end = hook.AttemptStarted(ctx, a)
			ends = append(ends, end)
		}
	}
	return ctx, func(result string, err error) {
		for i := len(ends) - 1; i >= 0; i-- {
			ends[i](result, err)
		}
	}
}

func (c *Config) moved(saga string, e *Entry) {
	for _, h := range c.Hooks {
		if hook, ok := h.(MoveHook); ok {
			hook.Moved(saga, e)
		}
	}
}

func (c *Config) counted(counts []Count) {
	names := make([]string, len(c.Definitions))
	for i := range c.Definitions {
		names[i] = c.Definitions[i].Name
	}
	for _, h := range c.Hooks {
		if hook, ok := h.(CountHook); ok {
			hook.Counted(names, counts)
		}
	}
}
