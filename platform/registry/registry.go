package registry

import (
	"cmp"
	"log/slog"
	"sync"
)

// A Registry holds schemas by subject, version and id. It is safe for
// concurrent use; readers never wait for the disk.
type Registry struct {
	log *slog.Logger
	// writing is held from the decision about a change until it is applied, so
	// that changes are decided one after the other.
	writing sync.Mutex
	journal *journal
	// mu guards state.
	mu    sync.RWMutex
	state *state
}

// Options configure a Registry. The zero Options are valid.
type Options struct {
	// Logger receives what an operator must know, such as a log that was cut at
	// a torn entry. Default: slog.Default().
	Logger *slog.Logger
}

// Open opens the registry whose log is in dir and creates both if needed. With
// dir "" the registry lives in memory only. A last entry that was not written
// completely (it was never answered) is cut off; damage before it is an error,
// and so is a directory that another process has open.
func Open(dir string, opts Options) (*Registry, error) {
	r := &Registry{log: cmp.Or(opts.Logger, slog.Default()), state: newState()}
	if dir == "" {
		return r, nil
	}
	j, err := openJournal(dir, r.log, r.state.apply)
	if err != nil {
		return nil, err
	}
	r.journal = j
	return r, nil
}

// Close waits for the change underway and closes the log. Changes after Close
// are refused; reads still work.
func (r *Registry) Close() error {
	r.writing.Lock()
	defer r.writing.Unlock()
	if r.journal == nil {
		return nil
	}
	return r.journal.close()
}

// change runs decide, which looks at the state and returns the entry that
// changes it or nil for no change, then writes and applies that entry. Nobody
// else changes the state meanwhile.
func (r *Registry) change(decide func(*state) (*entry, error)) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	e, err := decide(r.state)
	if err != nil || e == nil {
		return err
	}
	if err := r.append(e); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state.apply(e)
}

func (r *Registry) append(e *entry) error {
	if r.journal == nil {
		return nil
	}
	if err := r.journal.append(e); err != nil {
		r.log.Error("schema registry: a change could not be stored", "op", e.Op, "subject", e.Subject, "error", err)
		return storeFailed(err)
	}
	return nil
}

// read runs f with the state, which f must not keep.
func (r *Registry) read(f func(*state) error) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return f(r.state)
}
