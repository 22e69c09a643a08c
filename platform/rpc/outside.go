package rpc

import (
	"context"
	"errors"
)

type outsideKey struct{}

// outside is what the handler of one command has had done, in the order in
// which it asked for it.
type outside struct {
	done []any
	next int // of this run of the handler
}

// A detour is the error that ends a transaction so that something can be done
// without it.
type detour struct {
	run func(ctx context.Context) (any, error)
}

func (*detour) Error() string {
	return "rpc.Outside: the handler has to return this error, so that its transaction ends and it runs again with the result"
}

var errNoCommand = errors.New("rpc.Outside: there is no command under way in this context")

// Outside runs f while no transaction of the command is open, for what takes so
// long that nobody should wait for it: hashing a password. The first time, it
// returns an error that the handler has to return; the transaction is rolled
// back, f runs, and the handler runs again, in a new transaction, where Outside
// returns what f has returned. What the handler had read before may have
// changed meanwhile, so it looks again. A command that is answered by an earlier
// call with the same Idempotency-Key does not come here.
//
// f may begin transactions of its own. When it fails, the command fails with its
// error and the handler does not run again. A handler that calls Outside several
// times does so in the same order in every run, with the same types. Only
// handlers of commands call it.
func Outside[T any](ctx context.Context, f func(ctx context.Context) (T, error)) (result T, err error) {
	o, ok := ctx.Value(outsideKey{}).(*outside)
	if !ok {
		return result, errNoCommand
	}
	if o.next == len(o.done) {
		return result, &detour{func(ctx context.Context) (any, error) { return f(ctx) }}
	}
	result, ok = o.done[o.next].(T)
	if !ok {
		return result, errors.New("rpc.Outside: the handler asks for another type than in its last run")
	}
	o.next++
	return result, nil
}

// took reports whether a command has ended with a detour, and takes it: then
// the command is to be run again, unless there is an error.
func (o *outside) took(ctx context.Context, ended error) (bool, error) {
	var d *detour
	if !errors.As(ended, &d) {
		return false, nil
	}
	result, err := d.run(ctx)
	o.done = append(o.done, result)
	return true, err
}
