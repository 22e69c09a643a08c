package rpc_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

// A remote is a context whose one call does what the test says.
type remote struct {
	mu     sync.Mutex
	answer func(ctx context.Context) error // nil succeeds
	calls  int
}

func (r *remote) do(f func(ctx context.Context) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

func (r *remote) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls
}

var nameSpec = connect.Spec{
	Procedure: "/pl.users.v1.UserService/Name", StreamType: connect.StreamTypeUnary, IdempotencyLevel: connect.IdempotencyNoSideEffects,
}

func (r *remote) server() *connect.Server {
	server := connect.NewServer()
	server.Register(connect.Method{Spec: nameSpec, Handler: unary(func(ctx context.Context, req *wrapperspb.StringValue) (proto.Message, error) {
		r.mu.Lock()
		r.calls++
		answer := r.answer
		r.mu.Unlock()
		if answer != nil {
			if err := answer(ctx); err != nil {
				return nil, err
			}
		}
		return wrapperspb.String("name of " + req.GetValue()), nil
	})})
	return server
}

// over returns a client of the remote in this process.
func (r *remote) over(o rpc.Observer, policies ...rpc.Policy) *connect.Client {
	d := rpc.NewDirectory(r.server(), nil)
	d.AddLocal("users")
	d.Observe(o)
	return d.Client("users", policies...)
}

// overHTTP returns a client of the remote behind a port of its own.
func (r *remote) overHTTP(t *testing.T, o rpc.Observer, policies ...rpc.Policy) (*connect.Client, *httptest.Server) {
	t.Helper()
	mux := http.NewServeMux()
	connecthttp.Mount(mux, r.server())
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	d := rpc.NewDirectory(connect.NewServer(), map[string]string{"users": web.URL})
	d.Observe(o)
	return d.Client("users", policies...), web
}

func name(ctx context.Context, c *connect.Client) (string, error) {
	var res wrapperspb.StringValue
	err := c.CallUnary(ctx, nameSpec, wrapperspb.String("ada"), &res)
	return res.GetValue(), err
}

func failing(code connect.Code) func(context.Context) error {
	return func(context.Context) error { return connect.NewError(code, "no") }
}

func hanging(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// observed writes down what an Observer is told.
type observed struct {
	mu    sync.Mutex
	lines []string
}

func (o *observed) add(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines = append(o.lines, fmt.Sprintf(format, args...))
}

func (o *observed) CallRetrying(caller, call string, _ error) {
	o.add("%s retries %s", caller, call)
}
func (o *observed) CallTimedOut(caller, call string) { o.add("%s times out %s", caller, call) }
func (o *observed) CallRejected(caller, call, policy string) {
	o.add("%s is refused %s by %s", caller, call, policy)
}
func (o *observed) CallFellBack(caller, call string, _ error) {
	o.add("%s falls back from %s", caller, call)
}
func (o *observed) BreakerChanged(caller, of, state string) {
	o.add("breaker of %s for %s: %s", caller, of, state)
}

func (o *observed) want(t *testing.T, want ...string) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if !slices.Equal(o.lines, want) {
		t.Errorf("observed\n%s\nwant\n%s", strings.Join(o.lines, "\n"), strings.Join(want, "\n"))
	}
	o.lines = nil
}

// wantFailure checks a code, and that the text names what it has to.
func wantFailure(t *testing.T, err error, code connect.Code, parts ...string) {
	t.Helper()
	if err == nil || connect.CodeOf(err) != code {
		t.Fatalf("got %v, want code %v", err, code)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}

func TestTimeoutOfAServerThatHangs(t *testing.T) {
	t.Parallel()
	r, o := &remote{answer: hanging}, &observed{}
	c, _ := r.overHTTP(t, o, rpc.Policy{
		Caller: "board", Timeout: 40 * time.Millisecond, Retry: bus.RetryPolicy{Attempts: 2, First: time.Millisecond},
	})
	_, err := name(t.Context(), c)
	wantFailure(t, err, connect.CodeDeadlineExceeded, "users.Name", "timeout of 40ms", "2 attempts")
	o.want(t, "board times out users.Name", "board retries users.Name", "board times out users.Name")
	r.do(nil)
	if got, err := name(t.Context(), c); err != nil || got != "name of ada" {
		t.Errorf("got %q, %v once the server answers", got, err)
	}
}

func TestTheCallersDeadlineEndsTheCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, o := &remote{answer: hanging}, &observed{}
		c := r.over(o, rpc.Policy{Timeout: time.Minute})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		_, err := name(ctx, c)
		if time.Since(begin) != time.Second || r.count() != 1 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ended after %v and %d calls with %v", time.Since(begin), r.count(), err)
		}
		_, err = name(ctx, c)
		wantFailure(t, err, connect.CodeDeadlineExceeded, "users.Name", "the caller's time is up")
		if r.count() != 1 {
			t.Error("a call whose time was up went out")
		}
		o.want(t)
	})
}

func TestRetryOfWhatMayPass(t *testing.T) {
	t.Parallel()
	for code, calls := range map[connect.Code]int{
		connect.CodeUnavailable: 3, connect.CodeDeadlineExceeded: 3, connect.CodeResourceExhausted: 3, connect.CodeAborted: 3,
		connect.CodeNotFound: 1, connect.CodeInternal: 1, connect.CodeFailedPrecondition: 1, connect.CodeUnknown: 1,
	} {
		synctest.Test(t, func(t *testing.T) {
			r := &remote{answer: failing(code)}
			begin := time.Now()
			_, err := name(t.Context(), r.over(&observed{}, rpc.Policy{
				Retry: bus.RetryPolicy{Attempts: 3, First: 100 * time.Millisecond, Max: 100 * time.Millisecond},
			}))
			wantFailure(t, err, code)
			if r.count() != calls {
				t.Errorf("%v: %d calls, want %d", code, r.count(), calls)
			}
			pauses := time.Duration(calls-1) * 100 * time.Millisecond
			if took := time.Since(begin); took < pauses/2 || took > pauses+pauses/2 {
				t.Errorf("%v: pauses of %v, want %v give or take a half", code, took, pauses)
			}
			if calls > 1 {
				wantFailure(t, err, code, "users.Name", "gave up after 3 attempts")
			}
		})
	}
}

// A server that is killed breaks connections at any byte.
func TestBrokenConnectionsAreUnavailable(t *testing.T) {
	t.Parallel()
	for what, answer := range map[string]string{
		"no answer": "", "half a header": "HTTP/1.1 200 OK\r\nContent-Ty",
		"half an answer":  "HTTP/1.1 200 OK\r\nContent-Type: application/proto\r\nContent-Length: 100\r\n\r\nabc",
		"a proxy's error": "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 3\r\n\r\nabc",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		requests := make(chan struct{}, 8)
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = http.ReadRequest(bufio.NewReader(conn))
				_, _ = io.WriteString(conn, answer)
				_ = conn.Close()
				requests <- struct{}{}
			}
		}()
		d := rpc.NewDirectory(connect.NewServer(), map[string]string{"users": "http://" + l.Addr().String()})
		_, err = name(t.Context(), d.Client("users", rpc.Policy{Retry: bus.RetryPolicy{Attempts: 2, First: time.Millisecond}}))
		if connect.CodeOf(err) != connect.CodeUnavailable {
			t.Errorf("%s: %v, want Unavailable", what, err)
		}
		<-requests
		<-requests
	}
}

func TestBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, o := &remote{}, &observed{}
		c := r.over(o, rpc.Policy{
			Caller: "board", Retry: bus.RetryPolicy{Attempts: 1},
			Breaker: rpc.Breaker{Failures: 3, Window: 4, Open: 10 * time.Second},
		})
		call := func(answer func(context.Context) error) error {
			r.do(answer)
			_, err := name(t.Context(), c)
			return err
		}
		down := failing(connect.CodeUnavailable)
		_ = call(down)
		_ = call(down)
		_ = call(nil)
		wantFailure(t, call(failing(connect.CodeNotFound)), connect.CodeNotFound)
		_ = call(down) // three of the last five, two of the last four
		_ = call(down)
		o.want(t, "breaker of board for users: closed")
		_ = call(down)
		o.want(t, "breaker of board for users: open")

		before := r.count()
		wantFailure(t, call(nil), connect.CodeUnavailable, "users.Name", "circuit breaker is open", "10s")
		if r.count() != before {
			t.Error("a call went through an open breaker")
		}
		o.want(t, "board is refused users.Name by breaker")

		time.Sleep(10 * time.Second) // in virtual time
		_ = call(down)
		o.want(t, "breaker of board for users: half-open", "breaker of board for users: open")
		time.Sleep(10 * time.Second)
		if err := call(nil); err != nil {
			t.Errorf("the call that finds out: %v", err)
		}
		o.want(t, "breaker of board for users: half-open", "breaker of board for users: closed")
	})
}

// A caller that does not wait for the answer has not found out anything.
func TestAnAbandonedCallDoesNotCloseABreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, o := &remote{answer: failing(connect.CodeUnavailable)}, &observed{}
		c := r.over(o, rpc.Policy{Retry: bus.RetryPolicy{Attempts: 1}, Breaker: rpc.Breaker{Failures: 1, Open: time.Second}})
		_, _ = name(t.Context(), c)
		time.Sleep(time.Second)
		r.do(func(ctx context.Context) error {
			<-ctx.Done()
			return connect.NewError(connect.CodeCanceled, "gone")
		})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		_, err := name(ctx, c)
		wantFailure(t, err, connect.CodeCanceled)
		_, err = name(t.Context(), c)
		wantFailure(t, err, connect.CodeUnavailable, "circuit breaker is open")
	})
}

// Another context may have given something up itself: that is its answer, and
// not the end of the connection to it.
func TestAnAnswerOfCanceledIsAnAnswer(t *testing.T) {
	t.Parallel()
	r, o := &remote{answer: failing(connect.CodeCanceled)}, &observed{}
	c, _ := r.overHTTP(t, o)
	_, err := name(t.Context(), c)
	wantFailure(t, err, connect.CodeCanceled)
	if r.count() != 1 {
		t.Errorf("it was asked %d times", r.count())
	}
}

func TestNoMoreCallsAtOneTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		r, o := &remote{}, &observed{}
		r.do(func(context.Context) error {
			<-release
			return nil
		})
		c := r.over(o, rpc.Policy{Caller: "board", MaxConcurrent: 2, Breaker: rpc.Breaker{Failures: 1}})
		var calls sync.WaitGroup
		for range 2 {
			calls.Go(func() {
				if _, err := name(t.Context(), c); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		begin := time.Now()
		_, err := name(t.Context(), c)
		wantFailure(t, err, connect.CodeResourceExhausted, "users.Name", "2 calls", "max_concurrent", "board")
		if r.count() != 2 || time.Since(begin) != 0 {
			t.Errorf("%d calls, refused after %v; want 2, at once", r.count(), time.Since(begin))
		}
		close(release)
		calls.Wait()
		if _, err := name(t.Context(), c); err != nil {
			t.Errorf("a call after the others: %v", err)
		}
		o.want(t, "breaker of board for users: closed", "board is refused users.Name by max_concurrent")
	})
}

func TestFallback(t *testing.T) {
	t.Parallel()
	r, o := &remote{}, &observed{}
	var causes []connect.Code
	c, web := r.overHTTP(t, o,
		rpc.Policy{Caller: "board", Retry: bus.RetryPolicy{Attempts: 9}},
		rpc.Policy{
			Caller: "board", Procedure: nameSpec.Procedure, Retry: bus.RetryPolicy{Attempts: 1},
			Fallback: func(_ context.Context, req proto.Message, cause error) (proto.Message, error) {
				causes = append(causes, connect.CodeOf(cause))
				if connect.CodeOf(cause) == connect.CodeResourceExhausted {
					return nil, cause
				}
				return wrapperspb.String("student " + req.(*wrapperspb.StringValue).GetValue()), nil
			},
		})
	r.do(failing(connect.CodeNotFound))
	_, err := name(t.Context(), c)
	wantFailure(t, err, connect.CodeNotFound)
	r.do(failing(connect.CodeResourceExhausted))
	_, err = name(t.Context(), c)
	wantFailure(t, err, connect.CodeResourceExhausted, "users.Name", "fallback")
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := name(canceled, c); err == nil {
		t.Error("an answer for a caller that has gone")
	}
	o.want(t, "board falls back from users.Name")

	web.Close() // and now nobody answers
	if got, err := name(t.Context(), c); err != nil || got != "student ada" {
		t.Errorf("got %q, %v; want the fallback's answer", got, err)
	}
	o.want(t, "board falls back from users.Name")
	if !slices.Equal(causes, []connect.Code{connect.CodeResourceExhausted, connect.CodeUnavailable}) {
		t.Errorf("the fallback was given %v", causes)
	}
}

func TestKeysOfAWorkThatRunsAgain(t *testing.T) {
	t.Parallel()
	f := &faulty{}
	n := newNotes(t, f.intercept)
	d := rpc.NewDirectory(n.server, nil)
	d.AddLocal("notes")
	c := d.Client("notes")
	for range 2 {
		ctx := rpc.WithKey(t.Context(), "mail/1")
		for i, body := range []string{"x", "y"} {
			if got, err := add(ctx, c, body); err != nil || got != int64(i+1) {
				t.Errorf("note %s: %d, %v", body, got, err)
			}
		}
	}
	if n.runs != 2 {
		t.Errorf("%d runs, want each note stored once", n.runs)
	}
	want := []string{"mail/1/test.v1.Notes/Add/1", "mail/1/test.v1.Notes/Add/2"}
	if !slices.Equal(f.keys, append(want, want...)) {
		t.Errorf("keys %q", f.keys)
	}
	_, err := add(rpc.WithKey(t.Context(), "mail/1"), c, "another")
	wantFailure(t, err, connect.CodeInvalidArgument, "Idempotency-Key")
	if _, err := add(rpc.WithKey(t.Context(), strings.Repeat("long", 100)), c, "z"); err != nil {
		t.Errorf("a key that is too long for a header: %v", err)
	}
}

func TestOutcomeOfACallsError(t *testing.T) {
	t.Parallel()
	coded := func(c connect.Code) error { return fmt.Errorf("ask userprofile: %w", connect.NewError(c, "no")) }
	for _, test := range []struct {
		name string
		err  error
		want bus.Outcome
	}{
		{"a plain error", errors.New("x"), bus.Retry},
		{"unavailable", coded(connect.CodeUnavailable), bus.Retry},
		{"too late", coded(connect.CodeDeadlineExceeded), bus.Retry},
		{"busy", coded(connect.CodeResourceExhausted), bus.Retry},
		{"aborted", coded(connect.CodeAborted), bus.Retry},
		{"given up", coded(connect.CodeCanceled), bus.Retry},
		{"invalid", coded(connect.CodeInvalidArgument), bus.Dead},
		{"not found", coded(connect.CodeNotFound), bus.Dead},
		{"exists", coded(connect.CodeAlreadyExists), bus.Dead},
		{"precondition", coded(connect.CodeFailedPrecondition), bus.Dead},
		{"internal", coded(connect.CodeInternal), bus.Dead},
		{"unknown", coded(connect.CodeUnknown), bus.Dead},
		{"unimplemented", coded(connect.CodeUnimplemented), bus.Dead},
		{"parked by the handler", bus.Park(coded(connect.CodeInternal)), bus.Parked},
		{"retried by the handler", bus.RetryAfter(0, coded(connect.CodeInternal)), bus.Retry},
		{"rejected by the handler", bus.Reject(coded(connect.CodeUnavailable)), bus.Dead},
	} {
		got, _ := bus.OutcomeOf(rpc.Outcome(test.err))
		if got != test.want || !errors.Is(rpc.Outcome(test.err), test.err) && rpc.Outcome(test.err).Error() != test.err.Error() {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
	if rpc.Outcome(nil) != nil {
		t.Error("no error has an outcome")
	}
}
