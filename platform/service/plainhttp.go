package service

import (
	"context"
	"fmt"
	"net/http"

	"github.com/pulselearn/campus-hub/platform/tx"
)

// HTTP is what a context serves over plain HTTP, beside its calls, and what it
// does of its own accord.
type HTTP struct {
	// Paths are exact paths, and those that end with a slash for everything
	// below them. No two contexts of a process have the same.
	Paths []string
	// Handler makes the handler, once, before the context takes requests.
	Handler func(store *tx.Store) http.Handler
	// Prepare is done before the context takes requests; an error ends the
	// start. It may be nil.
	Prepare func(ctx context.Context, store *tx.Store) error
	// Work goes on from then until ctx ends; what it returns before ends the
	// process. It may be nil.
	Work func(ctx context.Context, store *tx.Store) error
}

// ownPaths are those that the process serves itself.
var ownPaths = []string{"/", "/healthz", "/readyz", "/metrics"}

// checkPaths fails when two handlers have the same path.
func (a *App) checkPaths() error {
	taken := map[string]string{}
	for _, path := range ownPaths {
		taken[path] = "the process itself"
	}
	for i := range a.definitions {
		d := &a.definitions[i]
		if d.HTTP == nil {
			continue
		}
		for _, path := range d.HTTP.Paths {
			if other, ok := taken[path]; ok {
				return fmt.Errorf("context %s cannot serve %s: %s does", d.Context, path, other)
			}
			taken[path] = "context " + d.Context
		}
	}
	return nil
}

// preparePlain does what contexts have to do before they take requests.
func (p *Process) preparePlain(ctx context.Context) error {
	for _, u := range p.units {
		if u.HTTP == nil || u.HTTP.Prepare == nil {
			continue
		}
		if err := u.HTTP.Prepare(ctx, u.store); err != nil {
			return fmt.Errorf("prepare context %s: %w", u.Context, err)
		}
	}
	return nil
}

// mountPlain adds to mux what contexts serve over plain HTTP. Who makes such a
// request is theirs to find out, so its limit is that of its address.
func (p *Process) mountPlain(mux *http.ServeMux) {
	for _, u := range p.units {
		if u.HTTP == nil {
			continue
		}
		handler := p.door.Limit(u.HTTP.Handler(u.store))
		for _, path := range u.HTTP.Paths {
			mux.Handle(path, handler)
		}
	}
}
