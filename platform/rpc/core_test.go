package rpc_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/rpc"
	"github.com/pulselearn/campus-hub/platform/tx"
)

func TestCommandRunsOncePerKey(t *testing.T) {
	t.Parallel()
	forEachWire(t, func(t *testing.T, n *notes, c *connect.Client) {
		for i := range 3 {
			got, err := add(withKey(t.Context(), "k1"), c, "hello")
			if err != nil || got != 1 {
				t.Fatalf("call %d: got %d, %v; want the first answer, 1", i, got, err)
			}
		}
		if n.runs != 1 || count(t, c) != 1 {
			t.Errorf("the handler ran %d times and left %d notes, want 1 and 1", n.runs, count(t, c))
		}
		if got, err := add(withKey(t.Context(), "k2"), c, "hello"); err != nil || got != 2 {
			t.Errorf("with another key: got %d, %v; want 2", got, err)
		}
	})
}

// A caller learns that its answer is an old one.
func TestReplayIsSaid(t *testing.T) {
	t.Parallel()
	forEachWire(t, func(t *testing.T, _ *notes, c *connect.Client) {
		for _, want := range []string{"", "true"} {
			ctx, info := connect.NewClientContext(t.Context())
			info.RequestHeader().Set(rpc.HeaderIdempotencyKey, "k1")
			if _, err := add(ctx, c, "hello"); err != nil {
				t.Fatal(err)
			}
			if got := info.ResponseHeader().Get(rpc.HeaderIdempotencyReplayed); got != want {
				t.Errorf("the header says %q, want %q", got, want)
			}
		}
	})
}

func TestCommandWithoutKeyRunsEveryTime(t *testing.T) {
	t.Parallel()
	forEachWire(t, func(t *testing.T, _ *notes, c *connect.Client) {
		for want := int64(1); want <= 3; want++ {
			if got, err := add(t.Context(), c, "hello"); err != nil || got != want {
				t.Fatalf("got %d, %v; want %d", got, err, want)
			}
		}
	})
}

func TestCommandRefusesKeyOfAnotherRequest(t *testing.T) {
	t.Parallel()
	forEachWire(t, func(t *testing.T, _ *notes, c *connect.Client) {
		if _, err := add(withKey(t.Context(), "k"), c, "first"); err != nil {
			t.Fatal(err)
		}
		_, err := add(withKey(t.Context(), "k"), c, "second")
		if connect.CodeOf(err) != connect.CodeInvalidArgument || !strings.Contains(err.Error(), "new key") {
			t.Errorf("got %v, want an invalid argument that says what to do", err)
		}
		if strings.Contains(err.Error(), "second") {
			t.Errorf("the error quotes the request: %v", err)
		}
		if got := count(t, c); got != 1 {
			t.Errorf("%d notes, want 1", got)
		}
	})
}

func TestCommandRefusesLongKey(t *testing.T) {
	t.Parallel()
	n := newNotes(t)
	c := connect.NewClient(connectinprocess.New(n.server))
	if _, err := add(withKey(t.Context(), strings.Repeat("k", 256)), c, "x"); err != nil {
		t.Errorf("a key of 256 characters: %v", err)
	}
	_, err := add(withKey(t.Context(), strings.Repeat("k", 257)), c, "x")
	if connect.CodeOf(err) != connect.CodeInvalidArgument {
		t.Errorf("a key of 257 characters: got %v, want invalid argument", err)
	}
}

// A key becomes the correlation id of events and text in the database, neither
// of which takes every byte that a header takes.
func TestCommandRefusesUnprintableKey(t *testing.T) {
	t.Parallel()
	n := newNotes(t)
	c := connect.NewClient(connectinprocess.New(n.server))
	for _, key := range []string{"a\tb", "caf\xe9", "a\x00", "café"} {
		if _, err := add(withKey(t.Context(), key), c, "x"); connect.CodeOf(err) != connect.CodeInvalidArgument {
			t.Errorf("key %q: got %v, want invalid argument", key, err)
		}
	}
	if _, err := add(withKey(t.Context(), `"a key, 7~"`), c, "x"); err != nil {
		t.Errorf("a printable key: %v", err)
	}
}

// A handler may change its request. When a conflict makes it run again, it
// gets the request as it came.
func TestEveryRunGetsTheRequestAsItCame(t *testing.T) {
	t.Parallel()
	n := newNotes(t)
	req, runs := wrapperspb.String("x"), 0
	_, err := n.core.Command(t.Context(), addSpec.Procedure, req, nil, func(ctx context.Context, t *tx.Tx) (proto.Message, error) {
		seen := req.GetValue()
		req.Value += " changed"
		if runs++; runs == 1 {
			_, err := t.Conn().ExecContext(ctx, "PRAGMA wal_checkpoint") // SQLITE_LOCKED inside a transaction
			return nil, err
		}
		return wrapperspb.String(seen), nil
	})
	if err != nil || runs != 2 || req.GetValue() != "x changed" {
		t.Errorf("%d runs, the last changed the request to %q: %v", runs, req.GetValue(), err)
	}
}

func TestCommandKeysOfCallersNeverMeet(t *testing.T) {
	t.Parallel()
	n := newNotes(t)
	c := connect.NewClient(connectinprocess.New(n.server))
	for want, caller := range []string{"ada", "grace"} {
		got, err := add(withKey(identity.With(t.Context(), identity.Caller{Subject: caller}), "k"), c, "same text")
		if err != nil || got != int64(want+1) {
			t.Errorf("%s: got %d, %v; want an effect of her own, %d", caller, got, err, want+1)
		}
	}
}

func TestCommandOnceUnderConcurrentRetries(t *testing.T) {
	t.Parallel()
	forEachWire(t, func(t *testing.T, _ *notes, c *connect.Client) {
		var group sync.WaitGroup
		for range 16 {
			group.Go(func() {
				got, err := add(withKey(t.Context(), "k"), c, "hello")
				if connect.CodeOf(err) == connect.CodeUnavailable || connect.CodeOf(err) == connect.CodeAborted {
					return // another one is at it; clients send it again
				}
				if err != nil || got != 1 {
					t.Errorf("got %d, %v; want 1", got, err)
				}
			})
		}
		group.Wait()
		if got := count(t, c); got != 1 {
			t.Errorf("%d notes, want 1", got)
		}
	})
}

func TestFailedCommandLeavesNothing(t *testing.T) {
	t.Parallel()
	n := newNotes(t)
	c := connect.NewClient(connectinprocess.New(n.server))
	n.before = func(context.Context, string) error {
		return connect.NewError(connect.CodeFailedPrecondition, "not yet")
	}
	if _, err := add(withKey(t.Context(), "k"), c, "x"); connect.CodeOf(err) != connect.CodeFailedPrecondition {
		t.Fatalf("got %v, want the handler's own code", err)
	}
	n.before = nil
	if got, err := add(withKey(t.Context(), "k"), c, "x"); err != nil || got != 1 {
		t.Errorf("the same key after a failure: got %d, %v; want it to run", got, err)
	}
}

const secret = "grace@example.org"

func TestErrorsAreRedacted(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		before func(context.Context, string) error
		logged string
	}{
		{"plain error", func(context.Context, string) error { return errors.New("constraint on " + secret) }, "constraint on"},
		{"panic", func(context.Context, string) error { panic("cannot mail " + secret) }, "core_test.go"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			forEachWire(t, func(t *testing.T, n *notes, c *connect.Client) {
				n.before = test.before
				_, err := add(t.Context(), c, "x")
				if connect.CodeOf(err) != connect.CodeInternal {
					t.Errorf("got %v, want internal", err)
				}
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the caller sees the cause: %v", err)
				}
				if log := n.log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, addSpec.Procedure) || !strings.Contains(log, test.logged) {
					t.Errorf("the log does not say what failed: %s", log)
				}
				if got := count(t, c); got != 0 {
					t.Errorf("%d notes, want none", got)
				}
			})
		})
	}
}

func TestPanicOfAQuery(t *testing.T) {
	t.Parallel()
	n := newNotes(t)
	spec := connect.Spec{Procedure: "/test.v1.Notes/Panic", StreamType: connect.StreamTypeUnary}
	n.server.Register(connect.Method{Spec: spec, Handler: func(context.Context, connect.Spec, connect.ServerStream) error {
		panic("cannot read " + secret)
	}})
	err := connect.NewClient(connectinprocess.New(n.server)).CallUnary(t.Context(), spec, wrapperspb.String(""), new(wrapperspb.Int64Value))
	if connect.CodeOf(err) != connect.CodeInternal || strings.Contains(err.Error(), secret) {
		t.Errorf("got %v, want a redacted internal error", err)
	}
	if log := n.log.String(); !strings.Contains(log, "core_test.go") || strings.Contains(log, secret) {
		t.Errorf("want the stack and not the value in the log: %s", log)
	}
}

func TestHandlerWithoutAnswer(t *testing.T) {
	t.Parallel()
	n := newNotes(t)
	for _, answer := range []proto.Message{nil, (*wrapperspb.Int64Value)(nil)} {
		_, err := n.core.Command(t.Context(), "/test.v1.Notes/Add", wrapperspb.String(""), new(wrapperspb.Int64Value),
			func(context.Context, *tx.Tx) (proto.Message, error) { return answer, nil })
		if connect.CodeOf(err) != connect.CodeInternal {
			t.Errorf("command: got %v, want internal", err)
		}
		_, err = n.core.Query(t.Context(), "/test.v1.Notes/Count",
			func(context.Context, *tx.Reader) (proto.Message, error) { return answer, nil })
		if connect.CodeOf(err) != connect.CodeInternal {
			t.Errorf("query: got %v, want internal", err)
		}
	}
}

func TestQueryCannotWrite(t *testing.T) {
	t.Parallel()
	n := newNotes(t)
	_, err := n.core.Query(t.Context(), countSpec.Procedure, func(ctx context.Context, r *tx.Reader) (proto.Message, error) {
		if _, err := r.Conn().ExecContext(ctx, "INSERT INTO notes VALUES ('1', 'x')"); err != nil {
			return nil, err
		}
		return wrapperspb.Int64(0), nil
	})
	if connect.CodeOf(err) != connect.CodeInternal {
		t.Errorf("got %v, want internal", err)
	}
	if got := count(t, connect.NewClient(connectinprocess.New(n.server))); got != 0 {
		t.Errorf("%d notes, want none", got)
	}
}

func TestKnownErrorsHaveCodes(t *testing.T) {
	t.Parallel()
	missing := errors.New("no row of " + secret)
	core := rpc.NewCore(nil, func(err error) (connect.Code, bool) {
		return connect.CodeNotFound, errors.Is(err, missing)
	})
	err := rpc.PublicError(core, missing)
	if connect.CodeOf(err) != connect.CodeNotFound || strings.Contains(err.Error(), secret) {
		t.Errorf("got %v, want a redacted not found", err)
	}
	for want, cause := range map[connect.Code]error{
		connect.CodeUnavailable:      database.ErrCommitUnknown,
		connect.CodeInvalidArgument:  tx.ErrKeyReused,
		connect.CodeDeadlineExceeded: context.DeadlineExceeded,
		connect.CodeCanceled:         context.Canceled,
		connect.CodeInternal:         errors.New("anything else"),
	} {
		if got := connect.CodeOf(rpc.PublicError(core, cause)); got != want {
			t.Errorf("%v has code %v, want %v", cause, got, want)
		}
	}
}
