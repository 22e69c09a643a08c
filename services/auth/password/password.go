// Package password hashes passwords with argon2id, a bounded number of them at
// one time, because each takes 19 MiB of memory and some 50 ms of a core.
package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"time"

	"golang.org/x/crypto/argon2"
)

// The parameters of new hashes, as OWASP recommends them for argon2id.
const (
	memory  = 19 << 10 // in KiB
	passes  = 2
	threads = 1
	salt    = 16
	length  = 32
)

// The most that a stored hash may ask for, so that one that was tampered with
// cannot exhaust the process.
const (
	maxMemory = 256 << 10
	maxPasses = 16
)

// patience is how long a hash waits for its turn.
const patience = 5 * time.Second

// ErrBusy means that too many passwords are being hashed at the moment.
var ErrBusy = errors.New("too many log-ins at the moment; try again in a few seconds")

// A Hasher hashes passwords and checks them against hashes. It is safe for
// concurrent use.
type Hasher struct{ turns chan struct{} }

// NewHasher returns a Hasher that hashes up to n passwords at one time.
func NewHasher(n int) *Hasher { return &Hasher{make(chan struct{}, max(1, n))} }

// Hash returns a new hash of a password, in the PHC string format with its
// parameters and a salt of its own. It fails with [ErrBusy], or when ctx ends.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	p := params{memory: memory, passes: passes, threads: threads, salt: make([]byte, salt)}
	_, _ = rand.Read(p.salt) // never fails
	sum, err := h.sum(ctx, password, p)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memory, p.passes, p.threads,
		base64.RawStdEncoding.EncodeToString(p.salt), base64.RawStdEncoding.EncodeToString(sum)), nil
}

// Check reports whether hash is of the password, and whether it should be
// replaced by a new one because the parameters have changed. An empty hash is
// nobody's; it takes as long as another. It fails with [ErrBusy], when ctx
// ends, or when the hash cannot be read.
func (h *Hasher) Check(ctx context.Context, password, hash string) (ok, outdated bool, err error) {
	if hash == "" {
		_, err := h.sum(ctx, password, params{memory: memory, passes: passes, threads: threads, salt: make([]byte, salt)})
		return false, false, err
	}
	p, want, err := parse(hash)
	if err != nil {
		return false, false, err
	}
	got, err := h.sum(ctx, password, p)
	if err != nil {
		return false, false, err
	}
	current := p.memory == memory && p.passes == passes && p.threads == threads
	return subtle.ConstantTimeCompare(got, want) == 1, !current, nil
}

type params struct {
	memory, passes uint32
	threads        uint8
	salt           []byte
}

// sum hashes when it is its turn.
func (h *Hasher) sum(ctx context.Context, password string, p params) ([]byte, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case h.turns <- struct{}{}:
		defer func() { <-h.turns }()
		return argon2.IDKey([]byte(password), p.salt, p.passes, p.memory, p.threads, length), nil
	case <-timer.C:
		return nil, ErrBusy
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

var errFormat = errors.New("the stored password hash is not one of argon2id, version 19; set a new password")

// parse reads a hash in the PHC string format.
func parse(hash string) (p params, sum []byte, err error) {
	var version int
	var encoded string
	n, err := fmt.Sscanf(hash, "$argon2id$v=%d$m=%d,t=%d,p=%d$%s", &version, &p.memory, &p.passes, &p.threads, &encoded)
	if err != nil || n != 5 || version != argon2.Version || p.memory > maxMemory || p.passes == 0 || p.passes > maxPasses || p.threads == 0 {
		return p, nil, errFormat
	}
	for i := range len(encoded) {
		if encoded[i] != '$' {
			continue
		}
		p.salt, err = base64.RawStdEncoding.DecodeString(encoded[:i])
		if err == nil {
			sum, err = base64.RawStdEncoding.DecodeString(encoded[i+1:])
		}
		if err != nil || len(sum) != length || len(p.salt) > math.MaxUint8 {
			return p, nil, errFormat
		}
		return p, sum, nil
	}
	return p, nil, errFormat
}
