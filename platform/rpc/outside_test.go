package rpc_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/pulselearn/campus-hub/platform/rpc"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// What is done outside can write to the same database, which has one writer,
// so no transaction of the command is open meanwhile; and the command's own
// writes from before are gone.
func TestOutside(t *testing.T) {
	t.Parallel()
	forEachWire(t, func(t *testing.T, n *notes, c *connect.Client) {
		worked := 0
		n.before = func(ctx context.Context, body string) error {
			if body != "outer" {
				return nil
			}
			for want := range 2 {
				got, err := rpc.Outside(ctx, func(ctx context.Context) (int, error) {
					if tx.InTx(ctx) {
						t.Error("it runs within the transaction")
					}
					worked++
					_, err := add(t.Context(), c, "inner")
					return want, err
				})
				if err != nil {
					return err
				}
				if got != want {
					t.Errorf("got %d of what was asked for as number %d", got, want)
				}
			}
			return nil
		}
		for i := range 2 {
			got, err := add(withKey(t.Context(), "k"), c, "outer")
			if err != nil || got != 3 {
				t.Fatalf("request %d: got %d, %v; want a third note", i+1, got, err)
			}
		}
		if worked != 2 || count(t, c) != 3 {
			t.Errorf("%d times outside, %d notes; want 2, and 3", worked, count(t, c))
		}
	})
}

// What fails outside is the command's error, and leaves nothing.
func TestOutsideFails(t *testing.T) {
	t.Parallel()
	forEachWire(t, func(t *testing.T, n *notes, c *connect.Client) {
		runs := 0
		n.before = func(ctx context.Context, _ string) error {
			runs++
			_, err := rpc.Outside(ctx, func(context.Context) (int, error) {
				return 0, connect.NewError(connect.CodeFailedPrecondition, "not so")
			})
			return err
		}
		if _, err := add(t.Context(), c, "x"); connect.CodeOf(err) != connect.CodeFailedPrecondition {
			t.Errorf("got %v", err)
		}
		if runs != 1 || count(t, c) != 0 {
			t.Errorf("%d runs, %d notes; want 1 and 0", runs, count(t, c))
		}
	})
}

func TestOutsideOfACommand(t *testing.T) {
	t.Parallel()
	n := newNotes(t)
	_, err := rpc.Outside(t.Context(), func(context.Context) (int, error) { t.Error("it ran"); return 0, nil })
	if err == nil {
		t.Error("there is no command, and no error")
	}
	_, err = n.core.Command(t.Context(), "/test", wrapperspb.String(""), &wrapperspb.StringValue{},
		func(ctx context.Context, _ *tx.Tx) (m proto.Message, err error) {
			if _, err = rpc.Outside(ctx, func(context.Context) (int, error) { return 1, nil }); err != nil {
				return nil, err
			}
			_, err = rpc.Outside(ctx, func(context.Context) (string, error) { return "", nil })
			return wrapperspb.String(""), err
		})
	if err != nil {
		t.Errorf("two of different types: %v", err)
	}
}

func TestLater(t *testing.T) {
	t.Parallel()
	err := rpc.Later(90*time.Second, "wait")
	if got := rpc.RetryDelay(err); got != 90*time.Second || connect.CodeOf(err) != connect.CodeResourceExhausted {
		t.Errorf("%v asks to wait %v", err, got)
	}
	for _, other := range []error{nil, errors.New("x"), connect.NewError(connect.CodeUnavailable, "x")} {
		if got := rpc.RetryDelay(other); got != 0 {
			t.Errorf("%v asks to wait %v", other, got)
		}
	}
}
