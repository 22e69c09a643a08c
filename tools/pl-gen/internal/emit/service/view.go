package service

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/entity"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/event"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/gofile"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// A view is a context as the templates see it.
type view struct {
	context *model.Context
	module  string
	pkg     gofile.Package

	// Name is the context's name, and Marker the method that its own events
	// have.
	Name, Marker string
	Methods      []method
	Consumers    []consumer
	Publishes    []gofile.Ident
	Entities     []entityView
	Clients      []clientView
	Fallbacks    []fallbackView
	// Sagas are the names of the context's sagas.
	Sagas []string
	// External tells whether a consumer's effect is outside of the database.
	External bool
	// HTTP are the paths that the context serves over plain HTTP.
	HTTP []string
	// Register registers the Connect handlers.
	Register gofile.Ident
}

type method struct {
	Name, Doc      string
	Query, Checked bool
	Procedure      gofile.Ident
	Input, Output  gofile.Ident
	Access         []*model.Allow
	checkInput     string
}

// Check is the function that checks the request.
func (m method) Check() string { return m.checkInput }

type consumer struct {
	// Handler is the method, and Consumer the name that positions have.
	Handler, Consumer, Topic, Doc string
	Message, Type                 gofile.Ident
	Latest, External, SkipDead    bool
	Timeout                       time.Duration
	Retry                         retryView
	KeyLimit, HoldLimit           int
}

type entityView struct {
	Name, Doc     string
	Client, Query gofile.Ident
	Model         gofile.Ident
	NewClient     gofile.Ident
}

type clientView struct {
	Field, Context string
	Interface, New gofile.Ident
	Policies       []policyView
}

func newView(module string, c *model.Context) *view {
	v := &view{
		context: c, module: module, pkg: Package(module, c.Name),
		Name: c.Name, Marker: event.Marker(c.Name),
		Register: connectPackage(c.Service).Ident("Register" + c.Service.Name + "Handler"),
	}
	for _, m := range c.Service.Methods {
		v.Methods = append(v.Methods, v.method(m))
	}
	for _, k := range c.Consumes {
		v.Consumers = append(v.Consumers, v.consumer(k))
		v.External = v.External || k.External
	}
	for _, p := range c.HTTP {
		v.HTTP = append(v.HTTP, p.Path)
	}
	for _, s := range c.Sagas {
		v.Sagas = append(v.Sagas, s.Name)
	}
	for _, e := range c.Publishes {
		v.Publishes = append(v.Publishes, typeIdent(module, e))
	}
	for _, e := range c.Entities {
		v.Entities = append(v.Entities, v.entity(e))
	}
	for _, other := range c.Calls {
		if other.Service != nil {
			v.Clients = append(v.Clients, v.client(other))
		}
	}
	return v
}

func (v *view) method(m *model.Method) method {
	return method{
		Name: m.Name, Doc: m.Doc, Query: m.Query,
		Checked:    needsCheck(m.Input),
		checkInput: checkName(m.Input),
		Procedure:  connectPackage(v.context.Service).Ident(v.context.Service.Name + m.Name + "Procedure"),
		Input:      messageIdent(m.Input),
		Output:     messageIdent(m.Output),
		Access:     m.Access,
	}
}

func (v *view) consumer(k *model.Consumer) consumer {
	return consumer{
		Handler: k.Handler, Consumer: k.Context.Name + "." + k.Handler, Topic: k.Event.Topic,
		Doc:     fmt.Sprintf("%s consumes %s: %s", k.Handler, k.Event.Topic, lowerFirst(k.Event.Schema.Doc)),
		Message: EventIdent(v.module, k.Event), Type: typeIdent(v.module, k.Event),
		Latest: k.Latest, Timeout: k.Timeout, External: k.External, SkipDead: k.SkipDead,
		Retry: retryOf(k.Retry), KeyLimit: k.KeyLimit, HoldLimit: k.HoldLimit,
	}
}

func (v *view) entity(e *model.Entity) entityView {
	ent := EntPackage(v.module, v.context.Name)
	return entityView{
		Name: e.Name, Doc: e.Doc,
		Client: ent.Ident(e.Name + "Client"), Query: ent.Ident(e.Name + "Query"), Model: ent.Ident(e.Name),
		NewClient: ent.Ident("New" + e.Name + "Client"),
	}
}

// PackageDoc is the package comment.
func (v *view) PackageDoc() string {
	return fmt.Sprintf("Package %s is what services/%s is written against: its handlers, the transaction and the reader that they get, and its events. %s",
		v.pkg.Name, v.Name, v.context.Doc)
}

// HandlerDoc says what implementing the handlers means.
func (v *view) HandlerDoc() string {
	which, others := "Every method", ""
	if v.External || len(v.Sagas) > 0 {
		which = "Every method with a Tx"
	}
	if v.External {
		others = " A method with a Call has its effect outside of the database, at least once."
	}
	if len(v.Sagas) > 0 {
		others += " A method named after a saga returns what its steps do."
	}
	return fmt.Sprintf("Handler is what services/%s implements: a method for each call of its API and for each event that it consumes. %s is one transaction: when it returns nil, what it wrote and published is committed together with the fact that it ran; when it returns an error, nothing has happened.%s", v.Name, which, others)
}

// HTTPDoc says what the handler of plain HTTP is for.
func (v *view) HTTPDoc() string {
	return fmt.Sprintf("HTTP returns what answers requests for %s, and is asked once, before the context takes calls. Requests come as they were sent: nothing has looked at who makes them.", strings.Join(v.HTTP, ", "))
}

// EventDoc says which events the interface stands for.
func (v *view) EventDoc() string {
	return fmt.Sprintf("Event is an event that %s publishes. The events of other contexts do not implement it.", v.Name)
}

// NewEnt makes the Ent client over a driver, and Driver is the Ent option.
func (v *view) NewEnt() gofile.Ident { return EntPackage(v.module, v.Name).Ident("NewClient") }

// EntDriver is Ent's option that sets the driver.
func (v *view) EntDriver() gofile.Ident { return EntPackage(v.module, v.Name).Ident("Driver") }

// Ent returns an identifier of the context's Ent package.
func (v *view) Ent(name string) gofile.Ident { return EntPackage(v.module, v.Name).Ident(name) }

// Platform returns an identifier of a package under platform.
func (v *view) Platform(dir, name string) gofile.Ident {
	return gofile.PackageAt(v.module + "/platform/" + dir).Ident(name)
}

// EntPackage returns the Ent package of a context, which generated code and
// handlers import as ent.
func EntPackage(module, context string) gofile.Package {
	return gofile.Package{Path: module + "/" + entity.Dir(context), Name: "ent"}
}

// EventIdent returns the Go type of an event.
func EventIdent(module string, e *model.Event) gofile.Ident {
	pkg := gofile.Package{
		Path: fmt.Sprintf("%s/gen/event/%s/v%d", module, e.Context, e.Version),
		Name: fmt.Sprintf("%sv%devent", e.Context, e.Version),
	}
	return pkg.Ident(e.GoName)
}

// typeIdent returns the variable that describes an event to the platform.
func typeIdent(module string, e *model.Event) gofile.Ident {
	id := EventIdent(module, e)
	return id.Package.Ident(id.Name + "Type")
}

func messageIdent(m *model.Message) gofile.Ident {
	return messagePackage(m.ImportPath).Ident(m.GoName)
}

// messagePackage names the package as its go_package option does by our rule:
// the last two elements of gen/proto/pl/achievement/v1 give achievementv1.
func messagePackage(path string) gofile.Package {
	elements := strings.Split(path, "/")
	n := len(elements)
	return gofile.Package{Path: path, Name: elements[n-2] + elements[n-1]}
}

func connectPackage(s *model.Service) gofile.Package {
	options, _ := s.Desc.ParentFile().Options().(*descriptorpb.FileOptions)
	importPath, _, _ := strings.Cut(options.GetGoPackage(), ";")
	messages := messagePackage(importPath)
	name := messages.Name + "connect"
	return gofile.Package{Path: messages.Path + "/" + name, Name: name}
}

func lowerFirst(s string) string {
	if len(s) > 1 && s[1] >= 'a' && s[1] <= 'z' || len(s) > 1 && s[1] == ' ' {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}

// durationText returns a duration as Go code.
func durationText(d time.Duration, ident func(path, name string) string) string {
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{time.Hour, "Hour"}, {time.Minute, "Minute"}, {time.Second, "Second"}, {time.Millisecond, "Millisecond"}} {
		if d%unit.length == 0 {
			return fmt.Sprintf("%d * %s", d/unit.length, ident("time", unit.name))
		}
	}
	return strconv.FormatInt(int64(d), 10)
}
