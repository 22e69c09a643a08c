// Package service is the life of a process: configuration, start, readiness,
// drain and end. A process serves one context or, as the hub, all of them.
// What it is made of comes from generated code, as a [Definition] for each
// context; the engines that it runs on come from its main package, so that
// this package knows neither a broker nor a database.
package service

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"

	"connectrpc.com/connect/v2"

	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/gateway"
	"github.com/pulselearn/campus-hub/platform/rpc"
	"github.com/pulselearn/campus-hub/platform/saga"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// A Definition is one bounded context as a process runs it. Generated code
// makes it.
type Definition struct {
	// Context is the context's name, "achievement". Its database, consumer
	// group, metrics and settings are named after it.
	Context string
	// Publishes are the events that the context may publish.
	Publishes []*event.Type
	// Consumers are the events that it handles.
	Consumers []tx.Consumer
	// Sagas returns the sagas that the context owns, whose steps call other
	// contexts through calls. Their consumers are among Consumers. It is nil
	// for a context without sagas.
	Sagas func(calls *rpc.Directory) []saga.Definition
	// Calls are the contexts that its query handlers and sagas call.
	Calls []string
	// Migrations holds <dialect>/NNNN_name.sql for sqlite and postgres.
	Migrations fs.FS
	// Code says which code the errors of the context's own database layer
	// have. It may be nil.
	Code rpc.CodeFunc
	// HTTP is what the context serves over plain HTTP; nil for nothing.
	HTTP *HTTP
	// Access says who may make its calls; a call that it lacks is refused to
	// everybody.
	Access rpc.Access
	// Configure gives the context's service its settings, before anything of
	// the process runs. It is nil for a service that has none.
	Configure func(cfg *Config) error
	// Methods registers the context's API with server. Commands and queries
	// go through core; clients of other contexts come from calls.
	Methods func(server *connect.Server, core *rpc.Core, calls *rpc.Directory)
}

// Configurable is what a service implements that has settings of its own.
type Configurable interface {
	// Configure is called once, before any handler is. The configuration must
	// not be changed. An error ends the start.
	Configure(cfg *Config) error
}

// Configuration returns the Configure of a service, or nil when it has none.
func Configuration(service any) func(cfg *Config) error {
	if c, ok := service.(Configurable); ok {
		return c.Configure
	}
	return nil
}

// An App is the contexts that one process serves. It is filled before the
// process starts and must not be changed afterwards.
type App struct {
	name        string
	definitions []Definition
	front       gateway.Front
	site        func(next http.Handler) http.Handler // nil without pages
}

// New returns an app without contexts. Its name is the binary's: what it is
// called in traces, logs and messages.
func New(name string) *App { return &App{name: name} }

// Name returns the name that the app was made with.
func (a *App) Name() string { return a.name }

// Add adds a context.
func (a *App) Add(d Definition) { a.definitions = append(a.definitions, d) }

// Open says what the front door of the process serves besides the calls of
// its own contexts.
func (a *App) Open(f gateway.Front) { a.front = f }

func (a *App) has(context string) bool {
	for i := range a.definitions {
		if a.definitions[i].Context == context {
			return true
		}
	}
	return false
}

// Definitions returns the contexts in the order of their addition.
func (a *App) Definitions() []Definition { return slices.Clone(a.definitions) }

func (a *App) contexts() []string {
	names := make([]string, 0, len(a.definitions))
	for i := range a.definitions {
		names = append(names, a.definitions[i].Context)
	}
	return names
}

// check reports what a process cannot be made of.
func (a *App) check() error {
	if len(a.definitions) == 0 && len(a.front.APIs) == 0 {
		return fmt.Errorf("%s has no contexts", a.name)
	}
	errs := []error{a.checkPaths()}
	seen := map[string]bool{}
	for i := range a.definitions {
		d := &a.definitions[i]
		switch {
		case d.Context == "":
			errs = append(errs, fmt.Errorf("%s has a context without a name", a.name))
		case seen[d.Context]:
			errs = append(errs, fmt.Errorf("%s has context %s twice", a.name, d.Context))
		case d.Methods == nil || d.Migrations == nil:
			errs = append(errs, fmt.Errorf("context %s needs methods and migrations", d.Context))
		}
		seen[d.Context] = true
	}
	return errors.Join(errs...)
}
