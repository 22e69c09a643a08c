package rpc

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectinprocess"

	"github.com/pulselearn/campus-hub/platform/identity"
)

// A Directory knows where each context can be called: in this process, or at
// an address. Its calls are made by the caller of their context, see
// [identity.With]: in another process that caller is known by its own access
// token, and a context by one that [Directory.Identify] makes. [Directory.As]
// gives all calls one caller. It is filled before the first call and then safe
// for concurrent use.
type Directory struct {
	server       *connect.Server
	local        map[string]bool
	remote       map[string]string
	http         connecthttp.HTTPClient
	interceptors []connect.ClientInterceptor
	attempts     []connect.ClientInterceptor // of every attempt
	observer     Observer
	services     *identity.Services // nil without a secret
	caller       func(context.Context) identity.Caller
}

// NewDirectory returns a directory whose local contexts are served by server.
// remote maps context names to base URLs. The interceptors wrap every call.
func NewDirectory(server *connect.Server, remote map[string]string, interceptors ...connect.ClientInterceptor) *Directory {
	return &Directory{
		server: server, local: map[string]bool{}, remote: remote,
		http: newHTTPClient(), interceptors: interceptors, observer: unobserved{},
		caller: identity.From,
	}
}

// Observe sets who is told what the policies of clients do. It must be called
// before the first [Directory.Client].
func (d *Directory) Observe(o Observer) { d.observer = o }

// Intercept puts an interceptor around every attempt of a call, inside of the
// policies that repeat it. It must be called before the first
// [Directory.Client].
func (d *Directory) Intercept(i connect.ClientInterceptor) { d.attempts = append(d.attempts, i) }

// Identify sets what makes the tokens that contexts of this process are known
// by in others. It must be called before the first [Directory.Client].
func (d *Directory) Identify(s *identity.Services) { d.services = s }

// maxIdleConns is how many connections to one process are kept for the next
// call.
const maxIdleConns = 32

func newHTTPClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = maxIdleConns
	return &http.Client{Transport: transport}
}

// AddLocal says that the named context is served by this process.
func (d *Directory) AddLocal(context string) { d.local[context] = true }

// Client returns a client for the named context that holds calls to policies,
// and to the defaults for what they leave out; [NewClient] says what else it
// does. Each client has breakers and limits of its own. A context that this process
// neither serves nor has an address for answers every call with Unavailable
// and the setting that is missing; [Directory.Check] finds that at start-up.
func (d *Directory) Client(context string, policies ...Policy) *connect.Client {
	return newClient(d.transport(context), newGuards(context, policies, d.observer), d.interceptors, append(slices.Clone(d.attempts), d.identify(context))...)
}

// Check fails when one of the contexts can be reached neither in this process
// nor at an address.
func (d *Directory) Check(contexts ...string) error {
	for _, name := range contexts {
		if !d.local[name] && d.remote[name] == "" {
			return missing(name)
		}
	}
	return nil
}

func (d *Directory) transport(name string) connect.Transport {
	switch url := d.remote[name]; {
	case url != "":
		return connecthttp.NewTransport(d.http, url)
	case d.local[name]:
		return connectinprocess.New(d.server)
	}
	return unreachable{missing(name)}
}

func missing(name string) error {
	return fmt.Errorf("context %s is not part of this process and has no address; set PL_CALLS_%s to its base URL",
		name, strings.ToUpper(name))
}

type unreachable struct{ err error }

func (u unreachable) NewClientStream(context.Context, connect.Spec) (connect.ClientStream, error) {
	return nil, connect.NewError(connect.CodeUnavailable, u.err.Error())
}
