package catalog

import (
	"bytes"
	"fmt"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// llms returns llms.txt: the catalog as one Markdown text, with links to the
// machine-readable documents.
func (s *site) llms() []byte {
	var b bytes.Buffer
	b.WriteString("# Event and API catalog\n\n> Contexts, events and calls of this repository, generated from its contracts. " +
		"Events are Avro on Kafka topics with CloudEvents headers; calls are Connect (JSON or protobuf over HTTP).\n")
	b.WriteString("\n## Contexts\n\n")
	for _, c := range s.model.Contexts {
		item(&b, c.Name, base("").context(c), owned(c))
	}
	b.WriteString("\n## Events\n\n")
	for _, e := range s.model.Events {
		item(&b, e.Topic, "schemas/"+e.Topic+".avsc", sentence(e.Schema.Doc)+wiring(e))
	}
	s.llmsRecords(&b)
	b.WriteString("\n## Calls\n\n")
	for _, c := range s.model.Contexts {
		if c.Service == nil {
			continue
		}
		for _, m := range c.Service.Methods {
			item(&b, "POST /"+string(c.Service.Desc.FullName())+"/"+m.Name, base("").call(c, m), sentence(m.Doc))
		}
	}
	s.llmsDocuments(&b)
	return b.Bytes()
}

func (s *site) llmsRecords(b *bytes.Buffer) {
	if len(s.model.Records) == 0 {
		return
	}
	b.WriteString("\n## Shared records\n\n")
	for _, r := range s.model.Records {
		item(b, r.Schema.FullName(), base("").record(r.Schema), sentence(r.Schema.Doc))
	}
}

func (s *site) llmsDocuments(b *bytes.Buffer) {
	b.WriteString("\n## Documents\n\n")
	for _, f := range s.files {
		switch dir, name := split(f.Path); dir {
		case "asyncapi":
			item(b, "AsyncAPI 3.1: "+name, f.Path, "")
		case "openapi":
			item(b, "OpenAPI 3.1: "+name, f.Path, "")
		}
	}
}

func item(b *bytes.Buffer, name, href, note string) {
	fmt.Fprintf(b, "- [%s](%s)", name, href)
	if note != "" {
		b.WriteString(": " + note)
	}
	b.WriteByte('\n')
}

func owned(c *model.Context) string {
	text := sentence(c.Doc)
	if c.Owner != "" {
		text += " Owner: " + c.Owner + "."
	}
	return text
}

func wiring(e *model.Event) string {
	text := ""
	if e.Publisher != nil {
		text += " Published by " + e.Publisher.Name + "."
	}
	if e.Key != nil {
		text += " Key: " + e.Key.Name + "."
	}
	readers := readersOf(e)
	for i, r := range readers {
		if i == 0 {
			text += " Consumed by "
		} else {
			text += ", "
		}
		text += r.context.Name + "." + r.name
	}
	if len(readers) > 0 {
		text += "."
	}
	return text
}
