package tssdk

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/platform/avro/avrojson"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
)

const connectES = "@connectrpc/connect"

// emitClients emits what gives a client of each context.
func emitClients(m *model.Model) plan.File {
	f := newFile(Dir + "/src/clients.ts")
	var served []*model.Context
	for _, c := range m.Contexts {
		if c.Service != nil {
			served = append(served, c)
		}
	}
	f.doc("", "A client of each context's API.")
	f.printf("export interface Clients {\n")
	for _, c := range served {
		f.doc("  ", c.Service.Doc)
		f.printf("  readonly %s: %s<typeof %s>;\n", c.Name, f.typ("Client", connectES), f.service(c))
	}
	f.printf("}\n\n")
	f.doc("", `Returns the clients of all contexts behind one address, such as "https://campus.example".

Commands carry an idempotency key, made once a call and kept when the call is tried again. An application that uses few
contexts is smaller with createClient of @connectrpc/connect and createHubTransport.`)
	f.printf("export function createClients(baseUrl: string, options: %s = {}): Clients {\n", f.typ("HubOptions", Dir+"/src/transport.js"))
	f.printf("  const transport = %s(baseUrl, options);\n  return {\n", f.value("createHubTransport", Dir+"/src/transport.js"))
	for _, c := range served {
		f.printf("    %s: %s(%s, transport),\n", c.Name, f.value("createClient", connectES), f.value(c.Service.Name, serviceModule(c)))
	}
	f.printf("  };\n}\n\n")
	f.doc("", "The services, by context: for createClient, and for realtime calls.")
	for _, c := range served {
		f.printf("export { %s } from %q;\n", c.Service.Name, relative(Dir+"/src", serviceModule(c)))
	}
	return f.done()
}

func (f *file) service(c *model.Context) string {
	return f.value(c.Service.Name, serviceModule(c))
}

func serviceModule(c *model.Context) string { return modulePath(c.Service.Desc.ParentFile(), ".js") }

// people is the family of channels that belong to one person each; the others
// carry no personal data.
const people = "user"

// emitChannels emits which events arrive on which realtime channels.
func emitChannels(m *model.Model) plan.File {
	f := newFile(Dir + "/src/channels.ts")
	families := map[string][]*model.Event{}
	var names []string
	for _, e := range m.Events {
		family, _, ok := strings.Cut(e.Realtime, ":")
		if !ok {
			continue
		}
		if families[family] == nil {
			names = append(names, family)
		}
		families[family] = append(families[family], e)
	}
	slices.Sort(names)
	f.doc("", `What arrives on the realtime channels, by family ("user" for "user:123") and topic. Outside of "user" channels personal
data is left out.`)
	f.printf("export interface ChannelEvents {\n")
	for _, family := range names {
		f.doc("  ", fmt.Sprintf("Events on %q channels.", family))
		f.printf("  %s: {\n", family)
		for _, e := range families[family] {
			f.printf("    %s: %s;\n", quote(e.Topic), f.payload(e, family))
		}
		f.printf("  };\n")
	}
	f.printf("}\n")
	return f.done()
}

func (f *file) payload(e *model.Event, family string) string {
	name := f.typ(e.GoName, modulePathOf(e.Schema.Namespace, ".js"))
	hidden := personal(e.Schema)
	if family == people || len(hidden) == 0 {
		return name
	}
	return fmt.Sprintf("Omit<%s, %s>", name, strings.Join(hidden, " | "))
}

func personal(s *avro.Schema) []string {
	var names []string
	for _, field := range s.Fields {
		if avrojson.Personal(field) != "" {
			names = append(names, strconv.Quote(field.Name))
		}
	}
	return names
}
