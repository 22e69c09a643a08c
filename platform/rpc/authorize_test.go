package rpc_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectinprocess"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/identity/identitytest"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

var (
	ada  = identity.Caller{Subject: "ada", Roles: []string{identity.Student}}
	tess = identity.Caller{Subject: "tess", Roles: []string{identity.Teacher}}
)

func ofRequest(req any) string { return req.(*wrapperspb.StringValue).GetValue() }

// A desk is the context "desk" behind its authorizer, in this process and over
// HTTP.
type desk struct {
	server   *connect.Server
	url      string
	issuer   *identitytest.Issuer
	services *identity.Services
	log      lockedBuffer
	refused  []string
	callers  []string // of the calls that were let in

	authorizer *rpc.Authorizer
	forwarded  string // where the last call came from
}

func spec(name string) connect.Spec {
	return connect.Spec{Procedure: "/pl.desk.v1.DeskService/" + name, StreamType: connect.StreamTypeUnary}
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{issuer: identitytest.New(t)}
	var err error
	if d.services, err = identity.NewServices(strings.Repeat("secret", 6)); err != nil {
		t.Fatal(err)
	}
	a := rpc.NewAuthorizer(identity.NewVerifier(identity.Issuer{URL: d.issuer.URL}), d.services, slog.New(slog.NewTextHandler(&d.log, nil)),
		func(_ context.Context, call string, code connect.Code) {
			d.refused = append(d.refused, fmt.Sprint(call, " ", code))
		})
	d.authorizer = a
	a.Add("desk", rpc.Access{
		spec("Open").Procedure:  {{Public: true}},
		spec("Teach").Procedure: {{Role: identity.Teacher}, {Service: "board"}},
		spec("Mine").Procedure:  {{Role: identity.Student, Own: "student_id", Owner: ofRequest}},
	})
	d.server = rpc.NewServer(slog.New(slog.DiscardHandler), a.Intercept)
	for _, name := range []string{"Open", "Teach", "Mine", "Forgotten"} {
		d.server.Register(connect.Method{Spec: spec(name), Handler: d.handle})
	}
	mux := http.NewServeMux()
	connecthttp.Mount(mux, d.server)
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	d.url = web.URL
	return d
}

func (d *desk) handle(ctx context.Context, _ connect.Spec, stream connect.ServerStream) error {
	var req wrapperspb.StringValue
	if err := stream.Receive(&req); err != nil {
		return err
	}
	d.callers = append(d.callers, identity.From(ctx).Name())
	if info, ok := connect.CallInfoForServerContext(ctx); ok {
		d.forwarded = info.RequestHeader().Get("X-Forwarded-For")
	}
	return stream.Send(&req)
}

func call(ctx context.Context, c *connect.Client, name, student string) error {
	return c.CallUnary(ctx, spec(name), wrapperspb.String(student), new(wrapperspb.StringValue))
}

func TestOnlyWhoTheRulesLetInReachesAHandler(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		call    string
		caller  identity.Caller
		student string
		code    connect.Code // 0 for let in
		says    string
	}{
		{"Open", identity.Caller{}, "x", 0, ""},
		{"Open", ada, "x", 0, ""},
		{"Teach", tess, "x", 0, ""},
		{"Teach", ada, "x", connect.CodePermissionDenied, "desk.Teach lets in a teacher or the context board"},
		{"Teach", identity.Caller{}, "x", connect.CodeUnauthenticated, "Authorization: Bearer"},
		{"Mine", ada, "ada", 0, ""},
		{"Mine", ada, "somebody", connect.CodePermissionDenied, "a student whose own id is student_id"},
		{"Mine", tess, "tess", connect.CodePermissionDenied, "a student whose own id is student_id"},
		{"Mine", identity.Caller{}, "", connect.CodeUnauthenticated, "a student whose own id is student_id"},
		{"Forgotten", identity.Caller{Subject: "root", Roles: []string{identity.Admin}}, "x", connect.CodePermissionDenied, "nobody"},
		{"Forgotten", identity.Caller{}, "x", connect.CodePermissionDenied, "nobody"},
	} {
		d := newDesk(t)
		here := rpc.NewDirectory(d.server, nil)
		here.AddLocal("desk")
		for way, c := range map[string]*connect.Client{
			"in process": here.As(test.caller).Client("desk"),
			"elsewhere":  connect.NewClient(connecthttp.NewTransport(http.DefaultClient, d.url), d.issuer.As(test.caller)),
		} {
			d.callers, d.refused = nil, nil
			name := fmt.Sprintf("%s of %s as %s, %s", test.call, test.student, test.caller.Name(), way)
			err := call(t.Context(), c, test.call, test.student)
			if test.code == 0 {
				if err != nil || !slices.Equal(d.callers, []string{test.caller.Name()}) || len(d.refused) > 0 {
					t.Errorf("%s: %v, called by %v", name, err, d.callers)
				}
				continue
			}
			if connect.CodeOf(err) != test.code || !strings.Contains(err.Error(), test.says) || len(d.callers) > 0 {
				t.Errorf("%s: %v, called by %v; want %v that says %q", name, err, d.callers, test.code, test.says)
			}
			if want := fmt.Sprintf("desk.%s %v", test.call, test.code); !slices.Equal(d.refused, []string{want}) {
				t.Errorf("%s: counted %q, want %q", name, d.refused, want)
			}
			log := d.log.String()
			if !strings.Contains(log, "call refused") || !strings.Contains(log, "caller="+test.caller.Name()) || strings.Contains(log, "somebody") {
				t.Errorf("%s: logged %s", name, log)
			}
		}
	}
}

func TestABadTokenIsRefusedEverywhere(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	elsewhere := connecthttp.NewTransport(http.DefaultClient, d.url)
	other, err := d.services.Token("board", "course")
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{"rubbish": "x.y.z", "for another context": other} {
		for _, call := range []string{"Open", "Teach"} {
			ctx, info := connect.NewClientContext(t.Context())
			err := connect.NewClient(elsewhere, rpc.Bearer(token)).CallUnary(ctx, spec(call), wrapperspb.String("x"), new(wrapperspb.StringValue))
			if connect.CodeOf(err) != connect.CodeUnauthenticated || !strings.Contains(err.Error(), "access token") {
				t.Errorf("%s, %s: %v", name, call, err)
			}
			if got := info.ResponseHeader().Get("WWW-Authenticate"); got != "Bearer" {
				t.Errorf("%s, %s: WWW-Authenticate %q", name, call, got)
			}
		}
	}
	if len(d.callers) > 0 {
		t.Errorf("let in %v", d.callers)
	}
}

// TestAuthenticate puts the authorizer before everything that a port serves.
func TestAuthenticate(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	person, err := d.issuer.Token(ada)
	if err != nil {
		t.Fatal(err)
	}
	service, err := d.services.Token("board", "desk")
	if err != nil {
		t.Fatal(err)
	}
	open, rest := spec("Open").Procedure, "/api/v1/desks"
	for name, test := range map[string]struct{ path, header, caller, refused, counted string }{
		"nothing":                  {rest, "", "anonymous", "", ""},
		"a token":                  {rest, "Bearer " + person, "user:ada", "", ""},
		"another case":             {rest, "bearer  " + person, "user:ada", "", ""},
		"a call's token":           {open, "Bearer " + person, "user:ada", "", ""},
		"a service's token":        {open, "Bearer " + service, "service:board", "", ""},
		"a service's elsewhere":    {rest, "Bearer " + service, "", "is that of a service", "front door unauthenticated"},
		"a service of no contract": {spec("Forgotten").Procedure, "Bearer " + service, "", "is that of a service", "front door unauthenticated"},
		"another scheme":           {rest, "Basic YWRhOnB1bHNlbGVhcm4=", "", "Bearer, a space", "front door unauthenticated"},
		"no token behind it":       {open, "Bearer ", "", "Bearer, a space", "desk.Open unauthenticated"},
		"a bad token":              {open, "Bearer x", "", "is not a signed JWT", "desk.Open unauthenticated"},
	} {
		var got string
		var refused error
		d.refused = nil
		next := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = identity.From(r.Context()).Name() })
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, test.path, nil)
		r.Header.Set("Authorization", test.header)
		d.authorizer.Authenticate(next, func(_ http.ResponseWriter, _ *http.Request, err error) { refused = err }).ServeHTTP(httptest.NewRecorder(), r)
		switch {
		case test.refused == "" && (refused != nil || got != test.caller || len(d.refused) > 0):
			t.Errorf("%s: %s, %v", name, got, refused)
		case test.refused != "" && (got != "" || connect.CodeOf(refused) != connect.CodeUnauthenticated || !strings.Contains(refused.Error(), test.refused)):
			t.Errorf("%s: %v, served to %q", name, refused, got)
		case test.refused != "" && !slices.Equal(d.refused, []string{test.counted}):
			t.Errorf("%s: counted %v", name, d.refused)
		}
	}
}

// A process that is called is told where the person is.
func TestTheAddressIsPassedOn(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	there := rpc.NewDirectory(connect.NewServer(), map[string]string{"desk": d.url})
	for address, want := range map[string]string{"203.0.113.7": "203.0.113.7", "2001:db8::/64": "2001:db8::", "": ""} {
		d.forwarded = "none"
		if err := call(identity.WithAddress(t.Context(), address), there.Client("desk"), "Open", "x"); err != nil || d.forwarded != want {
			t.Errorf("%q: %v, forwarded %q", address, err, d.forwarded)
		}
	}
}

// A context is itself, whoever it does something for: a person's rights do not
// leak into what a handler calls, and are not needed there.
func TestContextsCallAsThemselves(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	here := rpc.NewDirectory(d.server, nil)
	here.AddLocal("desk")
	there := rpc.NewDirectory(connect.NewServer(), map[string]string{"desk": d.url})
	there.Identify(d.services)
	board := identity.Caller{Service: "board"}
	for name, directory := range map[string]*rpc.Directory{"in process": here, "elsewhere": there} {
		d.callers = nil
		ctx := identity.With(t.Context(), ada)
		if err := call(ctx, directory.As(board).Client("desk"), "Teach", "x"); err != nil || !slices.Equal(d.callers, []string{"service:board"}) {
			t.Errorf("%s: %v, called by %v", name, err, d.callers)
		}
		if err := call(identity.With(t.Context(), tess), directory.As(identity.Caller{Service: "quiz"}).Client("desk"), "Teach", "x"); connect.CodeOf(err) != connect.CodePermissionDenied {
			t.Errorf("%s: a context that is not let in: %v", name, err)
		}
	}
	nameless := rpc.NewDirectory(connect.NewServer(), map[string]string{"desk": d.url}).As(board)
	if err := call(t.Context(), nameless.Client("desk"), "Teach", "x"); connect.CodeOf(err) != connect.CodeUnauthenticated || !strings.Contains(err.Error(), "PL_SERVICE_SECRET") {
		t.Errorf("without a secret: %v", err)
	}
}

// The front door calls in the name of the person that it serves.
func TestCallsInThePersonsName(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	here := rpc.NewDirectory(d.server, nil)
	here.AddLocal("desk")
	there := rpc.NewDirectory(connect.NewServer(), map[string]string{"desk": d.url})
	there.Identify(d.services)
	token, err := d.issuer.Token(ada)
	if err != nil {
		t.Fatal(err)
	}
	person := ada
	person.Token = token
	for name, directory := range map[string]*rpc.Directory{"in process": here, "elsewhere": there} {
		d.callers = nil
		ctx := identity.With(t.Context(), person)
		if err := call(ctx, directory.Client("desk"), "Mine", "ada"); err != nil || !slices.Equal(d.callers, []string{"user:ada"}) {
			t.Errorf("%s: %v, called by %v", name, err, d.callers)
		}
		if err := call(t.Context(), directory.Client("desk"), "Mine", "ada"); connect.CodeOf(err) != connect.CodeUnauthenticated {
			t.Errorf("%s, as nobody: %v", name, err)
		}
	}
	if err := call(identity.With(t.Context(), ada), there.Client("desk"), "Mine", "ada"); connect.CodeOf(err) != connect.CodeUnauthenticated || !strings.Contains(err.Error(), "token") {
		t.Errorf("a person without a token, elsewhere: %v", err)
	}
}

// What a client lends to a call is its caller's again behind it.
func TestATokenIsLentToOneCall(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	there := rpc.NewDirectory(connect.NewServer(), map[string]string{"desk": d.url})
	there.Identify(d.services)
	ctx, info := connect.NewClientContext(t.Context())
	info.RequestHeader().Set("Authorization", "Basic mine")
	if err := call(ctx, there.As(identity.Caller{Service: "board"}).Client("desk"), "Teach", "x"); err != nil {
		t.Fatal(err)
	}
	if got := info.RequestHeader().Get("Authorization"); got != "Basic mine" {
		t.Errorf("the caller's header is %q", got)
	}
}

// BenchmarkAuthorize is what identity costs a call in the process, and one
// that shows a token.
func BenchmarkAuthorize(b *testing.B) {
	issuer := identitytest.New(b)
	a := rpc.NewAuthorizer(identity.NewVerifier(identity.Issuer{URL: issuer.URL}), nil, slog.New(slog.DiscardHandler), nil)
	a.Add("desk", rpc.Access{spec("Mine").Procedure: {{Role: identity.Teacher}, {Role: identity.Student, Own: "student_id", Owner: ofRequest}}})
	echo := func(_ context.Context, _ connect.Spec, stream connect.ServerStream) error {
		var req wrapperspb.StringValue
		if err := stream.Receive(&req); err != nil {
			return err
		}
		return stream.Send(&req)
	}
	open, guarded := connect.NewServer(), connect.NewServer(a.Intercept)
	for _, s := range []*connect.Server{open, guarded} {
		s.Register(connect.Method{Spec: spec("Mine"), Handler: echo})
	}
	token, err := issuer.Token(ada)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		client *connect.Client
		ctx    context.Context
	}{
		{"open", connect.NewClient(connectinprocess.New(open)), b.Context()},
		{"caller of the context", connect.NewClient(connectinprocess.New(guarded)), identity.With(b.Context(), ada)},
		{"token", connect.NewClient(connectinprocess.New(guarded), rpc.Bearer(token)), b.Context()},
	} {
		b.Run(c.name, func(b *testing.B) {
			req, res := wrapperspb.String("ada"), new(wrapperspb.StringValue)
			b.ReportAllocs()
			for b.Loop() {
				if err := c.client.CallUnary(c.ctx, spec("Mine"), req, res); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
