package schema

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/pulselearn/campus-hub/platform/event"
)

// Fingerprint returns what code calls a schema: the first eight bytes of
// SHA-256 over its registered text, as a big-endian number.
func Fingerprint(text string) uint64 {
	sum := sha256.Sum256([]byte(text))
	return binary.BigEndian.Uint64(sum[:8])
}

// IDs knows the registry ids of the schemas that this process writes. It is
// safe for concurrent use.
type IDs struct {
	registry Registry
	register bool
	lock     *Lock // nil without one
	mu       sync.RWMutex
	known    map[uint64]int
}

// NewIDs returns an empty set. With register, schemas that the registry lacks
// are registered, as the embedded default does; without, they are errors, as
// in production.
func NewIDs(registry Registry, register bool) *IDs {
	return &IDs{registry: registry, register: register, known: map[uint64]int{}}
}

// NewLockedIDs returns an empty set whose ids come from lock. Resolve asks no
// registry and registers nothing; registry is asked only by Find, for schemas
// of other versions of this binary that the lock lacks.
func NewLockedIDs(lock *Lock, registry Registry) *IDs {
	ids := NewIDs(registry, false)
	ids.lock = lock
	return ids
}

// Resolve finds the ids of all types, at start-up. A registry that is down
// ends it with ErrUnavailable; all schemas that are missing are reported
// together, each with its subject.
func (ids *IDs) Resolve(ctx context.Context, types ...*event.Type) error {
	var all error
	for _, t := range types {
		err := ids.resolve(ctx, t)
		if err != nil && !errors.Is(err, ErrUnknownSchema) && !errors.Is(err, ErrIncompatible) {
			return err
		}
		all = errors.Join(all, err)
	}
	return all
}

func (ids *IDs) resolve(ctx context.Context, t *event.Type) error {
	if Fingerprint(t.Schema) != t.Fingerprint {
		return fmt.Errorf("event type %s: %w: its fingerprint is not that of its schema; generate the code again with pl-gen generate", t.Topic, ErrIncompatible)
	}
	if ids.lock != nil {
		return ids.resolveLocked(t)
	}
	_, err := ids.Find(ctx, t.RegistrySubject(), t.Schema)
	if !ids.register || !errors.Is(err, ErrUnknownSchema) {
		return err
	}
	if err := ids.setLevel(ctx, t); err != nil {
		return fmt.Errorf("event type %s: %w", t.Topic, err)
	}
	id, err := ids.registry.Register(ctx, t.RegistrySubject(), t.Schema)
	if err != nil {
		return fmt.Errorf("event type %s: %w", t.Topic, err)
	}
	ids.learn(t.Fingerprint, id)
	return nil
}

func (ids *IDs) resolveLocked(t *event.Type) error {
	id, err := ids.lock.find(t.RegistrySubject(), t.Fingerprint)
	if err == nil {
		ids.learn(t.Fingerprint, id)
	}
	return err
}

// setLevel sets the subject's compatibility level. A registry that does not
// support the level still takes the first version of a schema; one that is away
// does not, because the level is set only once.
func (ids *IDs) setLevel(ctx context.Context, t *event.Type) error {
	if t.Compatibility == "" {
		return nil
	}
	err := ids.registry.SetCompatibility(ctx, t.RegistrySubject(), t.Compatibility)
	if errors.Is(err, ErrUnavailable) || ctx.Err() != nil {
		return err
	}
	if err != nil {
		slog.WarnContext(ctx, "registry did not take the compatibility level",
			"subject", t.RegistrySubject(), "level", t.Compatibility, "error", err)
	}
	return nil
}

// ID returns the id of the schema with that fingerprint, once Resolve or Find
// has found it.
func (ids *IDs) ID(fingerprint uint64) (id int, ok bool) {
	ids.mu.RLock()
	defer ids.mu.RUnlock()
	id, ok = ids.known[fingerprint]
	return id, ok
}

// Find returns the id of a schema that may be unknown to this binary, such as
// one that another version of it left in the outbox. It never registers. An
// error that matches ErrUnknownSchema names the subject and what to do.
func (ids *IDs) Find(ctx context.Context, subject, text string) (int, error) {
	fingerprint := Fingerprint(text)
	if id, ok := ids.ID(fingerprint); ok {
		return id, nil
	}
	if ids.lock != nil {
		if id, err := ids.lock.find(subject, fingerprint); err == nil {
			ids.learn(fingerprint, id)
			return id, nil
		}
	}
	id, err := ids.registry.Lookup(ctx, subject, text)
	if errors.Is(err, ErrUnknownSchema) && !ids.register {
		return 0, fmt.Errorf("subject %s does not have the schema with fingerprint %016x: register it with pl-gen register: %w", subject, fingerprint, err)
	}
	if err != nil {
		return 0, err
	}
	ids.learn(fingerprint, id)
	return id, nil
}

func (ids *IDs) learn(fingerprint uint64, id int) {
	ids.mu.Lock()
	defer ids.mu.Unlock()
	ids.known[fingerprint] = id
}
