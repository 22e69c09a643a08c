package rpc_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/pulselearn/campus-hub/platform/rpc"
)

// faulty fails the first calls with a code, and remembers the keys of all.
type faulty struct {
	failures int
	code     connect.Code
	keys     []string
}

func (f *faulty) intercept(next connect.ServerFunc) connect.ServerFunc {
	return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
		info, _ := connect.CallInfoForServerContext(ctx)
		f.keys = append(f.keys, info.RequestHeader().Get(rpc.HeaderIdempotencyKey))
		if len(f.keys) <= f.failures {
			return connect.NewError(f.code, "not now")
		}
		return next(ctx, spec, stream)
	}
}

func TestClientRetriesUnavailableWithTheSameKey(t *testing.T) {
	t.Parallel()
	for _, w := range wires {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			f := &faulty{failures: 3, code: connect.CodeUnavailable}
			n := newNotes(t, f.intercept)
			c := rpc.NewClient(w.open(t, n))
			if got, err := add(t.Context(), c, "x"); err != nil || got != 1 {
				t.Fatalf("got %d, %v; want 1", got, err)
			}
			if len(f.keys) != 4 || f.keys[0] == "" || len(slices.Compact(slices.Clone(f.keys))) != 1 {
				t.Errorf("the attempts had keys %q, want four times the same", f.keys)
			}
			f.keys = nil
			f.failures = 0
			if _, err := add(t.Context(), c, "x"); err != nil || len(f.keys) != 1 {
				t.Errorf("the next call: keys %q, %v", f.keys, err)
			}
		})
	}
}

func TestClientGivesUp(t *testing.T) {
	t.Parallel()
	for code, attempts := range map[connect.Code]int{
		connect.CodeUnavailable:     4,
		connect.CodeInvalidArgument: 1,
		connect.CodeInternal:        1,
	} {
		f := &faulty{failures: 100, code: code}
		n := newNotes(t, f.intercept)
		_, err := add(t.Context(), rpc.NewClient(connectinprocess.New(n.server)), "x")
		if connect.CodeOf(err) != code || len(f.keys) != attempts {
			t.Errorf("%v: got %v after %d attempts, want the code after %d", code, err, len(f.keys), attempts)
		}
	}
}

func TestClientBacksOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &faulty{failures: 100, code: connect.CodeUnavailable}
		c := rpc.NewClient(connectinprocess.New(rpcServer(f)))
		begin := time.Now()
		_, _ = add(t.Context(), c, "x")
		if took := time.Since(begin); took < 175*time.Millisecond || took > 525*time.Millisecond {
			t.Errorf("three pauses took %v, want 50, 100 and 200 ms give or take a half", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		f.keys = nil
		_, err := add(ctx, c, "x")
		if connect.CodeOf(err) != connect.CodeUnavailable || len(f.keys) != 1 {
			t.Errorf("got %v after %d attempts, want the pause to end with the context", err, len(f.keys))
		}
	})
}

// rpcServer answers every note with 0.
func rpcServer(f *faulty) *connect.Server {
	server := connect.NewServer(f.intercept)
	server.Register(connect.Method{Spec: addSpec, Handler: func(_ context.Context, _ connect.Spec, stream connect.ServerStream) error {
		return stream.Send(wrapperspb.Int64(0))
	}})
	return server
}

func TestClientKeepsTheCallersKey(t *testing.T) {
	t.Parallel()
	f := &faulty{}
	n := newNotes(t, f.intercept)
	if _, err := add(withKey(t.Context(), "mine"), rpc.NewClient(connectinprocess.New(n.server)), "x"); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(f.keys, []string{"mine"}) {
		t.Errorf("sent keys %q, want mine", f.keys)
	}
}

// Two calls with one context are two calls.
func TestClientMakesAKeyForEachCall(t *testing.T) {
	t.Parallel()
	for _, w := range wires {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			n := newNotes(t)
			c := rpc.NewClient(w.open(t, n))
			ctx, info := connect.NewClientContext(t.Context())
			for want := range int64(2) {
				if got, err := add(ctx, c, "the same"); err != nil || got != want+1 {
					t.Errorf("got %d, %v; want an effect of its own, %d", got, err, want+1)
				}
			}
			if key := info.RequestHeader().Get(rpc.HeaderIdempotencyKey); key != "" {
				t.Errorf("the caller's headers keep the key %q", key)
			}
		})
	}
}

func TestClientSendsNoKeyWithQueries(t *testing.T) {
	t.Parallel()
	f := &faulty{failures: 1, code: connect.CodeUnavailable}
	n := newNotes(t, f.intercept)
	count(t, rpc.NewClient(connectinprocess.New(n.server)))
	if !slices.Equal(f.keys, []string{"", ""}) {
		t.Errorf("sent keys %q, want two attempts without", f.keys)
	}
}

func TestClientRefusesToCallInsideATransaction(t *testing.T) {
	t.Parallel()
	n := newNotes(t)
	c := rpc.NewClient(connectinprocess.New(n.server))
	var inner error
	n.before = func(ctx context.Context, body string) error {
		if body == "outer" {
			_, inner = add(ctx, c, "inner")
		}
		return nil
	}
	if _, err := add(t.Context(), c, "outer"); err != nil {
		t.Fatal(err)
	}
	if connect.CodeOf(inner) != connect.CodeFailedPrecondition || !strings.Contains(inner.Error(), "transaction") {
		t.Errorf("the call inside: got %v, want it refused", inner)
	}
}

func TestDirectory(t *testing.T) {
	t.Parallel()
	n := newNotes(t)
	d := rpc.NewDirectory(n.server, map[string]string{"away": "http://127.0.0.1:1"})
	d.AddLocal("notes")
	if got, err := add(t.Context(), d.Client("notes"), "x"); err != nil || got != 1 {
		t.Errorf("a local context: got %d, %v", got, err)
	}
	if _, err := add(t.Context(), d.Client("away"), "x"); connect.CodeOf(err) != connect.CodeUnavailable {
		t.Errorf("a remote context that is down: got %v, want unavailable", err)
	}
	_, err := add(t.Context(), d.Client("course"), "x")
	if err == nil || !strings.Contains(err.Error(), "PL_CALLS_COURSE") {
		t.Errorf("a context without an address: got %v, want the setting that is missing", err)
	}
	if err := d.Check("notes", "away"); err != nil {
		t.Error(err)
	}
	if err := d.Check("notes", "course"); err == nil || !strings.Contains(err.Error(), "PL_CALLS_COURSE") {
		t.Errorf("check: got %v, want the setting that is missing", err)
	}
}
