// Package rpc is the synchronous side of a context: commands that run in a
// transaction once per idempotency key, queries over a read-only connection,
// and the clients that contexts call each other with. It builds on Connect.
package rpc

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// HeaderIdempotencyKey names the request header that makes a command run once
// however often it is sent.
const HeaderIdempotencyKey = "Idempotency-Key"

// HeaderIdempotencyReplayed names the response header that says "true" when
// the answer is that of an earlier call with the same key.
const HeaderIdempotencyReplayed = "Idempotency-Replayed"

// maxKeyLength bounds an idempotency key; UUIDs need 36.
const maxKeyLength = 256

// A CodeFunc says which code an error of a context's own making has, for
// example NotFound for a row that does not exist, and false for an error that
// it does not know.
type CodeFunc func(error) (connect.Code, bool)

// A Core runs the calls of one context against its database. It is safe for
// concurrent use. Generated code calls it; handlers never see it.
type Core struct {
	store *tx.Store
	code  CodeFunc
}

// NewCore returns the core of the context whose database is store. code may be
// nil.
func NewCore(store *tx.Store, code CodeFunc) *Core {
	return &Core{store: store, code: code}
}

// Command runs a call that changes state. With an Idempotency-Key the answer
// is stored in the same transaction as the effects, and a call with the same
// key, caller and request gets that answer without running again, decoded into
// empty. run may be called more than once, each time with req as it came,
// which it may change; only its last run has effects.
func (c *Core) Command(
	ctx context.Context, procedure string, req, empty proto.Message,
	run func(ctx context.Context, t *tx.Tx) (proto.Message, error),
) (proto.Message, error) {
	command, err := newCommand(ctx, procedure, req)
	if err != nil {
		return nil, err
	}
	var answer, sent proto.Message
	stored, replayed, err := c.transact(ctx, command, func(ctx context.Context, t *tx.Tx) ([]byte, error) {
		sent = restore(req, sent)
		answer, err = run(ctx, t)
		return encodeAnswer(procedure, answer, err)
	})
	if err != nil {
		return nil, c.publicError(procedure, err)
	}
	if !replayed {
		return answer, nil
	}
	if err := proto.Unmarshal(stored, empty); err != nil {
		return nil, c.publicError(procedure, fmt.Errorf("decode the stored answer: %w", err))
	}
	if info, ok := connect.CallInfoForServerContext(ctx); ok {
		info.ResponseHeader().Set(HeaderIdempotencyReplayed, "true")
	}
	return empty, nil
}

// transact runs a command in one transaction, or in one more for each time that
// it asks for something to be done [Outside] of it.
func (c *Core) transact(ctx context.Context, command tx.Command, run func(context.Context, *tx.Tx) ([]byte, error)) ([]byte, bool, error) {
	work := new(outside)
	for {
		stored, replayed, err := c.store.Command(ctx, command, func(ctx context.Context, t *tx.Tx) ([]byte, error) {
			work.next = 0
			return run(context.WithValue(ctx, outsideKey{}, work), t)
		})
		took, failed := work.took(ctx, err)
		switch {
		case failed != nil:
			return nil, false, failed
		case !took:
			return stored, replayed, err
		}
	}
}

// restore makes req as it was at the first call, which has no copy of it yet,
// and returns the copy.
func restore(req, sent proto.Message) proto.Message {
	if sent == nil {
		return proto.Clone(req)
	}
	proto.Reset(req)
	proto.Merge(req, sent)
	return sent
}

// Query runs a call that changes nothing. It ends after the time that
// [tx.Store.Read] gives it.
func (c *Core) Query(
	ctx context.Context, procedure string,
	run func(ctx context.Context, r *tx.Reader) (proto.Message, error),
) (proto.Message, error) {
	var answer proto.Message
	err := c.store.Read(ctx, func(ctx context.Context, r *tx.Reader) error {
		var err error
		answer, err = run(ctx, r)
		return checkAnswer(procedure, answer, err)
	})
	if err != nil {
		return nil, c.publicError(procedure, err)
	}
	return answer, nil
}

func newCommand(ctx context.Context, procedure string, req proto.Message) (tx.Command, error) {
	command := tx.Command{Method: procedure, Caller: identity.From(ctx).Name()}
	if info, ok := connect.CallInfoForServerContext(ctx); ok {
		command.Key = info.RequestHeader().Get(HeaderIdempotencyKey)
	}
	if strings.ContainsFunc(command.Key, func(r rune) bool { return r < ' ' || r > '~' }) {
		return command, connect.Errorf(connect.CodeInvalidArgument,
			"%s holds a character other than printable ASCII; a UUID is a good key", HeaderIdempotencyKey)
	}
	if len(command.Key) > maxKeyLength {
		return command, connect.Errorf(connect.CodeInvalidArgument,
			"%s has %d characters; at most %d are allowed", HeaderIdempotencyKey, len(command.Key), maxKeyLength)
	}
	if command.Key == "" {
		return command, nil
	}
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(req)
	if err != nil {
		return command, connect.Errorf(connect.CodeInvalidArgument, "request cannot be encoded: %v", err)
	}
	command.RequestHash = sha256.Sum256(body)
	return command, nil
}

func encodeAnswer(procedure string, answer proto.Message, err error) ([]byte, error) {
	if err := checkAnswer(procedure, answer, err); err != nil {
		return nil, err
	}
	return proto.Marshal(answer)
}

var errNoAnswer = errors.New("handler returned neither a response nor an error")

func checkAnswer(procedure string, answer proto.Message, err error) error {
	if err != nil {
		return err
	}
	if answer == nil || !answer.ProtoReflect().IsValid() {
		return fmt.Errorf("%s: %w", procedure, errNoAnswer)
	}
	return nil
}
